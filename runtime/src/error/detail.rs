//! What an error that ends with a process says below its first line.

use std::fmt;

use crate::outcome::{ExitReason, PanicReport};

/// How many lines of standard error are shown: enough to see what happened, not so many that they
/// hide it.
const LINES: usize = 12;

/// What else may have ended a process like this, to be said behind the reason.
pub(super) fn hint(reason: &ExitReason, stderr: &str) -> &'static str {
    if is_fault(reason) && !KNOWN.iter().any(|word| stderr.contains(word)) {
        " (maybe a stack overflow in a thread other than `main`)"
    } else {
        ""
    }
}

/// What a process prints before a fault ends it, in all cases but one; std or we do.
const KNOWN: [&str; 3] = ["overflowed its stack", "may not touch address", "was sent SIGSEGV"];

/// Whether it touched memory that it may not.
fn is_fault(reason: &ExitReason) -> bool {
    matches!(reason, ExitReason::Signaled { signal, .. } if signal.name() == Some("SIGSEGV"))
}

/// The panic that a reason tells of.
pub(super) fn panic_of(reason: &ExitReason) -> Option<&PanicReport> {
    match reason {
        ExitReason::Panicked(report) => Some(report),
        _ => None,
    }
}

/// Writes the backtrace of a panic, if there is one, and the last lines of the standard error.
pub(super) fn write(
    f: &mut fmt::Formatter<'_>,
    report: Option<&PanicReport>,
    stderr: &str,
) -> fmt::Result {
    if let Some(backtrace) = report.and_then(PanicReport::backtrace) {
        write!(f, "\n{}", backtrace.trim_end())?;
    }
    let lines: Vec<&str> = stderr.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    if !last.is_empty() {
        f.write_str("\nits standard error ends with:")?;
        last.iter().try_for_each(|line| write!(f, "\n  {line}"))?;
    }
    Ok(())
}
