//! A fork of the program owns no process: every call there is a typed error, nothing hangs, and
//! nothing that is dropped there ends what belongs to the original.

use std::time::Duration;

use procession::{
    Error, ExitReason, Process, SpawnError, SuperviseError, Supervisor, SupervisorEnd, process,
};
use procession_tests::{BOTH, LIMIT, alone, eventually, in_a_fork, value_of};

#[process]
fn wait_to_be_stopped(value: u32) -> u32 {
    procession::stopping().wait();
    value
}

#[process]
fn square(n: u32) -> u32 {
    n * n
}

#[test]
fn nothing_is_started_in_a_fork_and_the_error_says_why() {
    alone!({
        square::call(2).unwrap();
        assert!(in_a_fork(|| {
            for over in BOTH {
                let error = over.builder::<square>().spawn(3).unwrap_err();
                assert!(matches!(error, SpawnError::Forked { .. }), "{error:?}");
                assert!(error.to_string().contains("fork"), "{error}");
            }
        }));
        assert_eq!(square::call(3).unwrap(), 9);
    });
}

#[test]
fn a_handle_acts_on_nothing_in_a_fork() {
    alone!({
        let child = wait_to_be_stopped::spawn(5).unwrap();
        assert!(in_a_fork(|| {
            assert!(matches!(child.kill(), Err(Error::Forked)));
            assert!(matches!(child.terminate(), Err(Error::Forked)));
            assert!(matches!(child.kill_tree(), Err(Error::Forked)));
            assert!(matches!(child.stop(LIMIT), Err(Error::Forked)));
            assert_eq!(procession::children(), []);
        }));
        assert!(child.is_alive());
        child.stop(LIMIT).unwrap();
        assert_eq!(value_of(child).unwrap(), 5);
    });
}

#[test]
fn waiting_in_a_fork_does_not_hang() {
    alone!({
        let child = wait_to_be_stopped::spawn(5).unwrap();
        assert!(in_a_fork(|| {
            let reason = child.wait();
            assert!(matches!(reason, ExitReason::Lost(_)), "{reason:?}");
        }));
        assert!(in_a_fork(|| assert!(child.wait_timeout(LIMIT * 10).is_some())));
        child.stop(LIMIT).unwrap();
    });
}

#[test]
fn joining_and_dropping_in_a_fork_end_nobody() {
    alone!({
        for over in BOTH {
            let child = over.builder::<wait_to_be_stopped>().spawn(5).unwrap();
            let other = over.builder::<wait_to_be_stopped>().spawn(6).unwrap();
            let mut both = Some((child, other));
            assert!(in_a_fork(|| {
                let (child, other) = both.take().unwrap();
                let error = child.join().unwrap_err();
                assert!(matches!(error.reason(), ExitReason::Lost(_)), "{error}");
                drop(other);
            }));
            let (child, other) = both.take().unwrap();
            child.stop(LIMIT).unwrap();
            other.stop(LIMIT).unwrap();
            assert_eq!((value_of(child).unwrap(), value_of(other).unwrap()), (5, 6));
        }
    });
}

/// The fork may be taken at any moment: with any lock of the runtime held by another thread.
#[test]
fn a_fork_at_any_moment_hangs_nowhere() {
    alone!({
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    square::call(4).unwrap();
                }
            });
            let child = wait_to_be_stopped::spawn(5).unwrap();
            let fine = (0..100).all(|_| {
                in_a_fork(|| {
                    assert!(matches!(square::spawn(3), Err(SpawnError::Forked { .. })));
                    assert!(matches!(child.kill(), Err(Error::Forked)));
                    assert_eq!(procession::children(), []);
                    let _ = child.is_alive();
                    let _ = child.exit_reason();
                    let _ = child.output_tail();
                })
            });
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(fine);
        });
    });
}

#[test]
fn a_fork_of_a_program_that_never_started_anything_starts_processes() {
    alone!({
        assert!(in_a_fork(|| assert_eq!(square::call(3).unwrap(), 9)));
        assert_eq!(square::call(4).unwrap(), 16);
    });
}

#[test]
fn who_is_who_can_be_asked_in_a_fork() {
    alone!({
        square::call(2).unwrap();
        assert!(in_a_fork(|| {
            assert_eq!(procession::current().pid(), std::process::id());
            assert_eq!(procession::parent(), None);
            assert!(procession::available_parallelism() >= 1);
        }));
    });
}

/// Forks, and has both copies return.
#[process]
fn return_twice(_unused: ()) -> u32 {
    // SAFETY: the fork only returns a number and ends.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        return 2;
    }
    // SAFETY: a null status is not written.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
    1
}

/// The copy that a function makes of its process has no say in what the function returned.
#[test]
fn a_worker_that_forks_returns_what_the_original_returned() {
    for over in BOTH {
        let child = over.builder::<return_twice>().spawn(()).unwrap();
        assert_eq!(value_of(child).unwrap(), 1, "{over:?}");
    }
}

#[process]
fn fork_and_wait(_unused: ()) -> i32 {
    // SAFETY: the fork only sleeps, until it is killed.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        loop {
            // SAFETY: the call touches no memory.
            unsafe { libc::pause() };
        }
    }
    pid
}

/// The copy holds every descriptor of the worker, so that no hang-up is ever seen.
#[test]
fn a_worker_that_leaves_a_fork_of_itself_behind_has_ended_all_the_same() {
    for over in BOTH {
        let child = over.builder::<fork_and_wait>().spawn(()).unwrap();
        let copy = value_of(child).unwrap();
        // SAFETY: the call touches no memory.
        assert_eq!(unsafe { libc::kill(copy, libc::SIGKILL) }, 0);
        let copy = u32::try_from(copy).unwrap();
        eventually(LIMIT, || procession_tests::is_gone(copy));
    }
}

/// The generic entry is refused in the same way.
#[test]
fn a_builder_is_refused_in_a_fork() {
    alone!({
        square::call(2).unwrap();
        assert!(in_a_fork(|| {
            let refused = <square as Process>::builder().name("named").spawn(3).unwrap_err();
            assert!(refused.to_string().contains("`named`"), "{refused}");
        }));
    });
}

#[test]
fn a_supervisor_is_left_alone_in_a_fork() {
    alone!({
        let tree = Supervisor::builder().name("tree").start().unwrap();
        let second = Supervisor::builder().start().unwrap();
        assert!(in_a_fork(|| {
            assert!(matches!(tree.wait(), SupervisorEnd::Lost(why) if why.contains("fork")));
            assert!(matches!(tree.stop(LIMIT), SupervisorEnd::Lost(_)));
            assert!(tree.status().end.is_some());
            let error = tree.stop_child("a", LIMIT).unwrap_err();
            assert!(matches!(error, SuperviseError::Forked { .. }), "{error:?}");
            let error = Supervisor::builder().start().unwrap_err();
            assert!(matches!(error, SuperviseError::Forked { .. }), "{error:?}");
            drop(second);
        }));
        assert_eq!(tree.wait_timeout(Duration::ZERO), None);
        assert_eq!(tree.stop(LIMIT), SupervisorEnd::Stopped);
    });
}
