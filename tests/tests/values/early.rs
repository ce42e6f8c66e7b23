//! A value can be had before its process has ended.

use std::time::{Duration, Instant};

use procession::{Child, ExitReason, process};
use procession_tests::{
    BOTH, LIMIT, Over, end_of, eventually, is_gone, state_of, value_of, within,
};

extern "C" fn stop_here() {
    // SAFETY: the call touches no memory.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// Its process stops at its exit, until it is told to go on.
#[process]
fn lingering(bytes: Vec<u8>) -> Vec<u8> {
    // SAFETY: the function touches no memory.
    unsafe { libc::atexit(stop_here) };
    bytes
}

/// Stops, until it is told to go on.
#[process]
fn late(n: u64) -> u64 {
    stop_here();
    n
}

#[process]
fn double(n: u64) -> u64 {
    2 * n
}

#[process]
fn failing(n: u64) -> u64 {
    panic!("{n} is too many")
}

/// Closes all that leads to its parent but its memory.
#[process]
fn closing(n: u64) -> u64 {
    // SAFETY: the call touches no memory, and nobody uses the descriptors afterwards.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    n
}

fn value<T: Send + 'static>(child: Child<T>) -> (T, Child<()>) {
    within(LIMIT, || child.value()).unwrap()
}

fn go_on(pid: u32) {
    // SAFETY: the call touches no memory.
    unsafe { libc::kill(i32::try_from(pid).unwrap(), libc::SIGCONT) };
}

fn linger(over: Over, len: usize) -> Child<()> {
    let child = over.builder::<lingering>().spawn(vec![7; len]).unwrap();
    let (bytes, ending) = value(child);
    assert!(bytes.len() == len && bytes.iter().all(|&byte| byte == 7), "{over:?}, {len}");
    eventually(LIMIT, || state_of(ending.pid()) == Some('T'));
    assert!(ending.is_alive(), "{over:?}, {len}");
    ending
}

#[test]
fn a_value_of_any_size_is_there_before_its_process_has_ended() {
    for over in BOTH {
        for len in [0, 10, 10_000, 1_000_000, 50_000_000] {
            let ending = linger(over, len);
            go_on(ending.pid());
            value_of(ending).unwrap();
        }
    }
}

#[test]
fn whoever_has_the_value_can_kill_what_is_left() {
    for over in BOTH {
        let ending = linger(over, 10);
        let pid = ending.pid();
        drop(ending);
        eventually(LIMIT, || is_gone(pid));

        let ending = linger(over, 10);
        ending.kill().unwrap();
        // It has returned before that, so that is how it ended.
        assert_eq!(end_of(&ending), ExitReason::Finished);
    }
}

#[test]
fn a_value_that_is_waited_for_late_is_there_before_its_process_has_ended() {
    for over in BOTH {
        let child = over.builder::<late>().spawn(5).unwrap();
        assert_eq!(child.wait_timeout(Duration::from_millis(20)), None);
        let pid = child.pid();
        eventually(LIMIT, || state_of(pid) == Some('T'));
        let waiting = std::thread::spawn(|| {
            let (n, ending) = child.value().unwrap();
            ending.join().map(|()| n)
        });
        go_on(pid);
        assert_eq!(within(LIMIT, || waiting.join()).unwrap().unwrap(), 5, "{over:?}");
    }
}

#[test]
fn who_waits_for_a_value_that_never_comes_hears_how_the_process_ended() {
    for over in BOTH {
        let child = over.builder::<failing>().spawn(9).unwrap();
        let pid = child.pid();
        let error = within(LIMIT, || child.value().map(|(value, _)| value)).unwrap_err();
        assert!(matches!(error.reason(), ExitReason::Panicked(_)), "{over:?}: {error}");
        assert!(error.to_string().contains("9 is too many") && is_gone(pid), "{over:?}: {error}");
    }
}

#[test]
fn a_process_that_hangs_up_before_it_returns_has_a_value_at_its_end() {
    let child = closing::spawn(3).unwrap();
    match within(LIMIT, || child.value()) {
        Ok((n, ending)) => {
            assert_eq!(n, 3);
            value_of(ending).unwrap();
        }
        // Over frames it cannot say any more what it returned.
        Err(error) => assert_eq!(error.reason(), &ExitReason::Exited(113), "{error}"),
    }
}

#[test]
fn whoever_forgets_the_rest_leaves_nothing_behind() {
    for over in BOTH {
        let (bytes, ending) = value(over.builder::<lingering>().spawn(vec![1]).unwrap());
        assert_eq!(bytes, [1]);
        let pid = ending.pid();
        ending.detach();
        eventually(LIMIT, || state_of(pid) == Some('T'));
        go_on(pid);
        eventually(LIMIT, || is_gone(pid));
    }
}

#[process]
fn die_after(wait: Duration) -> u64 {
    let begun = Instant::now();
    while begun.elapsed() < wait {}
    std::process::exit(4)
}

/// Whoever comes for the value just when the attendant sits down held that up for ever.
#[test]
fn who_comes_for_the_value_at_any_moment_hears_of_the_end() {
    for over in BOTH {
        for round in 0..100 {
            let child = over.builder::<die_after>().spawn(Duration::from_millis(3)).unwrap();
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_micros(900 + 10 * round) {}
            let error = within(LIMIT, || child.value().map(|(value, _)| value)).unwrap_err();
            assert_eq!(error.reason(), &ExitReason::Exited(4), "{over:?}, {round}");
        }
    }
}

#[test]
fn whoever_has_the_value_at_any_moment_leaves_a_process_that_is_looked_after() {
    for over in BOTH {
        for round in 0..100 {
            let child = over.builder::<double>().spawn(round).unwrap();
            // The one who looks after it begins about then.
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_micros(600 + round * 10) {
                std::thread::yield_now();
            }
            let (value, rest) = child.value().unwrap();
            assert_eq!(value, 2 * round);
            assert_eq!(rest.wait_timeout(LIMIT), Some(ExitReason::Finished), "round {round}");
        }
    }
}
