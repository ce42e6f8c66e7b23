//! Reporting panics from the hook, so that it works where a panic aborts.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::panic::PanicHookInfo;
use std::sync::Mutex;

use crate::outcome::Report;
use crate::wire::{Decoder, Encoder, Reports};

static REPORTS: Mutex<Option<Reports>> = Mutex::new(None);

thread_local! {
    static REPORTING: Cell<bool> = const { Cell::new(false) };
}

/// Where reports go from now on.
#[inline]
pub(super) fn report_to(reports: Reports) {
    *REPORTS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(reports);
}

/// The last report of this process. A death that follows is not explained by it any more.
pub(crate) fn take_report() -> Option<Report> {
    taken(REPORTS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).as_mut()?)
}

fn taken(reports: &mut Reports) -> Option<Report> {
    Decoder::of_bytes(&reports.take()?).section().ok()
}

/// The report of a panic that had none, such as one that was resumed.
pub(crate) fn describe_payload(payload: &dyn Any) -> Report {
    let thread = std::thread::current().name().map(str::to_owned);
    Report { message: text(payload), location: None, thread, backtrace: None }
}

/// Installs the hook in front of the one that is there. Called before and after the user's
/// set-up, which may install hooks of its own; a panic is reported once all the same.
#[inline]
pub(super) fn install_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let first = REPORTING.with(|reporting| !reporting.replace(true));
        let reported = if first { report(info) } else { None };
        before(info);
        if let Some(report) = reported
            && may_be_caught(&report)
        {
            leave(report, true);
        }
        if first {
            REPORTING.with(|reporting| reporting.set(false));
        }
    }));
}

/// Leaves a report of a panic, and has it for the second word on that.
fn report(info: &PanicHookInfo<'_>) -> Option<Report> {
    let report = describe(info);
    if !super::context::is_original() {
        return None;
    }
    if SECOND.contains(&report.message.as_str()) {
        // The runtime's own word that a panic met another; the report of that one says more, and is
        // what ends this process.
        let first = taken(REPORTS.try_lock().ok()?.as_mut()?)?;
        leave(first, false);
        return None;
    }
    leave(report.clone(), false);
    Some(report)
}

/// Leaves a report, and whether the panic may be caught by now: then it is not what ends this process.
fn leave(mut report: Report, over: bool) {
    // Not waiting for the lock: who holds it reports a panic of the same process right now.
    let Ok(mut reports) = REPORTS.try_lock() else {
        return;
    };
    let Some(reports) = reports.as_mut() else {
        return;
    };
    let over = u8::from(over);
    for longest in [Reports::LONGEST - 1024, 1024] {
        cut(&mut report, longest);
        let mut row = Encoder::new(Reports::LONGEST);
        if row.section(&report).and_then(|()| row.section(&over)).is_ok() {
            return reports.leave(&row);
        }
    }
}

/// Whether a panic whose hook has returned goes on to unwind.
fn may_be_caught(report: &Report) -> bool {
    cfg!(panic = "unwind") && !ABORTS.iter().any(|begins| report.message.starts_with(begins))
}

/// What `core` says where a panic may not unwind.
const SECOND: [&str; 2] =
    ["panic in a destructor during cleanup", "panic in a function that cannot unwind"];

/// How what `core` says begins where it has found that the program is wrong.
const ABORTS: [&str; 4] = [
    "unsafe precondition(s) violated",
    "misaligned pointer dereference",
    "null pointer dereference",
    "trying to construct an enum from an invalid value",
];

fn describe(info: &PanicHookInfo<'_>) -> Report {
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    Report {
        message: text(info.payload()),
        location: info.location().map(|location| location.to_string()),
        thread: match std::thread::current().name() {
            Some(name) => Some(name.to_owned()),
            // The body's thread gets its name from std's start, which never ran.
            None if is_main() => Some("main".to_owned()),
            None => None,
        },
        backtrace: captured.then(|| backtrace.to_string()),
    }
}

fn text(payload: &dyn Any) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    match payload.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => "(it panicked with something that is not text)".to_owned(),
    }
}

fn is_main() -> bool {
    crate::sys::on_initial_thread()
}

/// Cuts the texts so that a report fits where it is left.
fn cut(report: &mut Report, longest: usize) {
    let texts = [Some(&mut report.message), report.backtrace.as_mut()];
    let mut left = longest;
    for text in texts.into_iter().flatten() {
        if text.len() > left {
            let at = (0..=left).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            text.truncate(at);
            text.push_str(" [...]");
        }
        left = left.saturating_sub(text.len());
    }
}
