//! From the first word to the exit: limits, set-up, the function, its outcome.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::context::{Worker, become_worker};
use super::{control, desk, panic, words};
use crate::registry::{Answer, Entry, SETUPS, Work};
use crate::sys::{self, Owned};
use crate::wire::{
    Bootstrap, ChildLanes, ControlReceiver, Fault, Heirloom, LaneReceiver, Special, Tag, UpSender,
    Variable,
};

/// Works, and says with which code to leave.
///
/// A worker that is not `watched` has to hear itself whether its parent lives.
#[inline]
pub(super) fn work(call: &Variable, lanes: ChildLanes, greeting: Owned, watched: bool) -> i32 {
    panic::install_hook();
    let (mut arguments, outcome, reports) = lanes;
    let begun = first_word(&mut arguments).and_then(|bootstrap| {
        let control = ControlReceiver::new(call.control)?;
        Ok((bootstrap, control, UpSender::new(Heirloom::inherited(call.up))?))
    });
    // A parent that never says the first word is gone, or has given this child up.
    let Ok((bootstrap, control, up)) = begun else { sys::die_at_once() };
    let Bootstrap { entry, name, id, parent, max_message, tree, special } = bootstrap;
    let Special { memory_limit, serves, belt } = special;
    let limit = usize::try_from(max_message).unwrap_or(usize::MAX);
    arguments.set_limit(limit);
    sys::set_process_name(&name);
    sys::report_faults(&name);
    desk::sit_down(outcome, serves, belt, limit);
    panic::report_to(reports);
    words::open(up, limit);
    become_worker(Worker { pid: std::process::id(), name, id, parent, tree });
    let Some(entry) = Entry::at(entry) else {
        return told(desk::send_text(Tag::BadArguments, "it has no such function"), 1);
    };
    control::take_over(control);
    // Where memory is limited there may be none for the thread later.
    if !watched || memory_limit.is_some() {
        control::hear();
    }
    if let Some(bytes) = memory_limit
        && let Err(error) = sys::limit_memory(bytes)
    {
        let why = format!("its memory limit of {bytes} bytes was refused: {error}");
        return told(desk::send_text(Tag::BadArguments, &why), 1);
    }
    let ended = catch_unwind(AssertUnwindSafe(|| {
        SETUPS.iter().for_each(|set_up| set_up());
        if !SETUPS.is_empty() {
            panic::install_hook();
        }
        run(entry, arguments, limit, greeting)
    }));
    match ended {
        Ok(code) => code,
        Err(payload) => {
            leave_if_copy();
            // A payload whose own drop panics would take the process down without a word.
            std::mem::forget(payload);
            told(desk::send_text(Tag::Panicked, ""), 101)
        }
    }
}

/// Waits for the first word.
#[inline]
fn first_word(from_parent: &mut LaneReceiver) -> Result<Bootstrap, Fault> {
    let message = from_parent.receive(None)?;
    if message.tag == Tag::Begin { Bootstrap::read(&message.body) } else { Err(Fault::Rubbish) }
}

/// Runs the function on its arguments and sends what became of it. With that it hangs up its greeting,
/// which wakes who waits for the outcome.
#[inline]
fn run(entry: &Entry, arguments: LaneReceiver, limit: usize, greeting: Owned) -> i32 {
    // Never dropped: the process ends after this, and a function that has closed all descriptors
    // would make that a panic.
    let mut arguments = ManuallyDrop::new(arguments);
    let call = match entry.work() {
        Work::Call(call, _) => call,
        Work::Converse(converse) => {
            converse(&mut arguments, desk::speak);
            words::settle();
            return 0;
        }
    };
    let message = match arguments.receive(None) {
        Ok(message) if message.tag == Tag::Value => message,
        Ok(_) | Err(Fault::Rubbish | Fault::TimedOut) => {
            return told(desk::send_text(Tag::BadArguments, "its arguments are rubbish"), 1);
        }
        Err(Fault::NoRoom(_) | Fault::Lost) => {
            let why = "there is no descriptor or memory for its arguments";
            return told(desk::send_text(Tag::BadArguments, why), 1);
        }
        Err(Fault::Gone) => sys::die_at_once(),
    };
    let mut code = 0;
    message.body.decode(|mut row| {
        call(&mut row, limit, &mut |answer| {
            leave_if_copy();
            code = match answer {
                Answer::Value(row) => match desk::send(Tag::Value, row) {
                    Err(Fault::NoRoom(_)) => {
                        let why = format!("no descriptor or memory for its {} bytes", row.len());
                        told(desk::send_text(Tag::Unencodable, &why), 1)
                    }
                    sent => told(sent, 0),
                },
                Answer::Unencodable(why) => told(desk::send_text(Tag::Unencodable, &why), 1),
                Answer::BadArguments(why) => told(desk::send_text(Tag::BadArguments, &why), 1),
            }
        });
    });
    greeting.close();
    code
}

/// Ends a copy that the function made of its process by `fork`: only the original has a parent
/// that waits for what it returns.
fn leave_if_copy() {
    if !super::context::is_original() {
        sys::exit_now(0);
    }
}

/// The code to leave with, once the parent has been told; or the end, if it cannot be.
fn told(sent: Result<(), Fault>, code: i32) -> i32 {
    match sent {
        Ok(()) => code,
        Err(_) => {
            // It is gone, or the function closed the descriptors that lead to it: then this line
            // and the code are all it hears.
            eprintln!("procession: this process cannot reach its parent any more");
            CUT_OFF
        }
    }
}

/// The exit code of a worker that could not say how it ended.
const CUT_OFF: i32 = 113;
