//! Tasks that are submitted: joined, waited for, cancelled, let go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use procession::{Refused, TaskFailure, process};
use procession_tests::{BOTH, LIMIT, eventually, is_gone, within};

use super::work::{Act, Files, act, add, builder, nap, noted, pid_in, pids, pool, square};

#[process]
fn length(bytes: Vec<u8>) -> usize {
    bytes.len()
}

#[test]
fn a_task_gives_its_value() {
    for over in BOTH {
        let pool = pool(over, 2);
        let tasks: Vec<_> = (0..500).map(|n| pool.submit::<square>(n).unwrap()).collect();
        for (n, task) in (0..).zip(tasks) {
            assert_eq!(task.join().unwrap(), n * n, "{over:?}");
        }
        assert_eq!(pool.submit::<add>((2, 3)).unwrap().join().unwrap(), 5);
    }
}

#[test]
fn waiting_for_a_while_tells_whether_it_has_ended() {
    for over in BOTH {
        let (pool, files) = (pool(over, 1), Files::new());
        let there = files.file();
        let task = pool.submit::<act>(Act::Hang(there.clone())).unwrap();
        pid_in(&there);
        let start = Instant::now();
        assert!(!task.wait_timeout(Duration::from_millis(50)));
        assert!(start.elapsed() >= Duration::from_millis(50) && !task.is_finished());
        assert!(!task.wait_timeout(Duration::ZERO));
        assert!(task.cancel());
        assert!(task.wait_timeout(Duration::ZERO) && task.is_finished());

        let task = pool.submit::<square>(3).unwrap();
        assert!(task.wait_timeout(Duration::MAX));
        task.wait();
        assert_eq!(task.join().unwrap(), 9);
    }
}

#[test]
fn a_task_that_is_cancelled_while_it_waits_never_runs() {
    for over in BOTH {
        let (pool, files) = (pool(over, 1), Files::new());
        let (there, ran) = (files.file(), files.file());
        let running = pool.submit::<act>(Act::Hang(there.clone())).unwrap();
        let pid = pid_in(&there);
        let queued = |n| Act::Note(ran.clone(), n, Box::new(Act::Give(n)));
        let tasks: Vec<_> = (0..10).map(|n| pool.submit::<act>(queued(n)).unwrap()).collect();

        assert!(tasks[3].cancel() && tasks[7].cancel());

        assert!(!tasks[3].cancel(), "it has ended");
        // The worker of the others is not the one that pays.
        assert!(!is_gone(pid));
        assert!(running.cancel());
        for (n, task) in (0..).zip(tasks) {
            match task.join() {
                Ok(value) => assert_eq!(value, n),
                Err(error) => {
                    assert!(n == 3 || n == 7, "{error}");
                    assert!(matches!(error.failure(), TaskFailure::Cancelled), "{error}");
                }
            }
        }
        let mut all = noted(&ran);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 4, 5, 6, 8, 9], "{over:?}");
    }
}

#[test]
fn a_task_that_is_cancelled_while_it_runs_loses_its_worker_and_no_other_does() {
    for over in BOTH {
        let (pool, files) = (pool(over, 2), Files::new());
        let hang = || {
            let there = files.file();
            (pool.submit::<act>(Act::Hang(there.clone())).unwrap(), pid_in(&there))
        };
        let ((one, its), (two, other)) = (hang(), hang());

        let start = Instant::now();
        assert!(one.cancel());
        let error = one.join().unwrap_err();

        assert!(matches!(error.failure(), TaskFailure::Cancelled), "{error}");
        assert!(start.elapsed() < Duration::from_secs(2));
        eventually(LIMIT, || is_gone(its));
        assert!(!is_gone(other) && !two.is_finished(), "{over:?}");
        assert_eq!(pool.submit::<square>(5).unwrap().join().unwrap(), 25);
        assert!(two.cancel());
    }
}

#[test]
fn a_task_that_has_ended_cannot_be_cancelled_and_keeps_its_value() {
    for over in BOTH {
        let pool = pool(over, 1);
        let task = pool.submit::<square>(4).unwrap();
        task.wait();

        assert!(!task.cancel());
        assert_eq!(task.join().unwrap(), 16);
        assert_eq!(pids(&pool).len(), 1);
    }
}

/// Cancelling comes at any moment of a task's life; whoever runs beside it must not notice.
#[test]
fn cancelling_at_any_moment_hurts_nobody_else() {
    for over in BOTH {
        let pool = pool(over, 2);
        for round in 0..300_u64 {
            let tasks: Vec<_> =
                (0..6).map(|n| pool.submit::<nap>((u64::from(n == 5), n)).unwrap()).collect();
            if round % 3 == 0 {
                std::thread::sleep(Duration::from_micros(round));
            }
            let mine = usize::try_from(round % 6).unwrap();
            let cancelled = tasks[mine].cancel();
            for (n, task) in tasks.into_iter().enumerate() {
                match task.join() {
                    Ok(value) => assert!(value == n as u64 && !(cancelled && n == mine)),
                    Err(error) => assert!(cancelled && n == mine, "{over:?}, {round}: {error}"),
                }
            }
        }
    }
}

/// Those that are cancelled are cleared away some at a time; none of them may count meanwhile.
#[test]
fn of_many_that_wait_any_may_be_cancelled() {
    for over in BOTH {
        for which in [|n| n % 3 == 0, |n| n % 3 != 0, |n| n > 20, |n: u64| n < 280] {
            let files = Files::new();
            let (there, ran) = (files.file(), files.file());
            let pool = builder(over).workers(1).queue(301).build().unwrap();
            let running = pool.submit::<act>(Act::Hang(there.clone())).unwrap();
            pid_in(&there);
            let note = |n| Act::Note(ran.clone(), n, Box::new(Act::Give(n)));
            let tasks: Vec<_> = (0..300).map(|n| pool.submit::<act>(note(n)).unwrap()).collect();
            assert_eq!(*pool.try_submit::<act>(note(300)).unwrap_err().reason(), Refused::Full);

            let cancelled = (0..300).rev().filter(|&n| which(n));
            let cancelled = cancelled.filter(|&n| tasks[n as usize].cancel()).count();

            assert_eq!(cancelled, (0..300).filter(|&n| which(n)).count());
            let more: Vec<_> = (0..cancelled as u64)
                .map(|n| pool.try_submit::<act>(note(300 + n)).unwrap())
                .collect();
            assert_eq!(*pool.try_submit::<act>(note(0)).unwrap_err().reason(), Refused::Full);
            assert_eq!(pool.dump().progress.queued, 300);
            assert!(running.cancel());
            for (n, task) in (0..).zip(tasks.into_iter().chain(more)) {
                match task.join() {
                    Ok(value) => assert!(value == n && (n >= 300 || !which(n)), "{over:?}"),
                    Err(error) => assert!(n < 300 && which(n), "{over:?}: {error}"),
                }
            }
            let done = (0..300 + cancelled as u64).filter(|&n| n >= 300 || !which(n));
            assert!(noted(&ran).into_iter().eq(done), "{over:?}: each once, and in order");
        }
    }
}

#[test]
fn a_pool_that_is_aborted_ends_what_was_not_cancelled() {
    for over in BOTH {
        let (pool, files) = (pool(over, 1), Files::new());
        let there = files.file();
        let running = pool.submit::<act>(Act::Hang(there.clone())).unwrap();
        pid_in(&there);
        let tasks: Vec<_> = (0..100).map(|n| pool.submit::<square>(n).unwrap()).collect();
        assert!(tasks.iter().skip(1).step_by(3).all(procession::Task::cancel));

        pool.abort();

        assert!(matches!(running.join().unwrap_err().failure(), TaskFailure::ShutDown));
        for (n, task) in tasks.into_iter().enumerate() {
            match task.join().unwrap_err().failure() {
                TaskFailure::Cancelled => assert!(n % 3 == 1),
                TaskFailure::ShutDown => assert!(n % 3 != 1),
                other => panic!("{over:?}: {other}"),
            }
        }
    }
}

#[test]
fn a_task_that_is_let_go_goes_on() {
    for over in BOTH {
        let (pool, files) = (pool(over, 1), Files::new());
        let ran = files.file();
        for n in 0..5 {
            let note = Act::Note(ran.clone(), n, Box::new(Act::Nap(1)));
            drop(pool.submit::<act>(note).unwrap());
        }

        pool.join().unwrap();

        assert_eq!(noted(&ran), [0, 1, 2, 3, 4], "{over:?}");
    }
}

#[test]
fn a_full_queue_gives_the_input_back_or_has_one_wait() {
    for over in BOTH {
        let files = Files::new();
        let there = files.file();
        let pool = Arc::new(builder(over).workers(1).queue(3).build().unwrap());
        let running = pool.submit::<act>(Act::Hang(there.clone())).unwrap();
        pid_in(&there);
        let one = pool.try_submit::<length>(vec![1; 10]).unwrap();
        let two = pool.try_submit::<length>(vec![1; 20]).unwrap();

        let refused = pool.try_submit::<length>(vec![7; 30]).unwrap_err();
        assert_eq!(*refused.reason(), Refused::Full);
        assert!(refused.to_string().contains("queue is full"), "{refused}");
        assert_eq!(refused.into_input(), [7; 30]);

        let waited = Arc::new(AtomicBool::new(false));
        let (other, over_yet) = (Arc::clone(&pool), Arc::clone(&waited));
        let waiting = std::thread::spawn(move || {
            let task = other.submit::<length>(vec![1; 40]).unwrap();
            over_yet.store(true, Ordering::SeqCst);
            task.join().unwrap()
        });
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waited.load(Ordering::SeqCst), "{over:?}: there was no room");

        assert!(running.cancel());

        assert_eq!(within(LIMIT, move || waiting.join().unwrap()), 40);
        assert_eq!((one.join().unwrap(), two.join().unwrap()), (10, 20));
        // A map has bounds of its own.
        assert_eq!(pool.map::<square>(0..100).unwrap().len(), 100);
    }
}

#[test]
fn who_waits_for_room_is_told_when_the_pool_is_closed() {
    for over in BOTH {
        for abort in [false, true] {
            let files = Files::new();
            let there = files.file();
            let pool = Arc::new(builder(over).workers(1).queue(1).build().unwrap());
            let running = pool.submit::<act>(Act::Hang(there.clone())).unwrap();
            pid_in(&there);
            let other = Arc::clone(&pool);
            let waiting = std::thread::spawn(move || other.submit::<square>(40).unwrap_err());
            std::thread::sleep(Duration::from_millis(20));

            if abort {
                pool.abort()
            } else {
                pool.close()
            }

            let refused = within(LIMIT, move || waiting.join().unwrap());
            assert_eq!(*refused.reason(), Refused::Closed);
            assert_eq!(refused.into_input(), 40);
            assert_eq!(running.cancel(), !abort);
        }
    }
}

#[test]
fn results_outlive_the_pool() {
    for over in BOTH {
        let pool = pool(over, 2);
        let done = pool.submit::<square>(6).unwrap();
        done.wait();
        let undone: Vec<_> = (0..8).map(|n| pool.submit::<nap>((10_000, n)).unwrap()).collect();

        drop(pool);

        assert_eq!(done.join().unwrap(), 36);
        for task in undone {
            assert!(task.is_finished(), "{over:?}");
            assert!(!task.cancel());
            let error = task.join().unwrap_err();
            assert!(matches!(error.failure(), TaskFailure::ShutDown), "{error}");
        }
    }
}

#[test]
fn an_error_of_a_submission_names_the_function_and_no_item() {
    for over in BOTH {
        let pool = pool(over, 1);

        let error = pool.submit::<act>(Act::Panic).unwrap().join().unwrap_err();

        assert!(error.task().ends_with("act"), "{error}");
        assert_eq!((error.item(), error.attempts()), (None, 1));
        assert_eq!(error.pid(), Some(pids(&pool)[0]), "a panic costs no worker");
        let told = matches!(error.failure(), TaskFailure::Panicked(report)
            if report.message() == "as it was told" && report.location().is_some());
        assert!(told, "{error}");
    }
}
