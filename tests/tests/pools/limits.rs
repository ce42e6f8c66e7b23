//! Where the system has no room for workers, or they cannot be started at all.

use std::fs::File;
use std::time::{Duration, Instant};

use procession::{Output, PoolError, TaskFailure, process};
use procession_tests::{
    BOTH, LIMIT, alone, assert_no_children_left, eventually, settled_descriptors,
};

use super::work::{Act, act, builder, pids, pool, square};

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
        for over in BOTH {
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
        }
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
