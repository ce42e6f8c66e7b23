//! How far it is, and what each worker does: what is told is true, and adds up.

use std::time::Duration;

use procession::{Progress, TaskFailure, WorkerState};
use procession_tests::{BOTH, LIMIT, eventually, state_of};

use super::work::{Act, Files, act, builder, nap, pid_in, pids, pool, signal, square};

fn assert_sound(told: &[Progress], total: u64) {
    let last = told.last().expect("it is told at the end");
    assert_eq!((last.done + last.failed, last.total), (total, Some(total)), "{last}");
    assert_eq!((last.running, last.queued), (0, 0), "{last}");
    for (one, next) in told.iter().zip(&told[1..]) {
        assert!(one.done <= next.done && one.failed <= next.failed, "{one}; {next}");
        assert!(one.retried <= next.retried, "{one}; {next}");
    }
    for one in told {
        let known = one.done + one.failed + one.running + one.queued;
        assert!(known <= total && one.total.is_none_or(|all| all == total), "{one}");
        assert!(one.rate.is_finite() && one.rate >= 0.0, "{one}");
    }
}

#[test]
fn the_numbers_of_a_map_add_up_and_the_last_call_says_that_it_is_done() {
    for over in BOTH {
        let (pool, files, mut told) = (pool(over, 2), Files::new(), Vec::new());
        let items = (0..120).map(|n| match n {
            10 => Act::Panic,
            20 => Act::Abort,
            30 => Act::Until(files.file(), 2, n, Box::new(Act::Exit(1))),
            _ => Act::Nap(5),
        });
        let items: Vec<Act> = items.collect();

        let tasks = pool.tasks::<act>().retries(1);
        let results = tasks.on_progress(|progress| told.push(*progress)).try_map(items);

        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 2);
        assert!(told.len() > 2, "{over:?}: {}", told.len());
        assert_sound(&told, 120);
        let last = told.last().unwrap();
        assert_eq!((last.done, last.failed, last.retried), (118, 2, 3), "{over:?}: {last}");
        assert!(told.iter().any(|one| one.running > 0) && last.rate > 0.0, "{told:?}");
    }
}

#[test]
fn a_map_of_nothing_tells_that_it_is_done() {
    for over in BOTH {
        let (pool, mut told) = (pool(over, 1), Vec::new());
        pool.tasks::<square>().on_progress(|progress| told.push(*progress)).map([]).unwrap();
        assert_eq!(told.len(), 1, "{over:?}");
        assert_sound(&told, 0);
    }
}

#[test]
fn a_stream_tells_how_far_it_is_while_results_are_taken() {
    for over in BOTH {
        let pool = pool(over, 2);
        let mut told = Vec::new();
        let tasks = pool.tasks::<nap>().on_progress(|progress| told.push(*progress));
        let all = tasks.stream((0..100).map(|n| (3, n))).filter(Result::is_ok).count();

        assert_eq!(all, 100);
        assert!(told.len() > 1, "{over:?}");
        assert_sound(&told, 100);

        // Nobody knows how much there is of what has no end.
        let mut told = Vec::new();
        let tasks = pool.tasks::<nap>().on_progress(|progress| told.push(*progress));
        tasks.stream((0..).map(|n| (3, n))).take(50).for_each(drop);
        assert!(!told.is_empty() && told.iter().all(|one| one.total.is_none()), "{over:?}");
    }
}

#[test]
fn a_hook_is_called_even_while_nothing_ends() {
    for over in BOTH {
        let (pool, mut told) = (pool(over, 1), 0);
        pool.tasks::<nap>().on_progress(|_| told += 1).map([(600, 1)]).unwrap();
        assert!(told >= 4, "{over:?}: {told}");
    }
}

#[test]
fn a_pool_counts_everything_that_it_was_ever_asked() {
    for over in BOTH {
        let pool = pool(over, 2);
        assert_eq!(pool.progress(), Progress::default());
        pool.map::<square>(0..100).unwrap();
        pool.stream::<square>(0..50).for_each(drop);
        for what in [Act::Give(1), Act::Panic, Act::Exit(1)] {
            let _ = pool.submit::<act>(what).unwrap().join();
        }
        let cancelled = pool.submit::<act>(Act::Spin).unwrap();
        eventually(LIMIT, || pool.progress().running == 1);
        assert!(cancelled.cancel());
        eventually(LIMIT, || pool.progress().running == 0);

        let progress = pool.progress();

        assert_eq!((progress.done, progress.failed), (151, 3), "{over:?}: {progress}");
        assert_eq!((progress.queued, progress.retried, progress.total), (0, 0, None));
    }
}

#[test]
fn what_waits_and_what_runs_is_counted_apart() {
    for over in BOTH {
        let (pool, files) = (pool(over, 1), Files::new());
        let there = files.file();
        let running = pool.submit::<act>(Act::Hang(there.clone())).unwrap();
        pid_in(&there);
        let waiting: Vec<_> = (0..5).map(|n| pool.submit::<square>(n).unwrap()).collect();

        let progress = pool.progress();
        assert_eq!((progress.running, progress.queued), (1, 5), "{over:?}: {progress}");

        assert!(waiting[2].cancel());
        let progress = pool.progress();
        assert_eq!((progress.running, progress.queued), (1, 4), "{over:?}: {progress}");
        assert_eq!(progress.failed, 1);
        assert!(running.cancel());
    }
}

#[test]
fn a_dump_tells_what_each_worker_does_and_since_when() {
    for over in BOTH {
        let files = Files::new();
        let there = files.file();
        let pool = builder(over).workers(3).name("thumbnails").build().unwrap();
        pool.map::<square>(0..3).unwrap();
        let item = Act::Hang(there.clone());
        let its = &pool;
        std::thread::scope(|scope| {
            let mapping = scope.spawn(move || its.map::<act>([Act::Give(1), item]));
            let pid = pid_in(&there);
            std::thread::sleep(Duration::from_millis(120));

            let dump = pool.dump();

            assert_eq!((dump.name.as_str(), dump.workers.len()), ("thumbnails", 3));
            let busy = dump.workers.iter().find(|worker| worker.pid == Some(pid)).unwrap();
            match &busy.state {
                WorkerState::Running { task, item, .. } => {
                    assert!(task.ends_with("act"), "{task}");
                    assert_eq!(*item, Some(1), "{over:?}");
                }
                other => panic!("{over:?}: {other:?}"),
            }
            let right = Duration::from_millis(80)..Duration::from_secs(10);
            assert!(right.contains(&busy.since.unwrap()), "{over:?}: {dump}");
            // Those that have nothing to do say since when, too, and who is not there does not.
            for other in &dump.workers {
                match other.state {
                    WorkerState::Idle => assert!(other.since.is_some(), "{over:?}: {dump}"),
                    WorkerState::Vacant => assert_eq!(other.since, None, "{over:?}: {dump}"),
                    _ => {}
                }
            }
            let text = dump.to_string();
            for part in ["thumbnails", &pid.to_string(), "act", "item 1", &busy.name] {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert_eq!(text.lines().count(), 5, "{text}");
            signal(pid, libc::SIGKILL);
            let error = mapping.join().unwrap().unwrap_err();
            assert!(matches!(error.failure(), TaskFailure::Crashed(_)), "{error}");
        });
        let done: u64 = pool.dump().workers.iter().map(|worker| worker.tasks).sum();
        assert!(done <= 4 && pool.progress().done == 4, "{over:?}");
        pool.join().unwrap();
        assert!(pids(&pool).is_empty());
        assert!(pool.dump().workers.iter().all(|worker| worker.state == WorkerState::Vacant));
    }
}

/// Nobody could tell otherwise which one it is that everybody waits for.
#[test]
fn the_dump_says_for_how_long_a_stopped_worker_has_had_its_task() {
    for over in BOTH {
        let pool = builder(over).workers(1).prestart().build().unwrap();
        assert_eq!(pool.submit::<square>(2).unwrap().join().unwrap(), 4);
        let pid = pids(&pool)[0];
        signal(pid, libc::SIGSTOP);
        eventually(LIMIT, || state_of(pid) == Some('T'));
        let task = pool.submit::<square>(3).unwrap();
        assert!(!task.wait_timeout(Duration::from_millis(100)), "{over:?}");

        let dump = pool.dump();

        let worker = &dump.workers[0];
        assert!(matches!(worker.state, WorkerState::Running { .. }), "{over:?}: {dump}");
        assert!(worker.since.is_some_and(|since| since.as_millis() >= 90), "{over:?}: {dump}");
        signal(pid, libc::SIGCONT);
        assert_eq!(task.join().unwrap(), 9);
    }
}
