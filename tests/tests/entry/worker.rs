//! What a worker finds when its function begins: a process like any other.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{Read, Write, pipe};
use std::path::PathBuf;
use std::time::Duration;

use procession::{ExitReason, Output, process};

/// What `ps` shows of the process that this is called in: its arguments and its short name.
#[process]
fn shown() -> (String, String) {
    let of = |file: &str| fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let arguments = of("cmdline").trim_end_matches('\0').to_owned();
    (arguments, of("comm").trim_end().to_owned())
}

/// The name of this program's file.
fn program() -> String {
    let file = env::current_exe().unwrap();
    file.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn ps_shows_the_program_and_the_function() {
    let (arguments, name) = shown::call().unwrap();

    assert_eq!(arguments, format!("{}: shown", program()));
    assert_eq!(name, "shown");
}

#[test]
fn ps_shows_the_name_that_was_given() {
    let child = shown::builder().name("resize-1 of the third").spawn(()).unwrap();
    assert_eq!(child.name(), "resize-1 of the third");

    let (arguments, name) = child.join().unwrap();

    assert_eq!(arguments, format!("{}: resize-1 of the third", program()));
    // The kernel keeps 15 bytes.
    assert_eq!(name, "resize-1 of the");
}

#[process]
fn variables() -> BTreeMap<String, String> {
    env::vars().collect()
}

#[test]
fn a_worker_has_the_environment_of_its_parent() {
    assert_eq!(variables::call().unwrap(), variables());
}

#[process]
fn arguments() -> Vec<String> {
    env::args().collect()
}

#[test]
fn a_worker_has_a_name_and_no_other_arguments() {
    assert_eq!(arguments::call().unwrap(), [format!("{}: arguments", program())]);
}

#[process]
fn place() -> (PathBuf, String) {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    (env::current_dir().unwrap(), input)
}

#[test]
fn a_worker_is_where_its_parent_is_and_reads_nothing() {
    assert_eq!(place::call().unwrap(), (env::current_dir().unwrap(), String::new()));
}

#[process]
fn is_on_initial_thread() -> bool {
    let task = fs::read_link("/proc/thread-self").unwrap();
    task.ends_with(std::process::id().to_string())
}

#[test]
fn the_function_runs_on_the_initial_thread() {
    assert!(is_on_initial_thread::call().unwrap());
}

/// Whether the signal is ignored, and what a write says whose reader is gone.
#[process]
fn broken_pipe() -> (bool, String) {
    const SIGPIPE: u32 = 13;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
    let (reader, mut writer) = pipe().unwrap();
    drop(reader);
    let error = writer.write_all(b"nobody reads this").unwrap_err();
    (ignored & (1 << (SIGPIPE - 1)) != 0, format!("{:?}", error.kind()))
}

#[test]
fn a_broken_pipe_is_an_error_in_a_worker() {
    assert_eq!(broken_pipe::call().unwrap(), (true, "BrokenPipe".to_owned()));
}

/// Prints without an end of line, which std would keep back, and ends in one of several ways.
#[process]
fn print(how: String) {
    print!("printed before: {how}");
    match how.as_str() {
        "exit" => procession::exit(0),
        "exit of std" => std::process::exit(0),
        "panic" => panic!("on purpose"),
        _ => {}
    }
}

#[test]
fn what_was_printed_is_written_however_a_function_ends() {
    for how in ["return", "exit", "exit of std", "panic"] {
        let child = print::builder().stdout(Output::Captured).stderr(Output::Captured);
        let child = child.spawn(how.to_owned()).unwrap();
        child.wait();

        assert_eq!(child.output_tail().stdout, format!("printed before: {how}"));
    }
}

#[process]
#[expect(unconditional_recursion, reason = "it is to overflow the stack")]
fn overflow(n: u64) -> u64 {
    let frame = std::hint::black_box([n; 64]);
    overflow(frame[0]) + frame.iter().sum::<u64>()
}

#[process]
fn overflow_on_a_thread() {
    let deep = std::thread::Builder::new().name("deep".to_owned());
    let thread = deep.spawn(|| overflow(1)).unwrap();
    thread.join().unwrap();
}

#[test]
fn a_stack_overflow_says_so() {
    let child = overflow::builder().name("deep-1").stderr(Output::Captured).spawn(1).unwrap();

    let error = child.join().unwrap_err();

    assert!(
        matches!(error.reason(), ExitReason::Signaled { signal, .. } if signal.name() == Some("SIGSEGV")),
        "{error}"
    );
    let said = "thread 'main' of process `deep-1` has overflowed its stack";
    assert!(error.stderr().contains(said), "{error}");
    assert!(error.to_string().contains(said), "{error}");
}

/// It used to end in a bare SIGSEGV: std watches the stacks of its threads only in a process that
/// came to `main`.
#[test]
fn a_stack_overflow_of_another_thread_is_at_least_thought_of() {
    let child = overflow_on_a_thread::builder().stderr(Output::Captured).spawn(()).unwrap();

    let error = child.join().unwrap_err();

    assert!(error.to_string().contains("stack"), "{error}");
}

#[process]
fn wild() -> u8 {
    let nowhere = std::ptr::without_provenance::<u8>(16);
    // SAFETY: there is none, and nothing is mapped there: this is the fault that is wanted.
    unsafe { nowhere.read_volatile() }
}

/// Has somebody else send it the signal of a fault.
#[process]
fn sent() {
    let kill = format!("kill -SEGV {}", std::process::id());
    std::process::Command::new("sh").args(["-c", &kill]).status().unwrap();
    procession::stopping().wait();
}

#[test]
fn the_signal_of_a_fault_ends_a_worker_also_where_it_was_sent() {
    let limit = Duration::from_secs(20);
    let child = sent::builder().stderr(Output::Captured).timeout(limit).spawn(()).unwrap();

    let error = child.join().unwrap_err();

    assert!(matches!(error.reason(), ExitReason::Signaled { .. }), "{error}");
    assert!(!error.stderr().contains("overflowed"), "{error}");
}

#[test]
fn another_fault_is_not_taken_for_a_stack_overflow() {
    let child = wild::builder().stderr(Output::Captured).spawn(()).unwrap();

    let error = child.join().unwrap_err();

    assert!(matches!(error.reason(), ExitReason::Signaled { .. }), "{error}");
    assert!(!error.stderr().contains("overflowed"), "{error}");
}
