//! Pools in pools, many threads at one pool, many pools at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use procession::{Pool, TaskFailure, process};
use procession_tests::{BOTH, LIMIT, Over, eventually, is_gone, within};

use super::work::{Act, Files, act, builder, nap, pid_in, pool, square};

/// Sums squares with a pool of its own.
#[process]
fn sum(count: u64, deeper: u32) -> u64 {
    let over = if deeper.is_multiple_of(2) { Over::Usual } else { Over::Frames };
    let pool = builder(over).workers(2).build().unwrap();
    let own: u64 = pool.map::<square>(0..count).unwrap().into_iter().sum();
    let below: u64 = match deeper {
        0 => 0,
        _ => pool.map::<sum>([(count, deeper - 1); 2]).unwrap().into_iter().sum(),
    };
    own + below
}

/// Has a pool of its own that is busy, and dies.
#[process]
fn die_with_a_pool(files: Vec<std::path::PathBuf>) {
    let pool = Pool::new(2).unwrap();
    for file in &files {
        drop(pool.submit::<act>(Act::Hang(file.clone())).unwrap());
    }
    for file in &files {
        pid_in(file);
    }
    std::process::abort();
}

#[test]
fn a_task_may_have_a_pool_of_its_own_and_so_may_its_tasks() {
    for over in BOTH {
        let pool = pool(over, 2);

        let sums = pool.map::<sum>([(100, 0), (100, 1), (100, 2)]).unwrap();

        let one: u64 = (0..100).map(|n| n * n).sum();
        assert_eq!(sums, [one, one * 3, one * 7], "{over:?}");
    }
}

#[test]
fn a_pool_dies_with_the_task_that_made_it() {
    for over in BOTH {
        let (pool, files) = (pool(over, 1), Files::new());
        let below = [files.file(), files.file()];

        let error = pool.submit::<die_with_a_pool>(below.to_vec()).unwrap().join().unwrap_err();

        assert!(matches!(error.failure(), TaskFailure::Crashed(_)), "{error}");
        for pid in below.map(|file| pid_in(&file)) {
            eventually(LIMIT, || is_gone(pid));
        }
    }
}

#[test]
fn ten_threads_use_one_pool_at_once() {
    for over in BOTH {
        let pool = Arc::new(pool(over, 3));
        let threads: Vec<_> = (0..10_u64)
            .map(|thread| {
                let pool = Arc::clone(&pool);
                std::thread::spawn(move || {
                    for round in 0..20 {
                        match (thread + round) % 5 {
                            0 => {
                                let all = pool.map::<square>(0..500).unwrap();
                                assert!(all.into_iter().eq((0..500).map(|n| n * n)));
                            }
                            1 => {
                                let some = pool.stream::<square>(0..).take(100);
                                assert!(some.map(Result::unwrap).eq((0..100).map(|n| n * n)));
                            }
                            2 => {
                                let tasks: Vec<_> = (0..20)
                                    .map(|n| pool.submit::<nap>((0, thread * 1000 + n)).unwrap())
                                    .collect();
                                for (n, task) in (0..).zip(tasks) {
                                    assert_eq!(task.join().unwrap(), thread * 1000 + n);
                                }
                            }
                            3 => {
                                let all: BTreeSet<u64> = pool
                                    .stream::<square>(0..50)
                                    .unordered()
                                    .map(Result::unwrap)
                                    .collect();
                                assert_eq!(all.len(), 50);
                            }
                            _ => {
                                let error = pool.submit::<act>(Act::Exit(1)).unwrap().join();
                                assert!(error.is_err());
                            }
                        }
                    }
                })
            })
            .collect();
        within(4 * LIMIT, move || threads.into_iter().for_each(|thread| thread.join().unwrap()));
        // What was sent for streams that were dropped since may still be run.
        eventually(LIMIT, || {
            let progress = pool.progress();
            (progress.running, progress.queued) == (0, 0)
        });
    }
}

#[test]
fn ten_pools_are_used_at_once() {
    let threads: Vec<_> = (0..10_u64)
        .map(|n| {
            std::thread::spawn(move || {
                let pool = pool(BOTH[usize::try_from(n % 2).unwrap()], 2);
                let all = pool.map::<square>(0..2_000).unwrap();
                assert!(all.into_iter().eq((0..2_000).map(|n| n * n)));
                pool.join().unwrap();
            })
        })
        .collect();
    within(2 * LIMIT, move || threads.into_iter().for_each(|thread| thread.join().unwrap()));
}

#[test]
fn two_pools_may_feed_one_another() {
    for over in BOTH {
        let (one, two) = (pool(over, 2), pool(over, 2));
        let squares = one.stream::<square>(0..1_000).map(Result::unwrap);

        let all = two.map::<square>(squares).unwrap();

        assert!(all.into_iter().eq((0..1_000_u64).map(|n| n.pow(4))), "{over:?}");
    }
}

#[test]
fn two_hundred_workers_start_answer_and_stop_and_leave_no_descriptor() {
    procession_tests::alone!({
        let warm = Pool::new(2).unwrap();
        warm.map::<square>(0..10).unwrap();
        drop(warm);
        procession_tests::assert_no_children_left();
        let before = procession_tests::settled_descriptors(std::process::id());
        for over in BOTH {
            let pool = builder(over).workers(200).prestart().build().unwrap();
            let naps = (0..200).map(|n| (20, n));
            assert!(pool.map::<nap>(naps).unwrap().into_iter().eq(0..200));
            pool.join().unwrap();
            drop(pool);
            let few = || procession_tests::descriptors(std::process::id()).len() <= before + 3;
            eventually(LIMIT, few);
        }
    });
}
