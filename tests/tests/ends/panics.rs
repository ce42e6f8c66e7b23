//! A panic is reported with message, place and thread, wherever it is; one that was caught is not
//! the end.

use std::panic::{catch_unwind, panic_any};
use std::thread;

use procession::{ExitReason, PanicReport, process};
use procession_tests::{BOTH, Over, end_of, failure_of, value_of};

/// The line of the plain panic below.
const PLAIN: u32 = line!() + 5;

#[process]
fn panic_with(kind: String) -> u32 {
    match kind.as_str() {
        "str" => panic!("a plain text"),
        "string" => panic!("a text of {} parts", 2),
        "number" => panic_any(42_u64),
        "empty" => panic!(""),
        "unwrap" => kind.parse::<u32>().unwrap(),
        "index" => Vec::<u32>::new()[kind.len()],
        "resumed" => std::panic::resume_unwind(Box::new("without a hook")),
        "bomb" => panic_any(Bomb),
        other => other.len() as u32,
    }
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a panic in a drop");
    }
}

fn report_of(over: Over, kind: &str) -> PanicReport {
    let child = over.builder::<panic_with>().spawn(kind.to_owned()).unwrap();
    report(&failure_of(child))
}

fn report(error: &procession::JoinError) -> PanicReport {
    match error.reason() {
        ExitReason::Panicked(report) => report.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panic_is_reported_with_its_message_whatever_it_is_made_of() {
    for over in BOTH {
        assert_eq!(report_of(over, "str").message(), "a plain text");
        assert_eq!(report_of(over, "string").message(), "a text of 2 parts");
        assert_eq!(report_of(over, "empty").message(), "");
        assert!(report_of(over, "unwrap").message().contains("InvalidDigit"));
        assert!(report_of(over, "index").message().contains("out of bounds"));
        assert!(report_of(over, "number").message().contains("not text"));
        assert!(report_of(over, "bomb").message().contains("not text"));
        // No hook runs for it, so there is nothing to tell but that it happened.
        let resumed = report_of(over, "resumed");
        assert_eq!(resumed.location(), None, "{resumed:?}");
    }
}

#[test]
fn a_panic_is_reported_with_its_place_and_thread() {
    for over in BOTH {
        let report = report_of(over, "str");
        let place = report.location().unwrap();
        assert!(place.starts_with(&format!("{}:{PLAIN}:", file!())), "{place}");
        assert_eq!(report.thread(), Some("main"));
    }
}

#[process]
fn panic_with_backtrace(_deep: ()) {
    panic!("with a stack");
}

#[test]
fn a_panic_is_reported_with_its_stack_where_that_was_asked_for() {
    let child = panic_with_backtrace::builder().env("RUST_BACKTRACE", "1").spawn(()).unwrap();
    let error = failure_of(child);
    let stack = report(&error).backtrace().unwrap().to_owned();
    assert!(stack.contains("panic_with_backtrace"), "{stack}");
    assert!(error.to_string().contains("panic_with_backtrace"), "{error}");

    let child = panic_with_backtrace::builder().env("RUST_BACKTRACE", "0").spawn(()).unwrap();
    assert_eq!(report(&failure_of(child)).backtrace(), None);
}

#[process]
fn panic_beside(join: bool) -> u32 {
    let beside = thread::Builder::new().name("helper".into());
    let beside = beside.spawn(|| panic!("only the helper")).unwrap();
    let ended = beside.join();
    if join { ended.map(|()| 1).unwrap() } else { 7 }
}

#[test]
fn a_panic_in_a_side_thread_is_not_the_end_of_the_function() {
    for over in BOTH {
        let child = over.builder::<panic_beside>().spawn(false).unwrap();
        assert_eq!(value_of(child).unwrap(), 7);
        let child = over.builder::<panic_beside>().spawn(true).unwrap();
        assert!(report(&failure_of(child)).message().contains("unwrap"));
    }
}

#[process]
fn catch(times: u32) -> u32 {
    std::panic::set_hook(Box::new(|_| {}));
    let caught = (0..times).filter(|n| catch_unwind(|| panic!("number {n}")).is_err());
    caught.count() as u32
}

#[process]
fn catch_with_our_hook(times: u32, last: bool) -> u32 {
    let caught = (0..times).filter(|n| catch_unwind(|| panic!("number {n}")).is_err()).count();
    if last {
        panic!("the last one");
    }
    caught as u32
}

#[test]
fn a_panic_that_the_function_catches_is_not_the_end() {
    for over in BOTH {
        let child = over.builder::<catch>().spawn(1).unwrap();
        assert_eq!(end_of(&child), ExitReason::Finished);
        assert_eq!(child.join().unwrap(), 1);
    }
}

#[test]
fn thousands_of_caught_panics_neither_block_nor_hide_the_last_one() {
    for over in BOTH {
        let quiet = procession::Output::Captured;
        let run = |last| {
            let builder = over.builder::<catch_with_our_hook>().stderr(quiet);
            builder.spawn((5_000, last)).unwrap()
        };
        assert_eq!(value_of(run(false)).unwrap(), 5_000);
        assert_eq!(report(&failure_of(run(true))).message(), "the last one");
    }
}

#[process]
fn exit_after_a_caught_panic(code: i32) {
    let _ = catch_unwind(|| panic!("that is over"));
    std::process::exit(code)
}

#[process]
fn die_after_a_caught_panic(signal: i32) {
    let _ = catch_unwind(|| panic!("that is over"));
    let _ = std::thread::spawn(|| panic!("and so is that")).join();
    // SAFETY: the call touches no memory.
    unsafe { libc::raise(signal) };
}

#[process]
fn abort_after_a_caught_panic(_unused: ()) {
    let _ = catch_unwind(|| panic!("that is over"));
    std::process::abort()
}

#[test]
fn a_caught_panic_is_not_the_reason_of_another_end() {
    for over in BOTH {
        let child = over.builder::<exit_after_a_caught_panic>().spawn(3).unwrap();
        assert_eq!(end_of(&child), ExitReason::Exited(3));
        let ill = over.builder::<die_after_a_caught_panic>().spawn(libc::SIGILL).unwrap();
        let abort = over.builder::<die_after_a_caught_panic>().spawn(libc::SIGABRT).unwrap();
        let library = over.builder::<abort_after_a_caught_panic>().spawn(()).unwrap();
        for child in [ill, abort, library] {
            let reason = end_of(&child);
            assert!(matches!(reason, ExitReason::Signaled { .. }), "{over:?}: {reason:?}");
        }
    }
}

#[process]
fn panic_at_length(bytes: usize) {
    panic!("{}", "ä".repeat(bytes / 2));
}

#[test]
fn a_very_long_message_is_cut_but_arrives() {
    for over in BOTH {
        for bytes in [6_000, 7_160, 7_168, 7_170, 8_192, 70_000, 3_000_000] {
            let quiet = procession::Output::Captured;
            let builder = over.builder::<panic_at_length>().stderr(quiet);
            let report = report(&failure_of(builder.spawn(bytes).unwrap()));
            let message = report.message();
            assert!(message.starts_with("ää"), "{over:?}, {bytes}: {report:?}");
            assert!(message.len() >= bytes.min(900), "{over:?}, {bytes}: {}", message.len());
            assert!(report.location().is_some());
        }
    }
}

#[process]
fn panic_twice(_unused: ()) {
    let _bomb = Bomb;
    panic!("the first");
}

#[test]
fn a_panic_in_a_drop_during_a_panic_aborts_and_the_report_is_of_what_happened() {
    for over in BOTH {
        let error = failure_of(over.builder::<panic_twice>().spawn(()).unwrap());
        let message = report(&error).message().to_owned();
        assert!(message == "the first" || message == "a panic in a drop", "{message}");
        assert!(error.stderr().contains("the first"), "{error}");
    }
}

#[process]
fn panic_with_a_hook_of_its_own(_unused: ()) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        eprintln!("the user's hook saw it");
        before(info);
    }));
    panic!("seen by both");
}

#[test]
fn a_hook_of_the_users_runs_as_well() {
    let error = failure_of(panic_with_a_hook_of_its_own::spawn(()).unwrap());

    assert_eq!(report(&error).message(), "seen by both");
    assert!(error.stderr().contains("the user's hook saw it"), "{error}");
}

#[process]
fn many_panics_at_once(threads: usize) -> usize {
    let all: Vec<_> = (0..threads).map(|n| thread::spawn(move || panic!("thread {n}"))).collect();
    let failed = all.into_iter().filter_map(|one| one.join().err()).count();
    assert_eq!(failed, 0, "{failed} threads panicked");
    failed
}

#[test]
fn panics_of_many_threads_at_once_leave_a_whole_report() {
    for over in BOTH {
        for _ in 0..10 {
            let child = over.builder::<many_panics_at_once>().spawn(16).unwrap();
            let message = report(&failure_of(child)).message().to_owned();
            assert!(message.contains("16 threads panicked"), "{message}");
        }
    }
}
