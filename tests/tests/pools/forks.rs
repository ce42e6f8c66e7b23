//! A fork of the program has no pool: what is asked of one there is an error, and nothing hangs.

use std::sync::atomic::{AtomicBool, Ordering};

use procession::{Pool, PoolError, Refused, TaskFailure};
use procession_tests::{BOTH, alone, in_a_fork};

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
