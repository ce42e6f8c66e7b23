//! How pools end: every task that was taken comes to an end, and no process is left.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use procession::{Pool, Refused, TaskFailure};
use procession_tests::{
    BOTH, LIMIT, alone, as_program, assert_no_children_left, eventually, is_gone, succeeds, within,
};

use super::work::{Act, Files, act, nap, noted, pid_in, pids, pool, square};

#[test]
fn join_runs_all_that_was_taken_and_ends_the_workers() {
    for over in BOTH {
        let (pool, files) = (pool(over, 2), Files::new());
        let ran = files.file();
        for n in 0..50 {
            let note = Act::Note(ran.clone(), n, Box::new(Act::Nap(1)));
            drop(pool.submit::<act>(note).unwrap());
        }
        let workers = pids(&pool);

        pool.join().unwrap();

        assert_eq!(noted(&ran).len(), 50, "{over:?}");
        assert_eq!(pids(&pool), []);
        assert!(workers.into_iter().all(is_gone));
        // And again.
        pool.join().unwrap();
    }
}

#[test]
fn a_pool_that_was_never_used_ends_at_once() {
    for over in BOTH {
        let start = Instant::now();
        pool(over, 3).join().unwrap();
        drop(pool(over, 3));
        assert!(start.elapsed() < Duration::from_secs(2), "{over:?}");
    }
}

#[test]
fn a_closed_pool_takes_nothing_more_and_does_what_it_has() {
    for over in BOTH {
        let pool = pool(over, 1);
        let tasks: Vec<_> = (0..20).map(|n| pool.submit::<nap>((1, n)).unwrap()).collect();

        pool.close();

        let refused = pool.submit::<square>(3).unwrap_err();
        assert_eq!(*refused.reason(), Refused::Closed);
        assert!(refused.to_string().contains("closed"), "{refused}");
        let error = pool.map::<square>(0..10).unwrap_err();
        assert!(matches!(error.failure(), TaskFailure::ShutDown), "{error}");
        let results: Vec<_> = pool.stream::<square>(0..10).collect();
        assert!(results.iter().all(Result::is_err) && !results.is_empty());
        for (n, task) in (0..).zip(tasks) {
            assert_eq!(task.join().unwrap(), n, "{over:?}");
        }
        eventually(LIMIT, || pids(&pool).is_empty());
    }
}

#[test]
fn a_map_that_has_begun_goes_on_in_a_closed_pool() {
    for over in BOTH {
        let pool = Arc::new(pool(over, 2));
        let (begun, begin) = std::sync::mpsc::channel();
        let its = Arc::clone(&pool);
        let mapping = std::thread::spawn(move || {
            its.map::<nap>((0..200).map(|n| {
                if n == 20 {
                    begun.send(()).unwrap();
                }
                (1, n)
            }))
        });
        begin.recv_timeout(LIMIT).unwrap();

        pool.close();
        // What comes too late does not disturb the one that came in time.
        for _ in 0..5 {
            assert!(pool.map::<square>(0..5).is_err());
        }
        let its = Arc::clone(&pool);
        within(LIMIT, move || its.join().unwrap());

        let all = within(LIMIT, move || mapping.join().unwrap()).unwrap();
        assert!(all.into_iter().eq(0..200), "{over:?}");
    }
}

#[test]
fn abort_ends_everything_at_once_and_everybody_is_told() {
    for over in BOTH {
        let pool = Arc::new(pool(over, 2));
        let tasks: Vec<_> = (0..20).map(|n| pool.submit::<nap>((60_000, n)).unwrap()).collect();
        let (mapped, streamed) = (Arc::clone(&pool), Arc::clone(&pool));
        let mapping = std::thread::spawn(move || mapped.try_map::<nap>([(60_000, 1); 30]));
        let streaming = std::thread::spawn(move || {
            streamed.stream::<nap>(std::iter::repeat((60_000, 1))).collect::<Vec<_>>()
        });
        eventually(LIMIT, || pids(&pool).len() == 2 && pool.progress().queued > 20);
        let (workers, start) = (pids(&pool), Instant::now());

        pool.abort();

        for task in tasks {
            assert!(task.is_finished());
            let error = task.join().unwrap_err();
            assert!(matches!(error.failure(), TaskFailure::ShutDown), "{error}");
        }
        let shut = |results: Vec<Result<u64, procession::TaskError>>| {
            let down = |result: &Result<_, procession::TaskError>| {
                matches!(result.as_ref().unwrap_err().failure(), TaskFailure::ShutDown)
            };
            !results.is_empty() && results.iter().all(down)
        };
        assert!(shut(within(LIMIT, move || mapping.join().unwrap())), "{over:?}");
        assert!(shut(within(LIMIT, move || streaming.join().unwrap())), "{over:?}");
        pool.join().unwrap();
        assert!(start.elapsed() < Duration::from_secs(5));
        assert!(workers.into_iter().all(is_gone));
        assert_eq!(*pool.submit::<square>(3).unwrap_err().reason(), Refused::Closed);
        let progress = pool.progress();
        assert_eq!((progress.running, progress.queued), (0, 0), "{progress}");
    }
}

#[test]
fn dropping_a_pool_leaves_no_process() {
    alone!({
        for over in BOTH {
            let (pool, files) = (pool(over, 2), Files::new());
            let there = [files.file(), files.file()];
            for file in &there {
                drop(pool.submit::<act>(Act::Hang(file.clone())).unwrap());
            }
            for file in &there {
                pid_in(file);
            }

            drop(pool);

            assert_no_children_left();
        }
    });
}

#[test]
fn a_pool_in_a_static_goes_with_the_program() {
    static POOL: OnceLock<Pool> = OnceLock::new();
    static OTHER: OnceLock<Pool> = OnceLock::new();

    let mut program = procession_tests::Running::start(as_program(|| {
        let pool = POOL.get_or_init(|| Pool::new(2).unwrap());
        let other = OTHER.get_or_init(|| super::work::pool(procession_tests::Over::Frames, 2));
        for pool in [pool, other] {
            assert_eq!(pool.map::<square>(0..3).unwrap(), [0, 1, 4]);
            drop(pool.submit::<act>(Act::Spin).unwrap());
            eventually(LIMIT, || pool.progress().running == 1);
            println!("workers {:?}", pids(pool));
        }
    }));
    let numbers: Vec<String> = (0..2).map(|_| program.hear("workers")).collect();
    let status = program.end();
    let (_, complained) = program.told();
    assert!(status.success() && !complained.contains("panicked"), "{status}: {complained}");
    let numbers = numbers.join(",").replace(['[', ']', ' '], "");
    for pid in numbers.split(',').filter_map(|pid| pid.parse().ok()) {
        eventually(LIMIT, || is_gone(pid));
    }
}

#[test]
fn a_pool_that_is_dropped_during_a_panic_ends_like_any_other() {
    alone!({
        std::panic::set_hook(Box::new(|_| {}));
        for over in BOTH {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                let pool = pool(over, 2);
                let task = pool.submit::<act>(Act::Spin).unwrap();
                let _stream = pool.stream::<square>(0..).next().unwrap();
                eventually(LIMIT, || pool.progress().running == 1);
                std::panic::panic_any(task)
            }));
            let task = caught.unwrap_err().downcast::<procession::Task<u64>>().unwrap();
            let error = task.join().unwrap_err();
            assert!(matches!(error.failure(), TaskFailure::ShutDown), "{over:?}: {error}");
            assert_no_children_left();
        }
        drop(std::panic::take_hook());
    });
}

#[test]
fn a_pool_that_is_dropped_as_the_program_ends_hangs_nowhere() {
    for over in BOTH {
        for _ in 0..5 {
            succeeds(as_program(|| {
                for over in BOTH {
                    let pool = pool(over, 2);
                    let tasks: Vec<_> =
                        (0..10).map(|n| pool.submit::<square>(n).unwrap()).collect();
                    if std::process::id().is_multiple_of(2) {
                        std::mem::forget(pool);
                    }
                    drop(tasks);
                }
            }));
        }
        let _ = over;
    }
}

#[test]
fn join_from_several_threads_returns_in_all_of_them() {
    for over in BOTH {
        let pool = Arc::new(pool(over, 2));
        let tasks: Vec<_> = (0..20).map(|n| pool.submit::<nap>((5, n)).unwrap()).collect();
        let joining: Vec<_> = (0..4)
            .map(|_| {
                let pool = Arc::clone(&pool);
                std::thread::spawn(move || pool.join().unwrap())
            })
            .collect();
        within(LIMIT, move || joining.into_iter().for_each(|thread| thread.join().unwrap()));
        assert!(tasks.iter().all(procession::Task::is_finished), "{over:?}");
    }
}

#[test]
fn pools_that_come_and_go_leave_no_thread_and_no_descriptor() {
    alone!({
        for over in BOTH {
            pool(over, 2).map::<square>(0..10).unwrap();
        }
        assert_no_children_left();
        let pid = std::process::id();
        let count =
            || (procession_tests::threads_of(pid), procession_tests::descriptors(pid).len());
        std::thread::sleep(Duration::from_millis(100));
        let before = count();
        for n in 0..30 {
            for over in BOTH {
                let pool = pool(over, 2);
                assert_eq!(pool.map::<square>(0..10).unwrap().len(), 10);
                if n % 2 == 0 {
                    pool.submit::<square>(3).unwrap().on_done(|_| {});
                    pool.join().unwrap();
                }
            }
        }
        let few = || {
            let now = count();
            now.0 <= before.0 + 1 && now.1 <= before.1 + 3
        };
        assert!(procession_tests::soon(LIMIT, few), "{before:?}, then {:?}", count());
    });
}
