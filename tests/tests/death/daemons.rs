//! A worker may leave something running: its own end is told at once, and what is left writes to
//! nobody.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use procession::{ExitReason, Output, process};
use procession_tests::{BOTH, LIMIT, end_of, eventually, is_gone, value_of};

/// Starts a command that keeps the worker's output open, and leaves it.
#[process]
fn leave(command: String) -> u32 {
    println!("leaving");
    eprintln!("complaining");
    let mut shell = Command::new("sh");
    shell.args(["-c", &command]).stdin(Stdio::null()).process_group(0);
    #[expect(clippy::zombie_processes, reason = "that it is left is what is tested")]
    let daemon = shell.spawn().unwrap();
    daemon.id()
}

fn end(pid: u32) {
    let pid_ = i32::try_from(pid).unwrap();
    // SAFETY: the call touches no memory.
    unsafe { libc::kill(-pid_, libc::SIGKILL) };
    eventually(LIMIT, || is_gone(pid));
}

#[test]
fn the_end_of_a_worker_is_told_although_a_daemon_keeps_its_output_open() {
    for over in BOTH {
        for output in [Output::Captured, Output::Lines, Output::Null, Output::Inherit] {
            let start = Instant::now();
            let builder = over.builder::<leave>().stdout(output).stderr(output);
            let child = builder.spawn("exec sleep 1000".to_owned()).unwrap();
            assert_eq!(end_of(&child), ExitReason::Finished);
            let kept = matches!(output, Output::Captured | Output::Lines);
            assert_eq!(child.output_tail().stdout, if kept { "leaving\n" } else { "" });
            let daemon = value_of(child).unwrap();
            assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
            assert!(!is_gone(daemon), "it is not ours to end");
            end(daemon);
        }
    }
}

#[test]
fn the_end_of_a_worker_is_told_although_a_daemon_goes_on_writing() {
    for over in BOTH {
        let builder = over.builder::<leave>().stdout(Output::Captured).stderr(Output::Captured);
        let child = builder
            .spawn("trap '' PIPE; for n in $(seq 200000); do echo noise; done".to_owned())
            .unwrap();
        assert_eq!(end_of(&child), ExitReason::Finished);
        end(value_of(child).unwrap());
    }
}

#[process]
fn leave_and_panic(command: String) {
    let left = leave(command);
    panic!("left {left}");
}

#[test]
fn a_reason_is_told_although_a_daemon_keeps_the_output_open() {
    let builder = leave_and_panic::builder().stderr(Output::Captured);
    let error = procession_tests::failure_of(builder.spawn("exec sleep 1000".into()).unwrap());
    let ExitReason::Panicked(report) = error.reason() else { panic!("{error}") };
    let daemon = report.message().strip_prefix("left ").unwrap().parse().unwrap();
    assert!(error.stderr().contains("complaining"), "{error}");
    end(daemon);
}
