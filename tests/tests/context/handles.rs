//! Handles and starts used from many threads at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use procession::{Child, ExitReason, process};
use procession_tests::{BOTH, LIMIT, end_of, value_of, within};

#[process]
fn square(n: u64) -> u64 {
    n * n
}

#[process]
fn wait_to_be_stopped(value: u32) -> u32 {
    procession::stopping().wait();
    value
}

#[process]
fn park(_unused: ()) {
    loop {
        std::thread::park();
    }
}

#[test]
fn handles_may_go_to_other_threads_and_be_shared() {
    fn assert_shared<T: Send + Sync + 'static>() {}
    // The value itself never has to be sent between threads until it is joined.
    assert_shared::<Child<std::rc::Rc<u32>>>();
    assert_shared::<Child<Vec<u8>>>();
    assert_shared::<procession::Builder<square>>();
    assert_shared::<procession::ExitReason>();
    assert_shared::<procession::Stopping>();
}

#[test]
fn starting_from_many_threads_at_once_works() {
    within(2 * LIMIT, || {
        std::thread::scope(|scope| {
            for thread in 0..16_u64 {
                scope.spawn(move || {
                    for round in 0..4 {
                        let over = BOTH[(thread + round) as usize % 2];
                        let child = over.builder::<square>().spawn(thread).unwrap();
                        assert_eq!(value_of(child).unwrap(), thread * thread);
                    }
                });
            }
        });
    });
}

#[test]
fn waiting_in_many_threads_gives_all_the_same_reason() {
    for over in BOTH {
        let child = over.builder::<park>().spawn(()).unwrap();
        let waiting = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for n in 0..16 {
                let (child, waiting) = (&child, &waiting);
                scope.spawn(move || {
                    waiting.fetch_add(1, Ordering::Relaxed);
                    let reason =
                        if n % 2 == 0 { child.wait() } else { child.wait_timeout(LIMIT).unwrap() };
                    assert_eq!(reason, ExitReason::Killed);
                });
            }
            procession_tests::eventually(LIMIT, || waiting.load(Ordering::Relaxed) == 16);
            child.kill().unwrap();
        });
        assert_eq!(child.exit_reason(), Some(ExitReason::Killed));
    }
}

#[test]
fn a_wait_with_a_limit_ends_at_it_and_takes_nothing_away() {
    for over in BOTH {
        let child = over.builder::<wait_to_be_stopped>().spawn(3).unwrap();
        let start = Instant::now();
        assert_eq!(child.wait_timeout(Duration::from_millis(60)), None);
        assert!(start.elapsed() >= Duration::from_millis(60));
        assert_eq!(child.wait_timeout(Duration::ZERO), None);
        assert_eq!(child.exit_reason(), None);
        assert!(child.is_alive());
        child.stop(LIMIT).unwrap();
        assert_eq!(child.wait_timeout(Duration::ZERO), Some(ExitReason::Finished));
        assert_eq!(child.wait_timeout(Duration::MAX), Some(ExitReason::Finished));
        assert!(!child.is_alive());
        assert_eq!(child.join().unwrap(), 3);
    }
}

/// An end is told once, and from then on always the same.
#[test]
fn killing_stopping_and_ending_at_the_same_moment_gives_one_reason() {
    for over in BOTH {
        for round in 0..40 {
            let child = over.builder::<square>().spawn(round).unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| child.kill().unwrap());
                scope.spawn(|| child.terminate().unwrap());
                scope.spawn(|| child.stop(Duration::ZERO).unwrap());
                scope.spawn(|| child.kill_tree().unwrap());
            });
            let reason = end_of(&child);
            let ours = [ExitReason::Finished, ExitReason::Killed, ExitReason::Stopped];
            assert!(ours.contains(&reason), "{reason:?}");
            assert_eq!(child.wait(), reason);
            let joined = child.join();
            assert_eq!(joined.is_ok(), reason == ExitReason::Finished, "{joined:?}");
        }
    }
}

/// Starts and joins a process where a panic has it dropped.
struct Farewell;

impl Drop for Farewell {
    fn drop(&mut self) {
        for over in BOTH {
            let child = over.builder::<square>().spawn(7).unwrap();
            assert_eq!(value_of(child).unwrap(), 49);
        }
    }
}

#[test]
fn processes_start_and_end_while_a_panic_unwinds() {
    let running = park::spawn(()).unwrap();
    let pid = running.pid();
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _running = running;
        let _farewell = Farewell;
        panic!("on purpose");
    }));
    assert_eq!(*unwound.unwrap_err().downcast::<&str>().unwrap(), "on purpose");
    procession_tests::eventually(LIMIT, || procession_tests::state_of(pid).is_none());
}

#[test]
fn a_handle_shows_what_it_is() {
    let child = wait_to_be_stopped::builder().name("shown").spawn(1).unwrap();
    let shown = format!("{child:?}");
    assert!(shown.contains("shown") && shown.contains(&child.pid().to_string()), "{shown}");
    child.stop(LIMIT).unwrap();
    assert!(format!("{child:?}").contains("Finished"));
}
