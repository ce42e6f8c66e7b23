//! A fork of the program has no pool: what is asked of one there is an error, and nothing hangs.

use std::sync::atomic::{AtomicBool, Ordering};

use procession::{
    Pool, PoolError, Refused, TaskFailure, as_completed, wait_all, wait_any, wait_any_timeout,
};
use procession_tests::{BOTH, LIMIT, alone, in_a_fork};

use super::work::{builder, nap, pids, pool, square};

fn assert_unusable(pool: &Pool) {
    let refused = pool.submit::<square>(3).unwrap_err();
    assert_eq!(*refused.reason(), Refused::Forked);
    assert_eq!(refused.into_input(), 3);
    assert!(pool.try_submit::<square>(3).is_err());
    let error = pool.map::<square>(0..10).unwrap_err();
    assert!(matches!(error.failure(), TaskFailure::ShutDown), "{error}");
    assert_eq!(pool.stream::<square>(0..10).next().unwrap().unwrap_err().item(), error.item());
    assert!(matches!(pool.join(), Err(PoolError::Forked)));
    pool.close();
    pool.abort();
    let _ = (pool.progress(), pool.dump(), pool.workers());
    assert!(matches!(Pool::new(1), Err(PoolError::Forked)));
}

#[test]
fn a_pool_does_nothing_in_a_fork_and_goes_on_in_the_original() {
    alone!({
        for over in BOTH {
            let pool = builder(over).workers(2).prestart().build().unwrap();
            let before = pids(&pool);
            let task = pool.submit::<nap>((200, 5)).unwrap();

            assert!(in_a_fork(|| assert_unusable(&pool)), "{over:?}");

            assert_eq!(task.join().unwrap(), 5);
            assert_eq!(pool.map::<square>(0..3).unwrap(), [0, 1, 4]);
            assert_eq!(pids(&pool), before);
        }
    });
}

#[test]
fn what_is_dropped_or_joined_in_a_fork_ends_nothing() {
    alone!({
        for over in BOTH {
            let pool = pool(over, 1);
            let task = pool.submit::<nap>((300, 5)).unwrap();
            let mut both = Some((pool, task));

            assert!(
                in_a_fork(|| {
                    let (pool, task) = both.take().unwrap();
                    assert!(!task.cancel());
                    let error = task.join().unwrap_err();
                    assert!(matches!(error.failure(), TaskFailure::ShutDown), "{error}");
                    drop(pool);
                }),
                "{over:?}"
            );

            let (pool, task) = both.take().unwrap();
            assert_eq!(task.join().unwrap(), 5);
            assert_eq!(pool.map::<square>(0..3).unwrap(), [0, 1, 4]);
        }
    });
}

/// The fork may be taken at any moment: with any lock of the pool held by another thread.
#[test]
fn a_fork_at_any_moment_hangs_nowhere() {
    alone!({
        for over in BOTH {
            let (pool, done) = (pool(over, 2), AtomicBool::new(false));
            let fine = std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        assert_eq!(pool.map::<square>(0..100).unwrap().len(), 100);
                    }
                });
                let fine = (0..60).all(|_| in_a_fork(|| assert_unusable(&pool)));
                done.store(true, Ordering::Relaxed);
                fine
            });
            assert!(fine, "{over:?}");
        }
    });
}

/// The fork used to go on with the workers of the original, through the memory that they share.
#[test]
fn a_stream_or_a_map_that_was_begun_before_a_fork_is_over_in_it() {
    alone!({
        for over in BOTH {
            let pool = pool(over, 2);
            let mut streams = [pool.stream::<square>(0..), pool.stream::<square>(0..).unordered()];
            for stream in &mut streams {
                assert!(stream.next().unwrap().is_ok());
            }

            let fine = in_a_fork(|| {
                for stream in &mut streams {
                    // What lies there may be given before that.
                    let errors: Vec<_> = stream.take(100_000).filter_map(Result::err).collect();
                    assert_eq!(errors.len(), 1);
                    assert!(matches!(errors[0].failure(), TaskFailure::ShutDown), "{errors:?}");
                    assert!(stream.next().is_none());
                }
            });

            assert!(fine, "{over:?}");
            for (n, result) in (1..1000).zip(&mut streams[0]) {
                assert_eq!(result.unwrap(), n * n, "{over:?}");
            }

            // The input makes it.
            let mut forks = Vec::new();
            let items = (0..20_000).inspect(|n| {
                if *n == 10_000 {
                    // SAFETY: the fork does what is tested, and ends.
                    forks.push(unsafe { libc::fork() });
                }
            });
            let mapped = pool.map::<square>(items);
            if forks == [0] {
                let right = mapped.is_err_and(|it| *it.failure() == TaskFailure::ShutDown);
                // SAFETY: the call takes a number and does not return.
                unsafe { libc::_exit(i32::from(!right)) };
            }
            assert_eq!(mapped.unwrap().len(), 20_000);
            let (pid, mut status) = (forks[0], 1);
            // SAFETY: the pointer is to a local variable.
            assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
            assert_eq!(status, 0, "{over:?}");
        }
    });
}

/// They waited for what nobody brings.
#[test]
fn whoever_waits_for_tasks_in_a_fork_is_told_that_nothing_comes() {
    alone!({
        for over in BOTH {
            let pool = pool(over, 1);
            let tasks: Vec<_> = (0..3).map(|n| pool.submit::<nap>((300, n)).unwrap()).collect();
            let done = pool.submit::<nap>((0, 9)).unwrap();
            let mut before = Some(as_completed(vec![pool.submit::<nap>((0, 9)).unwrap()]));
            let mut both = Some((tasks, done));

            let fine = in_a_fork(|| {
                let (mut tasks, done) = both.take().unwrap();
                assert_eq!(wait_any(&tasks), None);
                assert_eq!(wait_any_timeout(&tasks, LIMIT), None);
                wait_all(&tasks);
                assert!(!done.is_finished());
                let (told, hear) = std::sync::mpsc::channel();
                done.on_done(move |result| told.send(result).unwrap());
                assert!(hear.recv().unwrap().is_err());
                assert!(pollster::block_on(tasks.remove(0).into_future()).is_err());
                let ends: Vec<_> = as_completed(tasks).collect();
                assert!(ends.len() == 2 && ends.iter().all(|(_, result)| result.is_err()));
                let ends: Vec<_> = before.take().unwrap().collect();
                assert!(ends.len() == 1 && ends[0].1.is_err());
            });

            assert!(fine, "{over:?}");
            let (tasks, done) = both.take().unwrap();
            wait_all(&tasks);
            assert_eq!(done.join().unwrap(), 9);
            assert_eq!(before.take().unwrap().count(), 1);
        }
    });
}
