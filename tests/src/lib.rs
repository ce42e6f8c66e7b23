//! What the tests share: waiting for events, looking at processes from outside, running a test in
//! a program of its own, and checking that nothing was left behind.
//!
//! Every test binary says [`leaves_nothing_behind!`] once: it then ends with a failure if a child,
//! a zombie, a descriptor or a temporary file of its own outlives its tests.

mod fork;
mod leftovers;
mod look;
mod program;

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use procession::{Builder, Child, ExitReason, JoinError, Process};

pub use fork::in_a_fork;
pub use leftovers::{assert_no_children_left, check_at_exit};
pub use look::{
    Seen, children_of, descriptors, is_gone, marked, resident, settled_descriptors, state_of,
    threads_of,
};
pub use program::{Place, Running, again, as_program, succeeds};

/// How long the tests wait for what should take milliseconds, on a machine that is busy.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Waits until the condition holds; whether it did within the limit.
///
/// Of each wait only so much counts as it was to take, and a little: a machine that does not come back to
/// this thread has no time for others either.
pub fn soon(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    const STEP: Duration = Duration::from_millis(2);

    let mut left = limit;
    while !condition() {
        if left.is_zero() {
            return false;
        }
        let start = Instant::now();
        std::thread::sleep(STEP);
        left = left.saturating_sub(start.elapsed().min(2 * STEP));
    }
    true
}

/// Waits until the condition holds.
///
/// # Panics
///
/// If it does not within the limit.
#[track_caller]
pub fn eventually(limit: Duration, condition: impl FnMut() -> bool) {
    assert!(soon(limit, condition), "it did not happen within {limit:?}");
}

/// Does something that must not hang.
///
/// # Panics
///
/// If it does, or if it panics.
#[track_caller]
pub fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = channel();
    let worker = std::thread::spawn(move || {
        // Nobody listens any more when the limit has passed.
        let _ = sender.send(work());
    });
    match done.recv_timeout(limit) {
        Ok(value) => value,
        Err(RecvTimeoutError::Timeout) => panic!("it hung for {limit:?}"),
        Err(RecvTimeoutError::Disconnected) => match worker.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("the value is sent before the thread ends"),
        },
    }
}

/// Tests the same over two carriers at once: for what waits more than it works.
///
/// # Panics
///
/// If one of the tests does.
pub fn both_at_once<T: Send>(over: [T; 2], test: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        let [one, other] = over.map(|over| scope.spawn(|| test(over)));
        for done in [one.join(), other.join()] {
            done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}

/// How a process ended, which it must within the limit.
///
/// # Panics
///
/// If it has not.
#[track_caller]
pub fn end_of<T>(child: &Child<T>) -> ExitReason {
    match child.wait_timeout(LIMIT) {
        Some(reason) => reason,
        None => panic!("{child:?} did not end within {LIMIT:?}"),
    }
}

/// The value of a process that must end within the limit.
///
/// # Errors
///
/// As [`Child::join`].
///
/// # Panics
///
/// If it has not ended.
#[track_caller]
pub fn value_of<T>(child: Child<T>) -> Result<T, JoinError> {
    end_of(&child);
    child.join()
}

/// Why a process gave no value, which it must not within the limit.
///
/// # Panics
///
/// If it gave one, or has not ended.
#[track_caller]
pub fn failure_of<T>(child: Child<T>) -> JoinError {
    match value_of(child) {
        Ok(_) => panic!("it gave a value"),
        Err(error) => error,
    }
}

/// Says that the running test, or a part of it, is left out here, and why. This is seen although the
/// test succeeds.
pub fn not_tested(why: &str) {
    let test = std::thread::current();
    // A test needs nobody to see it.
    let _ = writeln!(std::io::stderr(), "{NOT_TESTED}{}: {why}", test.name().unwrap_or("main"));
}

/// How such a line begins.
pub(crate) const NOT_TESTED: &str = "not tested: ";

/// What carries the messages of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// What is usual: a ring in shared memory, unless `PROCESSION_CARRIER` says otherwise.
    Usual,
    /// Frames over sockets.
    Frames,
}

/// Both carriers, for tests that promise the same of each.
pub const BOTH: [Over; 2] = [Over::Usual, Over::Frames];

impl Over {
    /// A builder of a process whose messages travel over this.
    pub fn builder<P: Process>(self) -> Builder<P> {
        match self {
            Over::Usual => P::builder(),
            Over::Frames => P::builder().untrusted(),
        }
    }

    /// Whether these are frames, also where they are the usual ones. What a worker of a pool was sent in
    /// frames cannot be taken back, so there are few tasks at a time.
    pub fn is_frames(self) -> bool {
        self == Over::Frames || std::env::var("PROCESSION_CARRIER").is_ok_and(|it| it == "frames")
    }
}

/// Has a test binary fail at its end if it leaves a child, a zombie, a descriptor or a temporary
/// file. Its temporary directory is one of its own from the start.
#[macro_export]
macro_rules! leaves_nothing_behind {
    () => {
        #[used]
        // The section is an array of functions that are called before `main`.
        #[unsafe(link_section = ".init_array")]
        static CHECK_AT_EXIT: extern "C" fn() = $crate::check_at_exit;
    };
}
