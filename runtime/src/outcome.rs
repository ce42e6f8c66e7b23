//! How a process ended.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sys::{self, Ended};

/// Why a process is no more.
///
/// Exactly one reason is published for each process, after it was reaped and everything it had
/// written was read.
///
/// # Examples
///
/// ```
/// use procession::{ExitReason, process};
///
/// #[process]
/// fn leave(code: i32) -> u8 {
///     std::process::exit(code)
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let child = leave::spawn(3)?;
/// assert_eq!(child.wait(), ExitReason::Exited(3));
/// assert_eq!(child.wait().to_string(), "it exited with code 3 and no value");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ExitReason {
    /// The function returned; the value is there.
    Finished,
    /// The function panicked, or a panic aborted the process.
    Panicked(PanicReport),
    /// The process left with this code without returning a value, as by
    /// [`exit`](crate::exit) or `std::process::exit`; 0 as well.
    Exited(i32),
    /// A signal that we did not send ended it.
    Signaled {
        /// Which one.
        signal: Signal,
        /// Whether the system wrote a core file.
        core_dumped: bool,
    },
    /// It asked for more memory than it may have, and died of that. Only where this is known: see
    /// [`memory_limit`](crate::Builder::memory_limit).
    OutOfMemory {
        /// The most memory it had resident, in bytes. Linux counts from what its parent had resident
        /// when it started it, so it is known only where it is more than that.
        peak: Option<u64>,
    },
    /// It ran longer than its [`timeout`](crate::Builder::timeout) and was killed.
    TimedOut(Duration),
    /// [`kill`](crate::Child::kill), [`kill_tree`](crate::Child::kill_tree) or dropping its handle
    /// ended it.
    Killed,
    /// [`stop`](crate::Child::stop) or [`terminate`](crate::Child::terminate) ended it.
    Stopped,
    /// The function returned, but its value could not be encoded or decoded: the text why.
    Undeliverable(String),
    /// The process was created but never began to run its function: the text why.
    StartFailed(String),
    /// The process is gone, or was given up, and nobody can say more than this text.
    Lost(String),
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Finished => f.write_str("it finished"),
            ExitReason::Panicked(report) => write!(f, "it panicked {report}"),
            ExitReason::Exited(code) => write!(f, "it exited with code {code} and no value"),
            ExitReason::Signaled { signal, core_dumped } => {
                write!(f, "it was ended by {signal}")?;
                f.write_str(if *core_dumped { " (core dumped)" } else { "" })?;
                f.write_str(hint(*signal))
            }
            ExitReason::OutOfMemory { peak: Some(peak) } => {
                write!(f, "it ran out of memory (at most {} KiB resident)", peak / 1024)
            }
            ExitReason::OutOfMemory { peak: None } => f.write_str("it ran out of memory"),
            ExitReason::TimedOut(limit) => write!(f, "it was killed after its {limit:?} were up"),
            ExitReason::Killed => f.write_str("it was killed"),
            ExitReason::Stopped => f.write_str("it was stopped"),
            ExitReason::Undeliverable(why) => write!(f, "its value is undeliverable: {why}"),
            ExitReason::StartFailed(why) => write!(f, "it failed to start: {why}"),
            ExitReason::Lost(why) => write!(f, "it was lost: {why}"),
        }
    }
}

/// What a signal may mean besides its name.
fn hint(signal: Signal) -> &'static str {
    match signal.number() {
        sys::SIGKILL => ", which we did not send; perhaps the system ran out of memory",
        sys::SIGABRT => "; an allocation that fails aborts as well",
        _ => "",
    }
}

/// A signal of the operating system.
///
/// # Examples
///
/// ```
/// use procession::{ExitReason, process};
///
/// #[process]
/// fn give_up() {
///     std::process::abort()
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let ExitReason::Signaled { signal, .. } = give_up::spawn()?.wait() else { panic!("it aborts") };
/// assert_eq!(signal.name(), Some("SIGABRT"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signal(i32);

impl Signal {
    /// The signal's number on this system.
    pub fn number(self) -> i32 {
        self.0
    }

    /// The signal's usual name, such as `SIGSEGV`, if it has one.
    pub fn name(self) -> Option<&'static str> {
        sys::signal_name(self.0)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// What a panic had to say, wherever in the process it was.
///
/// # Examples
///
/// ```
/// use procession::{ExitReason, process};
///
/// #[process]
/// fn fail() {
///     panic!("no more tea")
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let ExitReason::Panicked(report) = fail::spawn()?.wait() else { panic!("it panics") };
/// assert_eq!(report.message(), "no more tea");
/// assert_eq!(report.thread(), Some("main"));
/// assert!(report.location().is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanicReport(Box<Report>);

/// What a report says. Boxed, so that every error that may have one stays small.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) message: String,
    pub(crate) location: Option<String>,
    pub(crate) thread: Option<String>,
    pub(crate) backtrace: Option<String>,
}

impl From<Report> for PanicReport {
    fn from(report: Report) -> Self {
        PanicReport(Box::new(report))
    }
}

impl PanicReport {
    /// What it panicked with, where that is text; otherwise a remark that it is not.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where in the source, as `file:line:column`.
    pub fn location(&self) -> Option<&str> {
        self.0.location.as_deref()
    }

    /// The name of the thread; `main` is the one that runs the function.
    pub fn thread(&self) -> Option<&str> {
        self.0.thread.as_deref()
    }

    /// The stack, if `RUST_BACKTRACE` was set in the process.
    pub fn backtrace(&self) -> Option<&str> {
        self.0.backtrace.as_deref()
    }
}

impl fmt::Display for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = self.location() {
            write!(f, "at {location}")?;
        }
        if let Some(thread) = self.thread().filter(|&thread| thread != "main") {
            write!(f, " on thread `{thread}`")?;
        }
        write!(f, ": {}", self.message())
    }
}

/// What the child itself said of its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing.
    Nothing,
    /// That it has a value.
    Value,
    /// That its function panicked.
    Panicked,
    /// That its value cannot be sent.
    Undeliverable(String),
    /// That it could not begin.
    StartFailed(String),
    /// Something that no correct child says.
    Rubbish(String),
}

/// Why we sent a process SIGKILL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    Stop,
    Kill,
    TimeOut(Duration),
    /// It did not begin to run in time, or began wrongly.
    GiveUp(String),
    /// It said what no correct child says.
    Distrust(String),
}

/// All that is known of an end.
#[derive(Clone, Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) ended: Ended,
    pub(crate) said: Said,
    pub(crate) report: Option<PanicReport>,
    /// Whether that panic had gone on to unwind, so that it may have been caught.
    pub(crate) over: bool,
    /// Whether we sent SIGTERM, and why we sent SIGKILL.
    pub(crate) terminated: bool,
    pub(crate) intent: Option<Intent>,
    pub(crate) begun: bool,
    /// What was executed and in place of what, where that is another file than this program.
    pub(crate) program: Option<String>,
    /// Whether it was to begin in `init()`.
    pub(crate) in_init: bool,
    pub(crate) peak: Option<u64>,
    pub(crate) limited: bool,
    pub(crate) stderr: &'a str,
}

/// Why a process is no more: a matter of evidence alone.
///
/// The status is the truth about *how*; what the child said is the truth about its function; what
/// we did counts only where it is what ended the process.
pub(crate) fn conclude(evidence: Evidence<'_>) -> ExitReason {
    let Evidence {
        ended,
        said,
        report,
        over,
        terminated,
        intent,
        begun,
        program,
        in_init,
        peak,
        limited,
        stderr,
    } = evidence;
    if let Said::Value = said {
        return ExitReason::Finished;
    }
    let by_us = match ended {
        Ended::Signaled { signal: sys::SIGKILL, .. } => match intent {
            Some(Intent::Kill) => Some(ExitReason::Killed),
            Some(Intent::Stop) => Some(ExitReason::Stopped),
            Some(Intent::TimeOut(limit)) => Some(ExitReason::TimedOut(limit)),
            Some(Intent::GiveUp(why)) => Some(ExitReason::StartFailed(why)),
            Some(Intent::Distrust(why)) => Some(ExitReason::Lost(why)),
            None => None,
        },
        Ended::Signaled { signal: sys::SIGTERM, .. } if terminated => Some(ExitReason::Stopped),
        _ => None,
    };
    if let Some(reason) = by_us {
        return reason;
    }
    match (said, report) {
        (Said::Undeliverable(why), _) => return ExitReason::Undeliverable(why),
        (Said::StartFailed(why), _) => {
            return ExitReason::StartFailed(format!("{why} ({})", plain(ended)));
        }
        (Said::Rubbish(why), _) => return ExitReason::Lost(why),
        (Said::Panicked, Some(report)) => return ExitReason::Panicked(report),
        (Said::Panicked, None) => return ExitReason::Panicked(PanicReport::unknown()),
        (Said::Nothing, Some(report)) if aborted(ended) && !over => {
            return ExitReason::Panicked(report);
        }
        _ => {}
    }
    match ended {
        Ended::Unknown => ExitReason::Lost(
            "its exit status was taken by another part of the program, or SIGCHLD is ignored"
                .to_owned(),
        ),
        Ended::Exited(code) if !begun && in_init => ExitReason::StartFailed(format!(
            "its `main` ended with code {code} and never called `procession::init()`, as the \
             `main` of this process did"
        )),
        _ if !begun => {
            let who = program.unwrap_or_else(|| "it".to_owned());
            ExitReason::StartFailed(format!("{who} ended before it began: {}", plain(ended)))
        }
        Ended::Exited(code) => ExitReason::Exited(code),
        Ended::Signaled { signal: sys::SIGABRT, .. }
            if limited && stderr.contains("memory allocation of ") =>
        {
            ExitReason::OutOfMemory { peak }
        }
        Ended::Signaled { signal, core_dumped } => {
            ExitReason::Signaled { signal: Signal(signal), core_dumped }
        }
    }
}

fn aborted(ended: Ended) -> bool {
    matches!(ended, Ended::Signaled { signal: sys::SIGABRT, .. })
}

fn plain(ended: Ended) -> String {
    match ended {
        Ended::Exited(code) => format!("exit code {code}"),
        Ended::Signaled { signal, .. } => Signal(signal).to_string(),
        Ended::Unknown => "unknown".to_owned(),
    }
}

impl PanicReport {
    /// For a panic whose report did not arrive.
    fn unknown() -> Self {
        let message = "its report did not arrive".to_owned();
        Report { message, location: None, thread: None, backtrace: None }.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn evidence(ended: Ended, said: Said) -> Evidence<'static> {
        Evidence {
            ended,
            said,
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
        }
    }

    fn ended() -> impl Strategy<Value = Ended> {
        prop_oneof![
            any::<u8>().prop_map(|code| Ended::Exited(code.into())),
            (1..32).prop_map(|signal| Ended::Signaled { signal, core_dumped: false }),
            Just(Ended::Unknown),
        ]
    }

    fn intent() -> impl Strategy<Value = Option<Intent>> {
        proptest::option::of(prop_oneof![
            Just(Intent::Stop),
            Just(Intent::Kill),
            Just(Intent::TimeOut(Duration::from_secs(1))),
            Just(Intent::GiveUp("late".to_owned())),
            Just(Intent::Distrust("rubbish".to_owned())),
        ])
    }

    fn report() -> PanicReport {
        let message = "oh".to_owned();
        Report { message, location: None, thread: None, backtrace: None }.into()
    }

    proptest! {
        #[test]
        fn a_value_is_a_value_however_the_process_ended(ended in ended(), intent in intent()) {
            let reason = conclude(Evidence { intent, ..evidence(ended, Said::Value) });

            prop_assert_eq!(reason, ExitReason::Finished);
        }

        #[test]
        fn what_we_meant_to_do_counts_only_if_it_is_what_ended_it(
            ended in ended(),
            intent in intent(),
            terminated: bool,
        ) {
            let reason = conclude(Evidence {
                intent: intent.clone(),
                terminated,
                ..evidence(ended, Said::Nothing)
            });

            let by_us = matches!(
                reason,
                ExitReason::Killed
                    | ExitReason::Stopped
                    | ExitReason::TimedOut(_)
                    | ExitReason::StartFailed(_)
            ) || reason == ExitReason::Lost("rubbish".to_owned());
            let by_our_signal = match ended {
                Ended::Signaled { signal: sys::SIGKILL, .. } => intent.is_some(),
                Ended::Signaled { signal: sys::SIGTERM, .. } => terminated,
                _ => false,
            };
            prop_assert_eq!(by_us, by_our_signal);
        }

        #[test]
        fn who_never_began_failed_to_start_and_says_how_it_ended(code: u8) {
            let ended = Ended::Exited(code.into());
            let reason = conclude(Evidence { begun: false, ..evidence(ended, Said::Nothing) });

            let ExitReason::StartFailed(why) = reason else { panic!("{reason}") };
            let told = format!("exit code {code}");
            prop_assert!(why.contains(&told));
        }
    }

    #[test]
    fn a_panic_that_aborts_is_a_panic_and_one_that_was_caught_is_none() {
        let aborted = Ended::Signaled { signal: sys::SIGABRT, core_dumped: false };
        let report = Some(report());

        for (over, panicked) in [(false, true), (true, false)] {
            let report = report.clone();
            let reason = conclude(Evidence { report, over, ..evidence(aborted, Said::Nothing) });
            assert_eq!(matches!(reason, ExitReason::Panicked(_)), panicked, "{reason}");
        }
        let reason = conclude(Evidence { report, ..evidence(Ended::Exited(3), Said::Nothing) });
        assert_eq!(reason, ExitReason::Exited(3));
    }

    #[test]
    fn an_abort_is_out_of_memory_only_where_there_was_a_limit_and_the_allocator_said_so() {
        let aborted = Ended::Signaled { signal: sys::SIGABRT, core_dumped: false };
        let stderr = "memory allocation of 99 bytes failed\n";
        for (limited, stderr, expected) in
            [(true, stderr, true), (false, stderr, false), (true, "", false)]
        {
            let reason = conclude(Evidence { limited, stderr, ..evidence(aborted, Said::Nothing) });
            assert_eq!(matches!(reason, ExitReason::OutOfMemory { .. }), expected, "{reason}");
        }
    }
}
