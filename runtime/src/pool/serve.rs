//! What a worker does: takes tasks, runs them, and says what became of each.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use linkme::distributed_slice;

use crate::registry::{Answer, ENTRIES, Entry, Speak, Work};
use crate::sys;
use crate::wire::{
    Body, Encoder, Fault, LaneReceiver, LaneSender, NUMBERS, Short, Tag, WAKE, Workbench,
    first_frame, task_function,
};
use crate::worker::{self, Tray};

#[distributed_slice(ENTRIES)]
pub(super) static WORKER: Entry = Entry::own("procession::pool::worker", Work::Converse(serve));

/// Works until nothing follows.
fn serve(from: &mut LaneReceiver, _: Speak) {
    crate::route::ready();
    // So that copies made from now on are noticed.
    sys::is_copy();
    let Some(mut to) = worker::take_lane() else { return };
    let served = match &*to {
        LaneSender::Ring { .. } => on_belt(from, ManuallyDrop::into_inner(to)),
        LaneSender::Frames(_) => in_words(&mut to),
    };
    match served {
        Ok(()) => {}
        // The pool has gone, and a child outlives nobody.
        Err(Fault::Gone) => sys::die_at_once(),
        Err(fault) => {
            eprintln!("procession: this worker cannot go on: {fault:?}");
            sys::exit_now(CUT_OFF);
        }
    }
}

/// The exit code of a worker that could not say how it ended.
const CUT_OFF: i32 = 113;

fn on_belt(from: &mut LaneReceiver, to: LaneSender) -> Result<(), Fault> {
    let ends = worker::take_belt().ok_or(Short::Descriptors)?;
    let (bench, closer) = ends.open(from, to)?;
    // Never dropped: a task that has closed all descriptors would make that a panic.
    let mut bench = ManuallyDrop::new(bench);
    worker::at_stop(move || closer.close());
    let limit = worker::longest();
    loop {
        let now = bench.now();
        let Workbench { tasks, results, .. } = &mut *bench;
        match tasks.take(now)? {
            Some((tag, body)) => {
                work_on(tag, &body, limit, &mut |tag, row| results.give(tag, row))?;
                if tag & WAKE == 0 {
                    work_on_more(tag, &mut bench, limit)?;
                } else {
                    tasks.release();
                    results.tell_pump();
                }
            }
            None => match tasks.numbers()? {
                Some(tag) => {
                    work_on_more(tag, &mut bench, limit)?;
                    let Workbench { tasks, results, .. } = &mut *bench;
                    if tag & WAKE != 0 && !tasks.is_in_numbers() {
                        tasks.release();
                        results.tell_pump();
                    }
                }
                None => {
                    tasks.release();
                    results.tell_pump();
                    if !tasks.wait(|| results.tell())? {
                        return results.leave();
                    }
                }
            },
        }
    }
}

/// What is said of a task that nobody knows.
const NO_FUNCTION: &str = "the worker has no such function";

/// Runs the tasks that follow one of the same function, and gives their results.
#[inline]
fn work_on_more(tag: u32, bench: &mut Workbench<'_>, limit: usize) -> Result<(), Fault> {
    let entry = task_function(tag).and_then(Entry::at);
    let Some(Work::Call(_, Some(many))) = entry.map(Entry::work) else {
        if tag & NUMBERS != 0 {
            bench.take_numbers(|results, _| results.say(Tag::BadArguments, NO_FUNCTION))?;
        }
        return Ok(());
    };
    let ended = catch_unwind(AssertUnwindSafe(|| many(bench, limit, tag)));
    ended.unwrap_or_else(|payload| {
        sys::leave_if_copy();
        // What panics after its result was given, as the drop of a value may, has given it.
        if bench.owes() {
            bench.results.give(Tag::Panicked, &Encoder::of_row(&report(&*payload)))?;
        }
        std::mem::forget(payload);
        Ok(())
    })
}

/// Runs one task and gives its one result.
#[inline]
fn work_on(
    tag: u32,
    body: &Body<'_>,
    limit: usize,
    give: &mut impl FnMut(Tag, &Encoder<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let Some(function) = task_function(tag) else {
        return if tag & !WAKE == Tag::Sync as u32 {
            give(Tag::Sync, &Encoder::new(0))
        } else {
            Err(Fault::Rubbish)
        };
    };
    let Some(Work::Call(call, _)) = Entry::at(function).map(Entry::work) else {
        return text(give, Tag::BadArguments, NO_FUNCTION);
    };
    let mut given = None;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        body.decode(|mut row| {
            call(&mut row, limit, &mut |answer| {
                sys::leave_if_copy();
                given = Some(answered(answer, give));
            });
        });
    }));
    if let Err(payload) = ended {
        sys::leave_if_copy();
        // What panics after its result was given, as the drop of a value may, has given it.
        let sent =
            given.unwrap_or_else(|| give(Tag::Panicked, &Encoder::of_row(&report(&*payload))));
        // A payload whose own drop panics would take the process down without a word.
        std::mem::forget(payload);
        return sent;
    }
    given.unwrap_or(Err(Fault::Rubbish))
}

fn answered(
    answer: Answer<'_>,
    give: &mut impl FnMut(Tag, &Encoder<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    match answer {
        Answer::Value(row) => match give(Tag::Value, row) {
            Err(Fault::NoRoom(_)) => {
                let why = format!("no descriptor or memory for its {} bytes", row.len());
                text(give, Tag::Unencodable, &why)
            }
            given => given,
        },
        Answer::Unencodable(why) => text(give, Tag::Unencodable, &why),
        Answer::BadArguments(why) => text(give, Tag::BadArguments, &why),
    }
}

fn text(
    give: &mut impl FnMut(Tag, &Encoder<'_>) -> Result<(), Fault>,
    tag: Tag,
    text: &str,
) -> Result<(), Fault> {
    let text = text.to_owned();
    let mut row = Encoder::new(usize::MAX);
    // A text is bytes: there is nothing in it that could fail.
    let _ = row.section(&text);
    give(tag, &row)
}

/// What is known of a panic, as a row.
fn report(payload: &(dyn Any + Send)) -> Vec<u8> {
    let report = worker::take_report().unwrap_or_else(|| worker::describe_payload(payload));
    let mut row = Encoder::new(usize::MAX);
    // Plain data again.
    let _ = row.section(&report);
    row.into_vec()
}

/// Tasks that came as words.
static TRAY: Tray<Vec<u8>> = Tray::new();

fn in_words(to: &mut LaneSender) -> Result<(), Fault> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        worker::hear_local(
            |frames| if frames.is_empty() { TRAY.close() } else { TRAY.put(frames) },
        );
        worker::at_stop(|| TRAY.close());
    });
    let limit = worker::longest();
    loop {
        let frames = match TRAY.take(None) {
            Ok(frames) => frames.unwrap_or_default(),
            Err(_) => return to.send(Tag::Value, &Encoder::new(0), None),
        };
        let mut rest = frames.as_slice();
        while let Some((tag, body, size)) = first_frame(rest) {
            to.send(Tag::Took, &Encoder::new(0), None)?;
            work_on(tag, &Body::Bytes(body), limit, &mut |tag, row| to.send(tag, row, None))?;
            rest = &rest[size..];
        }
    }
}
