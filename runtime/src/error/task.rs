//! Why a task of a pool gave no value.

use std::fmt;
use std::time::Duration;

use super::{EncodeError, detail};
use crate::outcome::{ExitReason, PanicReport};

/// A task was given to a pool, and there is no value to hand back.
///
/// It concerns this task alone: the pool goes on, and so do its other tasks. An `Err` that the
/// function itself returns is a value like any other, and not this error.
///
/// It prints as one readable line that names the function, the item, the process and the reason,
/// followed by the last lines that the process wrote to its standard error where there are any.
/// [`failure`](TaskError::failure) tells what happened, for programs.
///
/// # Examples
///
/// ```
/// # use procession::{Pool, process};
/// # #[process]
/// # fn halve(n: u64) -> u64 {
/// #     assert!(n % 2 == 0, "{n} is odd");
/// #     n / 2
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let error = Pool::new(2)?.map::<halve>([8, 9]).unwrap_err();
/// assert_eq!((error.item(), error.attempts(), error.stderr()), (Some(1), 1, ""));
/// assert!(error.task().ends_with("halve"));
/// println!("{error}"); // task `..halve` (item 1, pid 4711) gave no value: it panicked at ..: 9 is odd
/// assert!(error.to_string().contains("9 is odd"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TaskError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    task: String,
    item: Option<u64>,
    pid: Option<u32>,
    attempts: u32,
    failure: TaskFailure,
    stderr: String,
}

/// What happened to a task that gave no value.
///
/// # Examples
///
/// ```
/// # use procession::{ExitReason, Pool, TaskFailure, process};
/// # #[process]
/// # fn exit(code: i32) {
/// #     std::process::exit(code);
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let pool = Pool::new(2)?;
/// match pool.submit::<exit>(3)?.join() {
///     Err(error) => match error.failure() {
///         TaskFailure::Crashed(reason) => assert_eq!(*reason, ExitReason::Exited(3)),
///         failure => panic!("{failure}"),
///     },
///     Ok(()) => unreachable!("it never returns"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskFailure {
    /// The function panicked. Its worker lives on.
    Panicked(PanicReport),

    /// The worker ended while it ran the task.
    Crashed(ExitReason),

    /// The task ran longer than this, which is its timeout, and its worker was killed.
    TimedOut(Duration),

    /// The task took so many workers down that it is not tried again, though it might be by the
    /// number of its retries.
    #[non_exhaustive]
    Poisoned {
        /// How many workers ended while they ran it.
        crashes: u32,
        /// How the last of them ended.
        last: ExitReason,
    },

    /// The input cannot be encoded, or is too large. No worker has seen it.
    Encode(EncodeError),

    /// The worker could not read the input, or the value could not be sent or read: the text
    /// which, and why.
    Undeliverable(String),

    /// The task was cancelled: before it began, or by ending its worker.
    Cancelled,

    /// The pool was aborted or dropped before the task was done.
    ShutDown,

    /// No worker could be started, or none lived long enough to begin a task: the text why.
    NoWorker(String),
}

impl TaskError {
    pub(crate) fn new(
        task: &str,
        item: Option<u64>,
        pid: Option<u32>,
        attempts: u32,
        failure: TaskFailure,
        stderr: String,
    ) -> Self {
        let task = task.to_owned();
        TaskError(Box::new(Inner { task, item, pid, attempts, failure, stderr }))
    }

    /// The name of the function.
    pub fn task(&self) -> &str {
        &self.0.task
    }

    /// Which item of a map or a stream it was, counted from 0.
    pub fn item(&self) -> Option<u64> {
        self.0.item
    }

    /// The pid of the worker that ran it last, which may belong to another process by now. There is
    /// none if no worker has begun it.
    pub fn pid(&self) -> Option<u32> {
        self.0.pid
    }

    /// How often it was begun.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// What happened at the last attempt.
    pub fn failure(&self) -> &TaskFailure {
        &self.0.failure
    }

    /// The last that its worker wrote to its standard error, 64 KiB at the most; empty where that
    /// was [inherited](crate::Output::Inherit). It may speak of tasks that the worker ran before.
    pub fn stderr(&self) -> &str {
        &self.0.stderr
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { task, item, pid, attempts, failure, stderr } = &*self.0;
        write!(f, "task `{task}`")?;
        let known = [
            item.map(|item| format!("item {item}")),
            pid.map(|pid| format!("pid {pid}")),
            // That a task was begun once goes without saying.
            (*attempts > 1).then(|| format!("attempt {attempts}")),
        ];
        let known: Vec<String> = known.into_iter().flatten().collect();
        if !known.is_empty() {
            write!(f, " ({})", known.join(", "))?;
        }
        write!(f, " gave no value: {failure}")?;
        f.write_str(failure.ended().map_or("", |reason| detail::hint(reason, stderr)))?;
        detail::write(f, failure.report(), stderr)
    }
}

/// As `main` prints it.
impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for TaskError {}

impl TaskFailure {
    /// How the worker ended, where the task is to blame.
    fn ended(&self) -> Option<&ExitReason> {
        match self {
            TaskFailure::Crashed(reason) | TaskFailure::Poisoned { last: reason, .. } => {
                Some(reason)
            }
            _ => None,
        }
    }

    /// What a panic had to say, one that ended the worker as well.
    fn report(&self) -> Option<&PanicReport> {
        match self {
            TaskFailure::Panicked(report) => Some(report),
            _ => self.ended().and_then(detail::panic_of),
        }
    }
}

impl fmt::Display for TaskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskFailure::Panicked(report) => write!(f, "it panicked {report}"),
            TaskFailure::Crashed(reason) => write!(f, "its worker died of it: {reason}"),
            TaskFailure::TimedOut(limit) => {
                write!(f, "it was not done within {limit:?}, and its worker was killed")
            }
            TaskFailure::Poisoned { crashes, last } => {
                write!(f, "it is given up after {crashes} workers died of it, the last: {last}")
            }
            TaskFailure::Encode(error) => write!(f, "its input cannot be sent: {error}"),
            TaskFailure::Undeliverable(why) => {
                write!(f, "its input or its value is undeliverable: {why}")
            }
            TaskFailure::Cancelled => f.write_str("it was cancelled"),
            TaskFailure::ShutDown => f.write_str("its pool was shut down before it was done"),
            TaskFailure::NoWorker(why) => write!(f, "there is no worker to run it: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Report;

    fn report(backtrace: Option<&str>) -> PanicReport {
        Report {
            message: "9 is odd".to_owned(),
            location: Some("src/main.rs:4:5".to_owned()),
            thread: Some("main".to_owned()),
            backtrace: backtrace.map(str::to_owned),
        }
        .into()
    }

    fn signaled(signal: i32) -> ExitReason {
        use crate::outcome::{Evidence, Said, conclude};
        conclude(Evidence {
            ended: crate::sys::Ended::Signaled { signal, core_dumped: false },
            said: Said::Nothing,
            report: None,
            over: false,
            terminated: false,
            intent: None,
            begun: true,
            program: None,
            in_init: false,
            peak: None,
            limited: false,
            stderr: "",
        })
    }

    fn error(failure: TaskFailure, stderr: &str) -> TaskError {
        TaskError::new("halve", Some(17), Some(4711), 3, failure, stderr.to_owned())
    }

    #[test]
    fn the_first_line_names_function_item_pid_attempts_and_reason() {
        let error = error(TaskFailure::Panicked(report(None)), "");

        assert_eq!(
            error.to_string(),
            "task `halve` (item 17, pid 4711, attempt 3) gave no value: \
             it panicked at src/main.rs:4:5: 9 is odd"
        );
        assert_eq!(format!("{error:?}"), error.to_string());
    }

    #[test]
    fn what_is_not_known_is_not_mentioned() {
        let error = TaskError::new("halve", None, None, 0, TaskFailure::ShutDown, String::new());
        assert_eq!(
            error.to_string(),
            "task `halve` gave no value: its pool was shut down before it was done"
        );

        let failure = TaskFailure::TimedOut(Duration::from_millis(1500));
        let error = TaskError::new("halve", None, Some(7), 1, failure, String::new());
        assert_eq!(
            error.to_string(),
            "task `halve` (pid 7) gave no value: \
             it was not done within 1.5s, and its worker was killed"
        );
    }

    #[test]
    fn a_panic_is_followed_by_its_backtrace_and_the_end_of_standard_error() {
        let stderr: String = (0..30).map(|line| format!("line {line}\n")).collect();
        let error = error(TaskFailure::Panicked(report(Some("  0: halve\n"))), &stderr);

        let text = error.to_string();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines[..3], ["  0: halve", "its standard error ends with:", "  line 18"]);
        assert_eq!(lines.last(), Some(&"  line 29"));
        assert_eq!(error.stderr(), stderr);
    }

    #[test]
    fn a_fault_may_have_been_a_stack_overflow_unless_that_was_said() {
        let fault = signaled(11);
        let poisoned = TaskFailure::Poisoned { crashes: 3, last: fault.clone() };
        for failure in [TaskFailure::Crashed(fault), poisoned] {
            let text = error(failure.clone(), "").to_string();
            assert!(text.contains("SIGSEGV (maybe a stack overflow in a thread other"), "{text}");
            for said in ["thread 'x' has overflowed its stack", "`x` may not touch address 0x10"] {
                let text = error(failure.clone(), said).to_string();
                assert!(!text.contains("maybe a stack overflow"), "{text}");
            }
        }
        let text = error(TaskFailure::Crashed(signaled(9)), "").to_string();
        assert!(text.contains("its worker died of it: it was ended by SIGKILL"), "{text}");
        assert!(!text.contains("stack overflow"), "{text}");
    }

    #[test]
    fn a_panic_that_ended_the_worker_shows_its_backtrace_too() {
        let reason = ExitReason::Panicked(report(Some("  0: halve")));
        let text = error(TaskFailure::Crashed(reason), "").to_string();

        assert!(text.ends_with("died of it: it panicked at src/main.rs:4:5: 9 is odd\n  0: halve"));
    }

    #[test]
    fn every_failure_says_in_one_line_what_happened() {
        let too_large = EncodeError::TooLarge { limit: 9 };
        let last = ExitReason::Exited(3);
        let told = [
            (
                TaskFailure::Poisoned { crashes: 3, last },
                "after 3 workers died of it, the last: it",
            ),
            (TaskFailure::Encode(too_large), "its input cannot be sent: the message is larger"),
            (TaskFailure::Undeliverable("odd".to_owned()), "is undeliverable: odd"),
            (TaskFailure::Cancelled, "it was cancelled"),
            (TaskFailure::NoWorker("no room".to_owned()), "no worker to run it: no room"),
        ];
        for (failure, part) in told {
            let text = error(failure.clone(), "").to_string();
            assert!(text.contains(part) && text.lines().count() == 1, "{text}");
            assert_eq!(*error(failure.clone(), "").failure(), failure);
        }
    }

    #[test]
    fn an_error_is_no_larger_than_a_pointer_and_can_be_compared() {
        assert_eq!(size_of::<TaskError>(), size_of::<usize>());
        let error = error(TaskFailure::Cancelled, "a word");
        assert_eq!(error.clone(), error);
        let known = (error.task(), error.item(), error.pid(), error.attempts());
        assert_eq!(known, ("halve", Some(17), Some(4711), 3));
    }
}
