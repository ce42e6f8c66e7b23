//! Exit codes and signals: what the system says is what is told.

use procession::{ExitReason, JoinError, process};
use procession_tests::{BOTH, LIMIT, Over, end_of, eventually, failure_of};

#[process]
fn exit_by(how: String, code: i32) -> u32 {
    match how.as_str() {
        "std" => std::process::exit(code),
        "procession" => procession::exit(code),
        // SAFETY: the call takes a number and does not return.
        "libc" => unsafe { libc::_exit(code) },
        "thread" => {
            std::thread::spawn(move || std::process::exit(code));
            loop {
                std::thread::park();
            }
        }
        _ => 1,
    }
}

#[test]
fn an_exit_code_is_told_even_if_it_is_zero() {
    for over in BOTH {
        for how in ["std", "procession", "libc", "thread"] {
            for code in [0, 1, 3, 101, 255] {
                let child = over.builder::<exit_by>().spawn((how.to_owned(), code)).unwrap();
                let error = failure_of(child);
                assert_eq!(*error.reason(), ExitReason::Exited(code), "{over:?}, {how}");
                assert!(error.to_string().contains(&format!("code {code}")), "{error}");
            }
        }
    }
}

#[process]
fn die_by(signal: i32) -> u32 {
    // SAFETY: the calls touch no memory.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: as above.
    unsafe { libc::raise(signal) };
    1
}

fn assert_signaled(error: &JoinError, number: i32, name: &str) {
    match error.reason() {
        ExitReason::Signaled { signal, .. } => {
            assert_eq!(signal.number(), number);
            assert_eq!(signal.name(), Some(name));
        }
        other => panic!("{other:?}"),
    }
    assert!(error.to_string().contains(name), "{error}");
}

#[test]
fn a_signal_is_told_by_its_name() {
    for over in BOTH {
        for (number, name) in [
            (libc::SIGSEGV, "SIGSEGV"),
            (libc::SIGABRT, "SIGABRT"),
            (libc::SIGKILL, "SIGKILL"),
            (libc::SIGTERM, "SIGTERM"),
            (libc::SIGINT, "SIGINT"),
            (libc::SIGPIPE, "SIGPIPE"),
            (libc::SIGUSR1, "SIGUSR1"),
            (libc::SIGXCPU, "SIGXCPU"),
            (libc::SIGSYS, "SIGSYS"),
        ] {
            let error = failure_of(over.builder::<die_by>().spawn(number).unwrap());
            assert_signaled(&error, number, name);
        }
    }
}

#[test]
fn a_signal_without_a_name_is_told_by_its_number() {
    let number = libc::SIGRTMIN() + 3;
    let error = failure_of(die_by::spawn(number).unwrap());

    assert!(error.to_string().contains(&format!("signal {number}")), "{error}");
}

#[process]
fn become_another(program: String, argument: String) -> u32 {
    use std::os::unix::process::CommandExt;
    let error = std::process::Command::new(program).arg(argument).exec();
    panic!("{error}");
}

#[test]
fn a_worker_that_becomes_another_program_ends_as_that_does() {
    for over in BOTH {
        let start = |program: &str, argument: &str| {
            let builder = over.builder::<become_another>();
            builder.spawn((program.to_owned(), argument.to_owned())).unwrap()
        };
        assert_eq!(end_of(&start("true", "")), ExitReason::Exited(0));
        assert_eq!(end_of(&start("false", "")), ExitReason::Exited(1));
        let child = start("echo", "from another program");
        end_of(&child);
        assert_eq!(child.output_tail().stdout, "from another program\n");
        let child = start("sleep", "1000");
        let name = || std::fs::read_to_string(format!("/proc/{}/comm", child.pid()));
        eventually(LIMIT, || name().is_ok_and(|name| name == "sleep\n"));
        assert_eq!(child.stop(std::time::Duration::ZERO).unwrap(), ExitReason::Stopped);
    }
}

#[process]
fn return_while_threads_go_on(value: u32) -> u32 {
    for n in 0..4 {
        std::thread::spawn(move || {
            loop {
                std::hint::black_box(format!("{n}"));
            }
        });
    }
    value
}

#[test]
fn threads_that_go_on_do_not_keep_a_process_whose_function_returned() {
    for over in BOTH {
        let child = over.builder::<return_while_threads_go_on>().spawn(5).unwrap();
        assert_eq!(procession_tests::value_of(child).unwrap(), 5);
    }
}

#[process]
fn wait_for_the_end() {
    println!("begun");
    loop {
        std::thread::park();
    }
}

#[test]
fn a_signal_from_outside_is_not_taken_for_one_of_ours() {
    for over in BOTH {
        for (number, name) in [(libc::SIGKILL, "SIGKILL"), (libc::SIGTERM, "SIGTERM")] {
            let child = over.builder::<wait_for_the_end>().spawn(()).unwrap();
            eventually(LIMIT, || child.output_tail().stdout == "begun\n");
            let pid = i32::try_from(child.pid()).unwrap();
            // SAFETY: the call touches no memory; the pid is that of a child not reaped yet.
            unsafe { libc::kill(pid, number) };

            assert_signaled(&failure_of(child), number, name);
        }
    }
}

#[test]
fn a_kill_that_comes_too_late_changes_nothing() {
    let child = die_by::spawn(libc::SIGSEGV).unwrap();
    let first = end_of(&child);
    assert!(matches!(first, ExitReason::Signaled { .. }), "{first:?}");

    child.kill().unwrap();
    child.terminate().unwrap();
    child.kill_tree().unwrap();
    assert_eq!(child.stop(LIMIT).unwrap(), first);

    assert_eq!(child.wait(), first);
    assert_eq!(child.exit_reason(), Some(first));
}

#[process]
fn return_and_crash_at_exit(value: u32) -> u32 {
    extern "C" fn crash() {
        std::process::abort();
    }
    // SAFETY: the function does not unwind.
    unsafe { libc::atexit(crash) };
    value
}

/// The function has returned: what its libraries do at exit cannot take the value back.
#[test]
fn a_value_that_was_returned_survives_a_crash_at_exit() {
    for over in BOTH {
        let child = over.builder::<return_and_crash_at_exit>().spawn(5).unwrap();
        assert_eq!(procession_tests::value_of(child).unwrap(), 5);
    }
}

#[process]
fn return_while_a_thread_holds_the_output(value: u32) -> u32 {
    let (sender, held) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _lock = std::io::stdout().lock();
        sender.send(()).unwrap();
        loop {
            std::thread::park();
        }
    });
    held.recv().unwrap();
    value
}

/// A program that ends does not wait for the lock either.
#[test]
fn a_side_thread_that_keeps_standard_output_locked_does_not_keep_the_value() {
    for over in [Over::Usual, Over::Frames] {
        let builder = over.builder::<return_while_a_thread_holds_the_output>();
        let child = builder.spawn(5).unwrap();
        assert_eq!(procession_tests::value_of(child).unwrap(), 5);
    }
}
