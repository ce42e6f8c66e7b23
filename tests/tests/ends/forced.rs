//! Ends that the parent brings about: kill, terminate, stop, a timeout, dropping the handle.

use std::time::{Duration, Instant};

use procession::{ExitReason, process};
use procession_tests::{BOTH, LIMIT, end_of, eventually, is_gone, value_of};

#[process]
fn wait_to_be_stopped(value: u32) -> u32 {
    println!("begun");
    procession::stopping().wait();
    value
}

#[process]
fn ignore_everything(_unused: ()) {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: ignoring a signal installs no code.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    println!("deaf");
    loop {
        std::thread::park();
    }
}

#[process]
fn spin(_unused: ()) -> u64 {
    let mut n = 0_u64;
    while !std::hint::black_box(false) {
        n = n.wrapping_add(1);
    }
    n
}

fn deaf() -> procession::Child<()> {
    let child = ignore_everything::spawn(()).unwrap();
    eventually(LIMIT, || child.output_tail().stdout.contains("deaf"));
    child
}

#[test]
fn a_killed_process_was_killed() {
    for over in BOTH {
        let child = over.builder::<spin>().spawn(()).unwrap();
        child.kill().unwrap();
        assert_eq!(end_of(&child), ExitReason::Killed);
        let text = child.join().unwrap_err().to_string();
        assert!(text.contains("it was killed"), "{text}");
    }
}

#[test]
fn a_terminated_process_was_stopped_if_that_ended_it() {
    for over in BOTH {
        let child = over.builder::<spin>().spawn(()).unwrap();
        child.terminate().unwrap();
        assert_eq!(end_of(&child), ExitReason::Stopped);
    }
    let deaf = deaf();
    deaf.terminate().unwrap();
    assert!(deaf.is_alive());
    deaf.kill().unwrap();
    assert_eq!(end_of(&deaf), ExitReason::Killed);
}

#[test]
fn a_process_that_is_asked_politely_returns_its_value() {
    for over in BOTH {
        let child = over.builder::<wait_to_be_stopped>().spawn(6).unwrap();
        assert_eq!(child.stop(LIMIT).unwrap(), ExitReason::Finished);
        assert_eq!(child.join().unwrap(), 6);
    }
}

#[process]
fn looks_late() -> bool {
    std::thread::sleep(Duration::from_millis(200));
    procession::stopping().is_set()
}

/// Nothing in the process hears the parent before it asks.
#[test]
fn a_process_that_looks_long_after_it_was_asked_to_stop_finds_that_at_the_first_look() {
    for over in BOTH {
        let child = over.builder::<looks_late>().spawn(()).unwrap();
        assert_eq!(child.stop(LIMIT).unwrap(), ExitReason::Finished);
        assert!(value_of(child).unwrap(), "{over:?}");
    }
}

#[process]
fn waits_without_memory() -> bool {
    let mapped = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = mapped.split(' ').next().unwrap().parse().unwrap();
    // SAFETY: the call only asks.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    // Enough to be told, and less than the stack of a thread.
    let most = pages * page + (240 << 10);
    let limit = libc::rlimit { rlim_cur: most, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the pointer is to a local variable.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    procession::stopping().wait();
    true
}

#[test]
fn a_process_that_has_no_room_for_a_thread_hears_all_the_same_that_it_is_to_stop() {
    for over in BOTH {
        let child = over.builder::<waits_without_memory>().spawn(()).unwrap();
        assert_eq!(child.stop(LIMIT).unwrap(), ExitReason::Finished);
        assert!(value_of(child).unwrap(), "{over:?}");
    }
}

#[test]
fn a_process_that_is_deaf_to_everything_is_stopped_by_force() {
    let child = deaf();
    let start = Instant::now();
    assert_eq!(child.stop(Duration::from_millis(100)).unwrap(), ExitReason::Stopped);
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
}

#[test]
fn a_process_that_hears_only_signals_is_stopped_by_one() {
    let child = spin::spawn(()).unwrap();
    let start = Instant::now();
    assert_eq!(child.stop(Duration::from_millis(100)).unwrap(), ExitReason::Stopped);
    // SIGTERM did it: SIGKILL comes two seconds later.
    assert!(start.elapsed() < Duration::from_secs(2), "it took {:?}", start.elapsed());
}

#[test]
fn stopping_from_many_threads_at_once_gives_all_the_same_answer() {
    let child = wait_to_be_stopped::spawn(6).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(child.stop(LIMIT).unwrap(), ExitReason::Finished));
        }
    });
    assert_eq!(value_of(child).unwrap(), 6);
}

/// A child that is stopped by SIGSTOP hears nothing, and what was said to it filled a socket.
#[test]
fn asking_a_frozen_process_to_stop_a_thousand_times_blocks_nobody() {
    let child = wait_to_be_stopped::spawn(6).unwrap();
    eventually(LIMIT, || child.output_tail().stdout == "begun\n");
    let pid = i32::try_from(child.pid()).unwrap();
    // SAFETY: the call touches no memory; the pid is that of a child not reaped yet.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGSTOP) }, 0);
    eventually(LIMIT, || procession_tests::state_of(child.pid()) == Some('T'));
    let child = procession_tests::within(LIMIT, move || {
        std::thread::scope(|scope| {
            for _ in 0..1_000 {
                let stop = || drop(child.stop(Duration::from_millis(300)));
                std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, stop).unwrap();
            }
        });
        child
    });
    assert_eq!(end_of(&child), ExitReason::Stopped);
}

#[test]
fn a_process_that_runs_too_long_was_timed_out() {
    for over in BOTH {
        let limit = Duration::from_millis(150);
        let child = over.builder::<spin>().timeout(limit).spawn(()).unwrap();
        assert_eq!(end_of(&child), ExitReason::TimedOut(limit));
        let text = child.join().unwrap_err().to_string();
        assert!(text.contains("150ms"), "{text}");
    }
}

/// The deadline ended it, not the signal that it ignored.
#[test]
fn a_process_that_ignores_its_termination_and_runs_too_long_was_timed_out() {
    let limit = Duration::from_millis(500);
    let child = ignore_everything::builder().timeout(limit).spawn(()).unwrap();
    eventually(LIMIT, || !child.output_tail().stdout.is_empty() || !child.is_alive());
    child.terminate().unwrap();

    assert_eq!(end_of(&child), ExitReason::TimedOut(limit));
}

#[test]
fn a_process_that_returns_in_time_is_not_timed_out() {
    let builder = wait_to_be_stopped::builder().timeout(LIMIT);
    let child = builder.spawn(6).unwrap();
    child.stop(LIMIT).unwrap();
    assert_eq!(value_of(child).unwrap(), 6);
}

#[test]
fn dropping_the_handle_ends_the_process_and_reaps_it() {
    for over in BOTH {
        let child = over.builder::<spin>().spawn(()).unwrap();
        let pid = child.pid();
        drop(child);
        eventually(LIMIT, || procession_tests::state_of(pid).is_none());
    }
}

#[test]
fn a_detached_process_goes_on_without_its_handle() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let file = std::fs::File::from(std::os::fd::OwnedFd::from(reader));
    let child = wait_for_input::builder().stdin(procession::Input::File(file)).spawn(()).unwrap();
    let pid = child.pid();
    child.detach();

    assert!(procession::children().iter().any(|one| one.pid() == pid));
    assert!(!is_gone(pid));
    std::io::Write::write_all(&mut writer, b"end").unwrap();
    drop(writer);
    eventually(LIMIT, || procession_tests::state_of(pid).is_none());
    eventually(LIMIT, || procession::children().iter().all(|one| one.pid() != pid));
}

#[process]
fn wait_for_input() -> String {
    std::io::read_to_string(std::io::stdin()).unwrap()
}

#[test]
fn a_detached_process_still_has_its_timeout() {
    let child = spin::builder().timeout(Duration::from_millis(200)).spawn(()).unwrap();
    let pid = child.pid();
    child.detach();

    eventually(LIMIT, || procession_tests::state_of(pid).is_none());
}
