//! What an error says: which process, which pid, why, and the last of its standard error.

use std::error::Error as _;
use std::time::Duration;

use procession::{Error, JoinError, Output, process};
use procession_tests::{BOTH, LIMIT, failure_of};

#[process]
fn fail(how: String) -> u32 {
    eprintln!("first words");
    eprintln!("last words");
    match how.as_str() {
        "panic" => panic!("it broke"),
        "exit" => std::process::exit(4),
        "abort" => std::process::abort(),
        "hang" => loop {
            std::thread::park();
        },
        "much" => {
            (0..1_000).for_each(|n| eprintln!("line {n}"));
            std::process::exit(4)
        }
        _ => 0,
    }
}

fn error_of(over: procession_tests::Over, how: &str) -> JoinError {
    // A backtrace fills what is kept of standard error.
    let builder = over.builder::<fail>().stderr(Output::Captured).env("RUST_BACKTRACE", "0");
    // The others take as long as the machine has them take.
    let limit = if how == "hang" { Duration::from_secs(2) } else { LIMIT };
    failure_of(builder.timeout(limit).spawn(how.to_owned()).unwrap())
}

#[test]
fn an_error_names_the_process_the_pid_and_the_reason() {
    for over in BOTH {
        for (how, reason) in
            [("panic", "it broke"), ("exit", "code 4"), ("abort", "SIGABRT"), ("hang", "2s")]
        {
            let error = error_of(over, how);
            let text = error.to_string();
            assert!(text.contains("`fail`"), "{text}");
            assert!(text.contains(&format!("pid {}", error.pid())), "{text}");
            assert!(text.lines().next().unwrap().contains(reason), "{text}");
            assert!(text.contains("last words"), "{text}");
            assert_eq!(error.process(), "fail");
            assert!(error.stderr().starts_with("first words\nlast words\n"), "{text}");
            // What `unwrap` and a failing `main` print is readable as well.
            assert_eq!(format!("{error:?}"), text);
        }
    }
}

#[test]
fn an_error_of_a_panic_names_the_place() {
    for over in BOTH {
        let text = error_of(over, "panic").to_string();
        assert!(text.contains(file!()), "{text}");
    }
}

#[test]
fn an_error_shows_the_last_lines_and_keeps_more() {
    let error = error_of(procession_tests::Over::Usual, "much");
    let text = error.to_string();
    assert!(text.contains("line 999") && !text.contains("line 900"), "{text}");
    assert!(error.stderr().contains("line 0\n"), "it fits into 64 KiB");
}

#[test]
fn an_error_is_named_as_the_builder_named_the_process() {
    for name in ["resize-1", "a name with blanks", "", "\u{1f980}", "nul \0 inside", "new\nline"] {
        let child = fail::builder().name(name).stderr(Output::Null).spawn("exit".into()).unwrap();
        assert_eq!(child.name(), name);
        let error = failure_of(child);
        assert_eq!(error.process(), name);
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
}

#[test]
fn an_error_of_standard_error_that_was_not_kept_is_short() {
    for output in [Output::Null, Output::Inherit] {
        let error = failure_of(fail::builder().stderr(output).spawn("exit".into()).unwrap());
        assert_eq!(error.stderr(), "");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

#[test]
fn every_error_converts_into_the_one_for_all() {
    let error = Error::from(error_of(procession_tests::Over::Usual, "exit"));
    assert!(error.to_string().contains("`fail`"), "{error}");
    assert!(error.source().is_none());

    fn assert_error<E: std::error::Error + Send + Sync + 'static>() {}
    assert_error::<Error>();
    assert_error::<JoinError>();
    assert_error::<procession::SpawnError>();
}

#[test]
fn what_unwrap_and_main_show_of_a_start_that_failed_names_the_cause() {
    let start = || fail::builder().max_message(10).spawn("long ".repeat(100)).unwrap_err();
    for shown in [format!("{:?}", start()), format!("{:?}", Error::from(start()))] {
        assert!(shown.starts_with("process `fail` was not started: its arguments"), "{shown}");
        assert!(shown.contains("larger than") && shown.contains("10"), "{shown}");
    }
}
