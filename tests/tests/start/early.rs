//! A child that dies, stops or dawdles before it begins is a typed reason, and delays nobody.

use std::time::{Duration, Instant};

use procession::{Child, ExitReason, process};
use procession_tests::{
    BOTH, LIMIT, Over, Place, Running, as_program, end_of, eventually, failure_of, is_gone,
    state_of, value_of,
};

/// What a child of these tests does to itself before `main` and before its hello.
const FATE: &str = "PROCESSION_TESTS_FATE";

#[used]
// The section is an array of functions that are called before `main`.
#[unsafe(link_section = ".init_array")]
static BEFORE_HELLO: extern "C" fn() = before_hello;

extern "C" fn before_hello() {
    let fate = std::env::var(FATE).unwrap_or_default();
    let signal = match fate.as_str() {
        "exit" => std::process::exit(7),
        "kill" => libc::SIGKILL,
        "stop" => libc::SIGSTOP,
        "abort" => std::process::abort(),
        "crash" => libc::SIGSEGV,
        "few descriptors" => return limit_descriptors(4),
        _ => return,
    };
    // SAFETY: the call touches no memory.
    unsafe { libc::raise(signal) };
}

fn limit_descriptors(most: u64) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the pointer is to a local variable of the right type.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
}

#[procession::setup]
fn after_hello() {
    if std::env::var(FATE).is_ok_and(|fate| fate == "exit in setup") {
        std::process::exit(9);
    }
    if std::env::var(FATE).is_ok_and(|fate| fate == "panic in setup") {
        panic!("no such provider");
    }
}

#[process]
fn double(n: u64) -> u64 {
    2 * n
}

#[process]
fn idle() {
    procession::stopping().wait();
}

fn fated(over: Over, fate: &str) -> Child<u64> {
    over.builder::<double>().env(FATE, fate).spawn(4).unwrap()
}

fn start_failure(child: Child<u64>) -> String {
    let error = failure_of(child);
    match error.reason() {
        ExitReason::StartFailed(why) => why.clone(),
        other => panic!("it did not fail to start: {other:?}"),
    }
}

#[test]
fn a_child_that_ends_before_its_hello_failed_to_start_and_says_how_it_ended() {
    for over in BOTH {
        for (fate, how) in
            [("exit", "code 7"), ("kill", "SIGKILL"), ("abort", "SIGABRT"), ("crash", "SIGSEGV")]
        {
            let why = start_failure(fated(over, fate));
            assert!(why.contains(how), "{over:?}, {fate}: {why}");
        }
    }
}

/// Over a ring it needs none.
#[test]
fn a_child_without_room_for_descriptors_works_or_failed_to_start_and_says_why() {
    for over in BOTH {
        match fated(over, "few descriptors").join() {
            Ok(value) => assert_eq!((value, over), (8, Over::Usual)),
            Err(error) => {
                let ExitReason::StartFailed(why) = error.reason() else { panic!("{error}") };
                assert!(why.contains("no descriptors"), "{over:?}: {why}");
            }
        }
    }
}

#[test]
fn an_end_during_set_up_is_the_end_of_the_process() {
    for over in BOTH {
        assert_eq!(end_of(&fated(over, "exit in setup")), ExitReason::Exited(9));
        let reason = end_of(&fated(over, "panic in setup"));
        assert!(
            matches!(&reason, ExitReason::Panicked(report) if report.message() == "no such provider"),
            "{over:?}: {reason:?}"
        );
    }
}

#[test]
fn a_child_stopped_before_its_hello_delays_no_other_start() {
    let stopped = fated(Over::Usual, "stop");
    eventually(LIMIT, || state_of(stopped.pid()) == Some('T'));

    let others: Vec<_> = (0..8).map(|n| double::spawn(n).unwrap()).collect();
    for (n, other) in others.into_iter().enumerate() {
        assert_eq!(value_of(other).unwrap(), 2 * n as u64);
    }

    assert!(stopped.is_alive());
    stopped.kill().unwrap();
    assert_eq!(end_of(&stopped), ExitReason::Killed);
}

#[test]
fn a_child_stopped_before_its_hello_is_killed_at_its_start_deadline() {
    for over in BOTH {
        let builder = over.builder::<double>().env(FATE, "stop");
        let child = builder.start_timeout(Duration::from_millis(300)).spawn(4).unwrap();
        let why = start_failure(child);
        assert!(why.contains("300ms"), "{over:?}: {why}");
    }
}

/// It was stopped before it could ask the kernel to end it with its parent.
#[test]
fn a_child_stopped_before_its_hello_dies_with_its_parent() {
    let mut program = as_program(|| {
        let stopped = fated(Over::Usual, "stop");
        eventually(LIMIT, || state_of(stopped.pid()) == Some('T'));
        println!("child={}", stopped.pid());
        end_of(&stopped);
    });
    let place = Place::new();
    program.env("TMPDIR", place.path());
    let mut program = Running::start(program);
    let child = program.hear("child=").parse().unwrap();

    program.signal(libc::SIGKILL);
    program.end();

    eventually(Duration::from_secs(2), || is_gone(child));
}

#[test]
fn a_stopped_child_that_is_continued_in_time_begins() {
    let child = fated(Over::Usual, "stop");
    eventually(LIMIT, || state_of(child.pid()) == Some('T'));

    let pid = i32::try_from(child.pid()).unwrap();
    // SAFETY: the call touches no memory; the pid is that of a child not reaped yet.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGCONT) }, 0);

    assert_eq!(value_of(child).unwrap(), 8);
}

#[test]
fn a_timeout_counts_from_spawn_on_and_holds_before_the_hello() {
    let builder = double::builder().env(FATE, "stop");
    let limit = Duration::from_millis(200);
    let child = builder.timeout(limit).spawn(4).unwrap();

    assert_eq!(end_of(&child), ExitReason::TimedOut(limit));
}

#[test]
fn stopping_a_child_that_has_not_begun_ends_it() {
    let child = fated(Over::Usual, "stop");
    eventually(LIMIT, || state_of(child.pid()) == Some('T'));

    let reason = child.stop(Duration::from_millis(50)).unwrap();

    assert_eq!(reason, ExitReason::Stopped);
}

#[test]
fn no_deadline_is_too_long_or_too_short() {
    let longest = double::builder().start_timeout(Duration::MAX).timeout(Duration::MAX);
    assert_eq!(value_of(longest.spawn(4).unwrap()).unwrap(), 8);

    let none = double::builder().start_timeout(Duration::ZERO).spawn(4).unwrap();
    let reason = end_of(&none);
    // It may have begun before anybody looked.
    assert!(matches!(reason, ExitReason::StartFailed(_) | ExitReason::Finished), "{reason:?}");
    let none = double::builder().timeout(Duration::ZERO).spawn(4).unwrap();
    let reason = end_of(&none);
    assert!(matches!(reason, ExitReason::TimedOut(_) | ExitReason::Finished), "{reason:?}");
}

/// Kills by a signal from outside, at every moment of a start.
#[test]
fn a_child_killed_at_any_moment_of_its_start_has_a_typed_reason() {
    for over in BOTH {
        for step in 0..150_u32 {
            let child = over.builder::<idle>().spawn(()).unwrap();
            spin(Duration::from_micros(u64::from(step) * 40));
            let pid = i32::try_from(child.pid()).unwrap();
            // SAFETY: the call touches no memory; the pid is that of a child not reaped yet.
            assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);

            match end_of(&child) {
                ExitReason::StartFailed(_) => {}
                ExitReason::Signaled { signal, .. } => assert_eq!(signal.number(), libc::SIGKILL),
                other => panic!("{over:?}, step {step}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_child_killed_through_its_handle_at_any_moment_was_killed() {
    for over in BOTH {
        for step in 0..150_u32 {
            let child = over.builder::<idle>().spawn(()).unwrap();
            spin(Duration::from_micros(u64::from(step) * 40));
            child.kill().unwrap();

            assert_eq!(end_of(&child), ExitReason::Killed, "{over:?}, step {step}");
        }
    }
}

#[test]
fn a_child_stopped_at_any_moment_of_its_start_finishes_or_is_stopped() {
    for step in 0..60_u32 {
        let child = idle::spawn().unwrap();
        spin(Duration::from_micros(u64::from(step) * 100));

        let reason = child.stop(LIMIT).unwrap();

        assert_eq!(reason, ExitReason::Finished, "step {step}");
    }
}

/// Lets time pass in steps shorter than any sleep: the moment is what is tested.
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
