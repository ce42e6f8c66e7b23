//! Why there is no value.

use std::fmt;

use super::detail;
use crate::outcome::ExitReason;

/// A process was started, but there is no value to hand back.
///
/// It prints as one readable line, followed by the last lines that the process wrote to its
/// standard error where there are any.
///
/// # Examples
///
/// ```
/// use procession::{ExitReason, process};
///
/// #[process]
/// fn halve(n: u32) -> u32 {
///     assert!(n % 2 == 0, "{n} is odd");
///     n / 2
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let error = halve::spawn(9)?.join().unwrap_err();
/// assert_eq!(error.process(), "halve");
/// match error.reason() {
///     ExitReason::Panicked(report) => assert_eq!(report.message(), "9 is odd"),
///     other => panic!("{other}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct JoinError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    process: String,
    pid: u32,
    reason: ExitReason,
    stderr: String,
}

impl JoinError {
    pub(crate) fn new(process: &str, pid: u32, reason: ExitReason, stderr: String) -> Self {
        JoinError(Box::new(Inner { process: process.to_owned(), pid, reason, stderr }))
    }

    /// The name of the process.
    pub fn process(&self) -> &str {
        &self.0.process
    }

    /// Its pid, which may belong to another process by now.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// How it ended.
    pub fn reason(&self) -> &ExitReason {
        &self.0.reason
    }

    /// The last it wrote to its standard error, 64 KiB at the most; empty where that was
    /// [inherited](crate::Output::Inherit) or went [nowhere](crate::Output::Null).
    pub fn stderr(&self) -> &str {
        &self.0.stderr
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { process, pid, reason, stderr } = &*self.0;
        write!(f, "process `{process}` (pid {pid}) gave no value: {reason}")?;
        f.write_str(detail::hint(reason, stderr))?;
        detail::write(f, detail::panic_of(reason), stderr)
    }
}

/// As `main` prints it.
impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for JoinError {}
