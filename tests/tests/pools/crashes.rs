//! Workers that die: only the task that one had in hand fails, and its error says everything.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use procession::{ExitReason, Output, TaskError, TaskFailure, process};
use procession_tests::{BOTH, LIMIT, Over, eventually, is_gone, not_tested, state_of};

use super::work::{Act, Files, act, builder, nap, noted, pid_in, pids, pool, signal, square};

/// Prints, and dies.
#[process]
fn complain(what: String) {
    eprintln!("{what}");
    std::process::abort()
}

/// Writes where nothing is.
#[process]
fn segfault(_: ()) {
    let nowhere = std::hint::black_box(std::ptr::dangling_mut::<u64>());
    // SAFETY: it is not: that is what is tested.
    unsafe { nowhere.write_volatile(1) };
}

fn crashed(error: &TaskError) -> &ExitReason {
    match error.failure() {
        TaskFailure::Crashed(reason) => reason,
        _ => panic!("{error}"),
    }
}

fn signaled(reason: &ExitReason, number: i32) -> bool {
    matches!(reason, ExitReason::Signaled { signal, .. } if signal.number() == number)
}

#[test]
fn each_way_to_die_is_told_and_costs_only_its_own_task() {
    type Told = fn(&ExitReason) -> bool;
    let ways: [(Act, Told); 6] = [
        (Act::Abort, |reason| signaled(reason, libc::SIGABRT)),
        (Act::Exit(3), |reason| *reason == ExitReason::Exited(3)),
        (Act::Exit(0), |reason| *reason == ExitReason::Exited(0)),
        (Act::Signal(libc::SIGKILL), |reason| signaled(reason, libc::SIGKILL)),
        (Act::Signal(libc::SIGSEGV), |reason| signaled(reason, libc::SIGSEGV)),
        (Act::Signal(libc::SIGTERM), |reason| {
            signaled(reason, libc::SIGTERM) || *reason == ExitReason::Stopped
        }),
    ];
    for over in BOTH {
        for (what, told) in &ways {
            let pool = builder(over).workers(2).stderr(Output::Captured).build().unwrap();
            let items = (0..200).map(|n| if n == 77 { what.clone() } else { Act::Give(n) });

            let results = pool.try_map::<act>(items);

            for (n, result) in (0..).zip(&results) {
                match result {
                    Ok(value) => assert_eq!(*value, n),
                    Err(error) => {
                        assert_eq!(n, 77, "{over:?}, {what:?}: {error}");
                        assert!(told(crashed(error)), "{over:?}, {what:?}: {error}");
                        assert_eq!((error.item(), error.attempts()), (Some(77), 1));
                        assert!(is_gone(error.pid().unwrap()), "{error}");
                        assert!(error.task().ends_with("act"), "{error}");
                    }
                }
            }
            assert!(results[77].is_err(), "{over:?}, {what:?}");
            assert_eq!(pool.map::<square>(0..3).unwrap(), [0, 1, 4]);
        }
    }
}

#[test]
fn a_real_fault_is_one_too() {
    for over in BOTH {
        let pool = builder(over).workers(1).stderr(Output::Captured).build().unwrap();

        let error = pool.submit::<segfault>(()).unwrap().join().unwrap_err();

        assert!(signaled(crashed(&error), libc::SIGSEGV), "{error}");
        assert!(error.to_string().contains("SIGSEGV"), "{error}");
    }
}

#[test]
fn the_end_of_standard_error_is_part_of_the_error() {
    for over in BOTH {
        let pool = builder(over).workers(2).stderr(Output::Captured).build().unwrap();
        let texts = ["one went wrong", "two went wrong"].map(str::to_owned);

        let results = pool.try_map::<complain>(texts.clone());

        for (item, (text, result)) in (0..).zip(texts.iter().zip(results)) {
            let error = result.unwrap_err();
            assert_eq!(
                (error.item(), error.pid().is_some()),
                (Some(item), true),
                "{over:?}: {error}"
            );
            assert!(error.stderr().contains(text), "{over:?}: {error}");
            assert!(error.to_string().contains(text), "{over:?}: {error}");
            assert!(error.to_string().contains("SIGABRT"), "{over:?}: {error}");
        }
    }
}

#[test]
fn a_worker_that_is_killed_with_a_task_in_hand_fails_that_one() {
    for over in BOTH {
        let (pool, files) = (pool(over, 2), Files::new());
        let there = files.file();
        let hung = pool.submit::<act>(Act::Hang(there.clone())).unwrap();
        let others: Vec<_> = (0..20).map(|n| pool.submit::<nap>((1, n)).unwrap()).collect();
        let pid = pid_in(&there);

        signal(pid, libc::SIGKILL);

        let error = hung.join().unwrap_err();
        assert!(signaled(crashed(&error), libc::SIGKILL), "{error}");
        assert_eq!(error.pid(), Some(pid), "{over:?}");
        for (n, task) in (0..).zip(others) {
            assert_eq!(task.join().unwrap(), n, "{over:?}");
        }
    }
}

#[test]
fn a_worker_that_is_killed_while_idle_fails_nothing() {
    for over in BOTH {
        let pool = builder(over).workers(2).prestart().build().unwrap();
        for round in 0..10 {
            let before = pids(&pool);
            for pid in &before {
                signal(*pid, libc::SIGKILL);
            }
            // Sometimes before the pool can know of it.
            if round % 2 == 0 {
                eventually(LIMIT, || before.iter().all(|pid| state_of(*pid).is_none()));
            }

            let all = pool.map::<square>(0..100).unwrap();

            assert!(all.into_iter().eq((0..100).map(|n| n * n)), "{over:?}");
        }
    }
}

#[test]
fn a_pool_whose_workers_are_killed_all_the_time_does_everything() {
    for over in BOTH {
        let pool = std::sync::Arc::new(pool(over, 3));
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let victims = std::sync::Arc::clone(&pool);
        let killer = std::thread::spawn(move || {
            let mut killed = 0;
            while stopped.recv_timeout(Duration::from_millis(20)).is_err() {
                if let Some(pid) = pids(&victims).get(killed % 3) {
                    signal(*pid, libc::SIGKILL);
                }
                killed += 1;
            }
        });

        let tasks = pool.tasks::<nap>().retries(1_000).poison_after(1_000);
        let all = tasks.map((0..600).map(|n| (1, n))).unwrap();

        assert!(all.into_iter().eq(0..600), "{over:?}");
        stop.send(()).unwrap();
        killer.join().unwrap();
        assert_eq!(pool.map::<square>(0..3).unwrap(), [0, 1, 4]);
    }
}

#[test]
fn a_worker_that_is_stopped_is_killed_when_its_time_is_up() {
    for over in BOTH {
        let pool = pool(over, 2);
        let limit = Duration::from_millis(200);
        let items = [Act::Give(0), Act::Signal(libc::SIGSTOP), Act::Give(2), Act::Spin];
        let start = Instant::now();

        let results = pool.tasks::<act>().timeout(limit).try_map(items);

        assert!(start.elapsed() < Duration::from_secs(5), "{over:?}: {:?}", start.elapsed());
        assert_eq!((&results[0], &results[2]), (&Ok(0), &Ok(2)));
        for at in [1, 3] {
            let error = results[at].as_ref().unwrap_err();
            assert_eq!(*error.failure(), TaskFailure::TimedOut(limit), "{error}");
            assert!(is_gone(error.pid().unwrap()) && error.item() == Some(at as u64));
            assert!(error.to_string().contains("200ms"), "{error}");
        }
    }
}

/// Its next task never begins, so nobody could say that it took too long.
#[test]
fn a_worker_that_was_stopped_while_idle_does_not_keep_a_task_with_a_timeout() {
    for over in BOTH {
        let pool = builder(over).workers(1).prestart().build().unwrap();
        pool.map::<square>(0..10).unwrap();
        let frozen = pids(&pool)[0];
        signal(frozen, libc::SIGSTOP);
        eventually(LIMIT, || state_of(frozen) == Some('T'));

        let task = pool.tasks::<square>().timeout(Duration::from_millis(100)).submit(5).unwrap();

        assert!(task.wait_timeout(LIMIT / 2), "{over:?}: it was kept");
        // It never began, so it is not its fault.
        assert_eq!(task.join().unwrap(), 25, "{over:?}");
        assert!(is_gone(frozen));
    }
}

#[test]
fn what_lies_with_a_worker_that_was_stopped_goes_to_another_if_it_can() {
    if Over::Usual.is_frames() {
        not_tested("what was sent in frames cannot be taken back");
        return;
    }
    let pool = builder(Over::Usual).workers(2).prestart().build().unwrap();
    pool.map::<square>(0..10).unwrap();
    let frozen = pids(&pool)[0];
    signal(frozen, libc::SIGSTOP);
    eventually(LIMIT, || state_of(frozen) == Some('T'));

    let tasks: Vec<_> = (0..20).map(|n| pool.submit::<square>(n).unwrap()).collect();

    for (n, task) in (0..).zip(tasks) {
        assert!(task.wait_timeout(LIMIT / 2), "task {n} was kept: {:?}", pool.dump());
        assert_eq!(task.join().unwrap(), n * n);
    }
}

#[test]
fn a_task_without_retries_is_tried_once() {
    for over in BOTH {
        let (pool, files) = (pool(over, 1), Files::new());
        for what in [Act::Panic, Act::Abort] {
            let tries = files.file();
            let once = Act::Until(tries.clone(), 2, 7, Box::new(what));
            assert!(pool.submit::<act>(once).unwrap().join().is_err());
            assert_eq!(noted(&tries), [7], "{over:?}");
        }
    }
}

#[test]
fn retries_run_a_task_again_after_a_crash_a_panic_and_a_timeout() {
    for over in BOTH {
        let (pool, files) = (pool(over, 2), Files::new());
        for what in [Act::Panic, Act::Abort, Act::Exit(0), Act::Spin] {
            let tries = files.file();
            let third = |tries| Act::Until(tries, 3, 7, Box::new(what.clone()));
            let tasks = || pool.tasks::<act>().timeout(Duration::from_millis(300));

            let value = tasks().retries(2).submit(third(tries.clone())).unwrap().join();
            assert_eq!(value.unwrap(), 7, "{over:?}, {what:?}");
            assert_eq!(noted(&tries), [7; 3]);

            let tries = files.file();
            let error = tasks().retries(1).submit(third(tries.clone())).unwrap().join();
            let error = error.unwrap_err();
            assert_eq!(error.attempts(), 2, "{over:?}: {error}");
            assert!(error.to_string().contains("attempt 2"), "{error}");
            assert_eq!(noted(&tries), [7; 2]);
        }
        assert_eq!(pool.progress().retried, 12, "{over:?}");
    }
}

#[test]
fn a_task_that_takes_workers_down_again_and_again_is_given_up_and_named() {
    for over in BOTH {
        let (pool, files) = (pool(over, 2), Files::new());
        let tries = files.file();
        let items = (0..50).map(|n| match n {
            31 => Act::Note(tries.clone(), n, Box::new(Act::Abort)),
            _ => Act::Give(n),
        });

        let results = pool.tasks::<act>().retries(100).try_map(items);

        let failed: BTreeSet<usize> = (0..50).filter(|&n| results[n].is_err()).collect();
        assert_eq!(failed, BTreeSet::from([31]), "{over:?}");
        let error = results[31].as_ref().unwrap_err();
        match error.failure() {
            TaskFailure::Poisoned { crashes: 3, last, .. } => {
                assert!(signaled(last, libc::SIGABRT));
            }
            _ => panic!("{over:?}: {error}"),
        }
        assert_eq!((error.item(), error.attempts()), (Some(31), 3));
        assert_eq!(noted(&tries), [31; 3]);

        let doomed = pool.tasks::<act>().retries(100).poison_after(5).submit(Act::Exit(9));
        let error = doomed.unwrap().join().unwrap_err();
        let five = matches!(error.failure(), TaskFailure::Poisoned { crashes: 5, .. });
        assert!(five, "{over:?}: {error}");
    }
}
