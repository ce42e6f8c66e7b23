//! How a copy of the program becomes a worker.

use std::io::{ErrorKind, Write};
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::body;
use crate::registry;
use crate::sys::{self, BeforeMain, Owned};
use crate::wire::{ChildEnds, ChildLanes, Fault, Hello, VARIABLE, Variable, digest_of};

sys::before_main!(constructor => before_main);

/// Whether `init` has run in this process, and its children's has to.
static IN_INIT: AtomicBool = AtomicBool::new(false);

/// How many processes are above this one.
static DEPTH: AtomicU32 = AtomicU32::new(0);

/// The call of a worker that waits for its `main` to call `init`.
static CALL: Mutex<Option<Variable>> = Mutex::new(None);

/// What this process is to the processes that it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// It is a worker that was not taken over: it runs `main` where it should run its function.
    pub(crate) reentered: bool,
    /// Its children begin in `init`, as it did.
    pub(crate) in_init: bool,
    /// How many processes are above it.
    pub(crate) depth: u32,
}

/// Asked before each start; that it names the constructor is what links that.
pub(crate) fn standing() -> Standing {
    std::hint::black_box(constructor as sys::Constructor);
    let waiting = CALL.lock().is_ok_and(|call| call.is_some());
    Standing {
        reentered: waiting || forgotten(),
        in_init: IN_INIT.load(Ordering::Relaxed),
        depth: DEPTH.load(Ordering::Relaxed),
    }
}

/// Called by the system before `main`, with nothing set up by std.
fn before_main(early: BeforeMain) {
    let Some(call) = early.take_variable(VARIABLE).and_then(|value| called(&value)) else {
        return;
    };
    if call.in_init {
        if let Ok(mut waiting) = CALL.lock() {
            *waiting = Some(call);
        }
        return;
    }
    early.run_later_constructors();
    take_over(&call)
}

/// What the variable says, if it is meant for this process: then it is a worker from now on, and
/// dies with its parent. What a worker's child inherited is ignored.
#[inline]
#[unsafe(link_section = ".procession.start")]
fn called(value: &str) -> Option<Variable> {
    let call = Variable::parse(value)?;
    if call.parent != sys::parent_id() {
        // Unless it is meant for us after all, and the parent died meanwhile.
        if sys::is_pipe(call.greeting) {
            sys::die_at_once();
        }
        return None;
    }
    DEPTH.store(call.depth, Ordering::Relaxed);
    sys::unblock_signals();
    sys::fill_std_for_good();
    sys::close_on_exec_from(3);
    if sys::die_with_parent(call.parent).is_err() {
        sys::die_at_once();
    }
    Some(call)
}

/// Makes a worker's copy of the program a worker, and does not return from that; in every other
/// process it only takes note.
///
/// Calling it is never needed on Linux. It is for those who like their entry to be visible: call
/// it first thing in `main`, or write [`#[procession::main]`](macro@crate::main). What stands
/// before it in `main` then runs in every worker as well.
///
/// # Examples
///
/// ```
/// #[procession::process]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// fn main() -> Result<(), procession::Error> {
///     procession::init();
///     assert_eq!(square::call(8)?, 64);
///     Ok(())
/// }
/// ```
pub fn init() {
    let waiting = CALL.lock().ok().and_then(|mut call| call.take());
    // Where constructors do not run, the variable still stands there.
    let call = waiting.or_else(|| {
        forgotten()
            .then(|| sys::take_variable_in_main(VARIABLE))
            .flatten()
            .and_then(|value| called(&value))
    });
    if let Some(call) = call {
        take_over(&call);
    }
    // A test that calls the program's `main` has the harness's, where no worker would begin.
    if sys::on_initial_thread() {
        IN_INIT.store(true, Ordering::Relaxed);
    }
}

/// Whether the variable is there and meant for us, because no constructor has taken it.
fn forgotten() -> bool {
    let call = std::env::var(VARIABLE).ok().and_then(|value| Variable::parse(&value));
    call.is_some_and(|call| call.parent == sys::parent_id())
}

#[inline]
#[unsafe(link_section = ".procession.start")]
fn take_over(call: &Variable) -> ! {
    IN_INIT.store(call.in_init, Ordering::Relaxed);
    // Whoever panicked has been reported by the hook, or has printed.
    std::process::exit(catch_unwind(|| work(call)).unwrap_or(101))
}

#[unsafe(link_section = ".procession.start")]
fn work(call: &Variable) -> i32 {
    sys::ignore_broken_pipes();
    let watched = hold_on(call);
    let (greeting, lanes) = greet(call);
    body::work(call, lanes, greeting, watched)
}

/// Has the kernel end this process with its parent, even after a change of credentials; whether it
/// will.
#[inline]
fn hold_on(call: &Variable) -> bool {
    let Some(lifeline) = sys::take_inherited(call.lifeline) else { sys::die_at_once() };
    let held = sys::die_with_pipe(&lifeline);
    // It is never let go.
    std::mem::forget(lifeline);
    match held {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => sys::die_at_once(),
        // Root alone can become another user.
        held => held.is_ok() && !(call.users_mapped && sys::is_root()),
    }
}

/// Opens the lanes and says hello. Another build than its parent's goes no further: nothing that the
/// parent says is meant for it.
#[inline]
fn greet(call: &Variable) -> (Owned, ChildLanes) {
    let Some(mut greeting) = sys::take_inherited(call.greeting) else { sys::die_at_once() };
    let build = if call.by_contents { sys::build_of(sys::own_program()) } else { sys::own_build() };
    let met = build
        .map_err(|error| format!("reading its own program: {error}"))
        .and_then(|build| Ok((open(call)?, build)));
    let lanes = match met {
        Ok((lanes, build)) => {
            let table = registry::digest();
            let hello = Hello { nonce: call.nonce, pid: std::process::id(), build, table };
            let mut word = [b'H'; 1 + Hello::LEN];
            word[1..].copy_from_slice(&hello.write());
            // A parent that has gone reads nothing; the kernel is about to say so. A pipe takes so few
            // bytes at once.
            let _ = greeting.write(&word);
            (digest_of(&build, table) == call.digest).then_some(lanes)
        }
        Err(text) => {
            let _ = greeting.write_all(format!("E{text}").as_bytes());
            None
        }
    };
    let Some(lanes) = lanes else { sys::exit_now(1) };
    (Owned::new(greeting), lanes)
}

#[inline]
fn open(call: &Variable) -> Result<ChildLanes, String> {
    ChildEnds::inherited(call.ends).open(usize::MAX).map_err(|fault| match fault {
        Fault::NoRoom(_) => "there are no descriptors or no memory left to begin with".to_owned(),
        _ => "what it was to inherit is not there".to_owned(),
    })
}
