//! Where the system has no room for workers, or they cannot be started at all.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use procession::{Output, Pool, PoolError, TaskFailure, process};
use procession_tests::{
    BOTH, LIMIT, Over, alone, assert_no_children_left, both_at_once, eventually,
    settled_descriptors, within,
};

use super::work::{Act, Files, act, builder, noted, pids, pool, square};

fn set_limit(what: libc::__rlimit_resource_t, most: u64) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: 4096 };
    // SAFETY: the pointer is to a local variable of the right type.
    assert_eq!(unsafe { libc::setrlimit(what, &raw const limit) }, 0);
}

#[process]
fn length(bytes: Vec<u8>) -> usize {
    bytes.len()
}

#[test]
fn workers_that_cannot_be_started_at_all_fail_what_waits_with_the_cause() {
    alone!({
        procession::worker_exe("/bin/false");
        both_at_once(BOTH, |over| {
            let pool = builder(over).workers(2).stderr(Output::Null).build().unwrap();
            let start = Instant::now();

            let results = pool.try_map::<square>(0..10);
            let task = pool.submit::<square>(3).unwrap().join();

            assert!(start.elapsed() < Duration::from_secs(20), "{over:?}: {:?}", start.elapsed());
            assert_eq!(results.len(), 10);
            for error in results.into_iter().chain([task]).map(Result::unwrap_err) {
                assert!(matches!(error.failure(), TaskFailure::NoWorker(_)), "{error}");
                assert!(error.to_string().contains("no worker to run it"), "{error}");
            }
            let made = builder(over).workers(2).prestart().stderr(Output::Null).build();
            assert!(
                matches!(made, Err(PoolError::Worker { .. } | PoolError::Start(_))),
                "{made:?}"
            );
        });
        procession::worker_exe("/nowhere/at/all");
        for over in BOTH {
            let pool = pool(over, 2);
            let error = pool.map::<square>(0..10).unwrap_err();
            assert!(matches!(error.failure(), TaskFailure::NoWorker(_)), "{error}");
            assert!(error.to_string().contains("/nowhere/at/all"), "{over:?}: {error}");
        }
        // What was wrong is put right.
        procession::worker_exe(std::env::current_exe().unwrap());
        for over in BOTH {
            assert_eq!(pool(over, 2).map::<square>(0..3).unwrap(), [0, 1, 4]);
        }
    });
}

#[test]
fn a_pool_near_its_limit_of_descriptors_works_or_tells_the_cause() {
    alone!({
        // What is started once, is; what a start leaves ready for the next one may come late.
        square::call(3).unwrap();
        let open = settled_descriptors(std::process::id());
        let open = u64::try_from(open).unwrap();
        let mut seen = (false, false);
        for over in BOTH {
            for more in 0..60 {
                set_limit(libc::RLIMIT_NOFILE, open + more);
                let made = builder(over).workers(4).prestart().build();
                match made {
                    Ok(pool) => {
                        assert_eq!(pool.map::<square>(0..100).unwrap().len(), 100);
                        seen.0 = true;
                    }
                    Err(error) => {
                        assert!(!matches!(error, PoolError::NoWorkers), "{error}");
                        seen.1 = true;
                    }
                }
                set_limit(libc::RLIMIT_NOFILE, 4096);
                eventually(LIMIT, || procession::children().is_empty());
                assert_no_children_left();
                eventually(LIMIT, || {
                    let now = procession_tests::descriptors(std::process::id()).len();
                    u64::try_from(now).unwrap() <= open + 3
                });
            }
        }
        assert_eq!(seen, (true, true), "both a pool and an error were expected");
    });
}

#[test]
fn a_pool_with_room_for_few_workers_does_everything_with_these() {
    alone!({
        square::call(3).unwrap();
        for over in BOTH {
            let pool = pool(over, 16);
            assert_eq!(pool.submit::<square>(4).unwrap().join().unwrap(), 16);
            let open = settled_descriptors(std::process::id());
            set_limit(libc::RLIMIT_NOFILE, u64::try_from(open).unwrap() + 25);

            let naps = pool.map::<act>((0..100).map(|_| Act::Nap(5))).unwrap();

            set_limit(libc::RLIMIT_NOFILE, 4096);
            assert_eq!(naps, [5; 100], "{over:?}");
            assert!(pids(&pool).len() < 16);
            // Then there is room for all.
            let all = pool.map::<act>((0..200).map(|_| Act::Nap(20))).unwrap();
            assert_eq!(all.len(), 200);
        }
    });
}

#[test]
fn what_fails_for_want_of_descriptors_says_so_and_the_pool_recovers() {
    alone!({
        square::call(3).unwrap();
        for over in BOTH {
            let pool = pool(over, 2);
            // These are open, and no other will be.
            set_limit(libc::RLIMIT_NOFILE, 3);
            let start = Instant::now();

            let error = pool.map::<square>(0..10).unwrap_err();

            assert!(start.elapsed() < Duration::from_secs(5), "{over:?}: {:?}", start.elapsed());
            assert!(matches!(error.failure(), TaskFailure::NoWorker(_)), "{error}");
            let text = error.to_string();
            assert!(text.contains("descriptor") || text.contains("open files"), "{text}");
            set_limit(libc::RLIMIT_NOFILE, 4096);
            eventually(LIMIT, || pool.map::<square>(0..3).is_ok_and(|all| all == [0, 1, 4]));
        }
    });
}

/// It used to be lost, and its ticket waited for ever.
#[test]
fn a_large_task_fails_where_no_descriptor_is_left_for_it_and_the_pool_goes_on() {
    alone!({
        for over in BOTH {
            let pool = builder(over).workers(1).prestart().build().unwrap();
            set_limit(libc::RLIMIT_NOFILE, 128);
            let files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();

            let large = pool.submit::<length>(vec![7; 5_000_000]).unwrap();
            let small = pool.submit::<length>(vec![7; 5]).unwrap();

            assert!(large.wait_timeout(LIMIT) && small.wait_timeout(LIMIT), "{}", pool.dump());
            // Over frames it needs no descriptor.
            if let Err(error) = large.join() {
                let why = "no descriptor or memory for its 5000";
                let failure = error.failure();
                let said =
                    matches!(failure, TaskFailure::Undeliverable(text) if text.contains(why));
                assert!(said, "{over:?}: {error}");
            }
            assert_eq!(small.join().unwrap(), 5);
            drop(files);
            set_limit(libc::RLIMIT_NOFILE, 4096);
            assert_eq!(pool.map::<length>([vec![7; 5_000_000]]).unwrap(), [5_000_000]);
        }
    });
}

/// The worker waited for its initializer for ever, and everybody for the worker.
#[test]
fn an_initializer_whose_input_cannot_be_sent_fails_what_waits_with_the_cause() {
    #[process]
    fn take(_text: String) {}

    alone!({
        // A region of shared memory is a file, and no file may be longer.
        let limit = libc::rlimit { rlim_cur: 48 << 20, rlim_max: 48 << 20 };
        // SAFETY: the pointer is to a local variable of the right type.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
        let input = "x".repeat(64 << 20);
        let made = || Pool::builder().workers(1).initializer::<take>(input.clone());

        let pool = made().build().unwrap();
        let result = within(LIMIT, move || pool.map::<square>(0..10));
        if Over::Usual.is_frames() {
            // These need no region.
            assert_eq!(result.unwrap()[9], 81);
            made().prestart().build().unwrap();
        } else {
            let error = result.unwrap_err();
            assert!(matches!(error.failure(), TaskFailure::NoWorker(_)), "{error}");
            let why = "no descriptor or memory for its input";
            assert!(error.to_string().contains(why), "{error}");
            let error = made().prestart().build().unwrap_err();
            assert!(matches!(error, PoolError::Initializer { .. }), "{error}");
        }
    });
}

/// Its task was run once more, though it was done.
#[test]
fn a_large_result_that_cannot_be_had_once_its_worker_ended_is_an_error_and_its_task_runs_once() {
    #[process]
    fn noted_bytes(file: std::path::PathBuf, length: usize) -> Vec<u8> {
        super::work::note(&file, 1);
        vec![7; length]
    }

    alone!({
        for over in BOTH {
            let files = Files::new();
            let ran = files.file();
            let pool = builder(over).workers(1).max_tasks_per_worker(1).prestart().build().unwrap();
            set_limit(libc::RLIMIT_NOFILE, 128);
            // What the end of the worker sets free is taken as well.
            let done = Arc::new(AtomicBool::new(false));
            let (until, mut open) = (Arc::clone(&done), Vec::new());
            let hoard = std::thread::spawn(move || {
                while !until.load(Ordering::Relaxed) {
                    open.extend(File::open("/dev/null"));
                }
            });

            let tasks = pool.tasks::<noted_bytes>().retries(5);
            let task = tasks.submit((ran.clone(), 5_000_000)).unwrap();
            assert!(task.wait_timeout(LIMIT), "{}", pool.dump());

            // Over frames it needs no descriptor.
            match task.join() {
                Ok(bytes) => assert_eq!(bytes.len(), 5_000_000),
                Err(error) => {
                    // It came while its worker lived, or was looked for once that had ended.
                    let failure = error.failure();
                    let said = matches!(
                        failure,
                        TaskFailure::Undeliverable(text) if text.contains("no descriptor")
                    );
                    assert!(said, "{over:?}: {error}");
                }
            }
            done.store(true, Ordering::Relaxed);
            hoard.join().unwrap();
            set_limit(libc::RLIMIT_NOFILE, 4096);
            eventually(LIMIT, || pool.map::<length>([vec![7; 5]]).is_ok_and(|all| all == [5]));
            assert_eq!(noted(&ran).len(), 1, "{over:?}");
        }
    });
}
