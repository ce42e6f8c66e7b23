//! What a pool is told of its workers holds for each of them.

use std::collections::BTreeSet;
use std::time::Duration;

use procession::{ExitReason, Output, Pool, PoolError, Refused, TaskFailure, WorkerState, process};
use procession_tests::{BOTH, LIMIT, eventually, is_gone, within};

use super::work::{Act, act, builder, nap, pids, pool, square, whoami};

#[process]
fn look(variable: String) -> (Option<String>, String, String) {
    let directory = std::env::current_dir().unwrap().to_str().unwrap().to_owned();
    (std::env::var(variable).ok(), directory, procession::current().name().to_owned())
}

#[process]
fn print(what: String) {
    println!("out {what}");
    eprintln!("err {what}");
}

#[process]
fn fill(megabytes: usize) -> usize {
    let bytes = std::hint::black_box(vec![1_u8; megabytes << 20]);
    bytes.len()
}

#[process]
fn length(bytes: Vec<u8>) -> usize {
    bytes.len()
}

#[process]
fn bytes(length: usize) -> Vec<u8> {
    vec![7; length]
}

#[test]
fn a_pool_of_no_workers_is_an_error() {
    assert!(matches!(Pool::new(0), Err(PoolError::NoWorkers)));
    assert!(matches!(Pool::builder().workers(0).prestart().build(), Err(PoolError::NoWorkers)));
}

#[test]
fn a_pool_has_as_many_workers_as_there_are_processors_unless_told() {
    assert_eq!(Pool::default().workers(), procession::available_parallelism());
    assert_eq!(Pool::new(3).unwrap().workers(), 3);
}

#[test]
fn no_process_is_started_before_the_first_task() {
    for over in BOTH {
        let pool = pool(over, 4);
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(pids(&pool), []);
        assert!(pool.dump().workers.iter().all(|worker| worker.state == WorkerState::Vacant));

        assert_eq!(pool.submit::<square>(4).unwrap().join().unwrap(), 16);

        // One task needs one worker.
        assert_eq!(pids(&pool).len(), 1, "{over:?}");
    }
}

#[test]
fn a_pool_that_is_prestarted_has_all_its_workers_at_once() {
    for over in BOTH {
        let pool = builder(over).workers(3).prestart().build().unwrap();

        let pids = pids(&pool);
        assert_eq!(pids.len(), 3, "{over:?}");
        let idle = |worker: &procession::WorkerDump| worker.state == WorkerState::Idle;
        assert!(pool.dump().workers.iter().all(idle), "{}", pool.dump());
        let used: BTreeSet<u32> = pool.map::<whoami>(0..30).unwrap().into_iter().collect();
        assert!(used.iter().all(|pid| pids.contains(pid)));
    }
}

#[test]
fn a_worker_is_replaced_after_so_many_tasks() {
    for over in BOTH {
        let pool = builder(over).workers(2).max_tasks_per_worker(7).build().unwrap();

        let who = pool.map::<whoami>(0..100).unwrap();

        let mut counts = std::collections::BTreeMap::new();
        for pid in who {
            *counts.entry(pid).or_insert(0) += 1;
        }
        assert!(counts.values().all(|&tasks| tasks <= 7), "{over:?}: {counts:?}");
        assert!(counts.len() >= 15, "{over:?}: {counts:?}");

        // One by one as well, and exactly.
        let who: Vec<u32> =
            (0..21).map(|n| pool.submit::<whoami>(n).unwrap().join().unwrap()).collect();
        let different: BTreeSet<u32> = who.into_iter().collect();
        assert!((3..=5).contains(&different.len()), "{over:?}: {different:?}");
    }
}

#[test]
fn a_worker_for_each_task_is_one_for_each() {
    for over in BOTH {
        let pool = builder(over).workers(2).max_tasks_per_worker(1).build().unwrap();

        let who: BTreeSet<u32> = pool.map::<whoami>(0..20).unwrap().into_iter().collect();

        assert_eq!(who.len(), 20, "{over:?}");
    }
}

#[test]
fn workers_with_nothing_to_do_go_and_others_come() {
    for over in BOTH {
        let limit = Duration::from_millis(50);
        let pool = builder(over).workers(2).idle_timeout(limit).build().unwrap();
        for round in 0..3 {
            let who = pool.map::<whoami>(0..20).unwrap();
            eventually(LIMIT, || pids(&pool).is_empty() && who.iter().all(|&pid| is_gone(pid)));
            assert!(who.len() == 20, "{over:?}, {round}");
        }

        // Who is busy is not idle.
        assert_eq!(pool.map::<nap>([(200, 1), (200, 2)]).unwrap(), [1, 2]);
    }
}

/// Who was just ready was told to leave before it was given anything.
#[test]
fn workers_that_may_not_be_idle_at_all_do_what_there_is_to_do() {
    for over in BOTH {
        let pool = builder(over).workers(2).idle_timeout(Duration::ZERO).build().unwrap();

        assert_eq!(within(LIMIT, move || pool.map::<square>(0..40).unwrap().len()), 40, "{over:?}");
    }
}

#[test]
fn more_workers_than_there_can_be_are_an_error() {
    assert!(matches!(Pool::new(usize::MAX), Err(PoolError::System { .. })));
}

#[test]
fn workers_have_the_environment_the_directory_and_the_names_that_were_said() {
    for over in BOTH {
        let pool = builder(over)
            .workers(2)
            .name("thumbnails")
            .env("POOLS_TESTS", "yes")
            .env_remove("HOME")
            .current_dir("/usr")
            .build()
            .unwrap();

        for (value, directory, name) in
            pool.map::<look>(vec!["POOLS_TESTS".to_owned(); 20]).unwrap()
        {
            assert_eq!((value.as_deref(), directory.as_str()), (Some("yes"), "/usr"));
            assert!(["thumbnails-1", "thumbnails-2"].contains(&name.as_str()), "{name}");
        }
        let (home, ..) = pool.submit::<look>("HOME".to_owned()).unwrap().join().unwrap();
        assert_eq!(home, None);
        assert_eq!(pool.dump().name, "thumbnails");

        let pool = builder(over).workers(1).env_clear().env("A", "b").build().unwrap();
        let (path, ..) = pool.submit::<look>("PATH".to_owned()).unwrap().join().unwrap();
        assert_eq!(path, None);
    }
}

#[test]
fn output_goes_where_it_was_said() {
    let mut program = procession_tests::Running::start(procession_tests::as_program(|| {
        for (output, name) in [
            (Output::Lines, "lines"),
            (Output::Prefixed, "prefixed"),
            (Output::Captured, "captured"),
            (Output::Inherit, "inherit"),
            (Output::Null, "null"),
        ] {
            for over in BOTH {
                let pool = builder(over)
                    .workers(1)
                    .name("p")
                    .stdout(output)
                    .stderr(output)
                    .build()
                    .unwrap();
                pool.submit::<print>(format!("{name} {over:?}")).unwrap().join().unwrap();
                pool.join().unwrap();
            }
        }
    }));
    assert!(program.end().success());
    let (stdout, stderr) = program.told();
    for over in BOTH {
        for name in ["lines", "inherit"] {
            let line = format!("{name} {over:?}");
            assert!(stdout.lines().any(|one| one == format!("out {line}")), "{line}: {stdout}");
            assert!(stderr.lines().any(|one| one == format!("err {line}")), "{line}: {stderr}");
        }
        let prefixed =
            |one: &str| one.contains("p-1") && one.contains(&format!("prefixed {over:?}"));
        assert!(stdout.lines().any(prefixed) && stderr.lines().any(prefixed), "{stdout}");
    }
    for silent in ["captured", "null"] {
        assert!(!stdout.contains(silent) && !stderr.contains(silent), "{stdout}{stderr}");
    }
}

#[test]
fn a_task_that_needs_more_memory_than_a_worker_may_have_fails_alone() {
    for over in BOTH {
        let pool = builder(over)
            .workers(2)
            .memory_limit(200 << 20)
            .stderr(Output::Captured)
            .build()
            .unwrap();

        let results = pool.try_map::<fill>([1, 2, 400, 3, 4]);

        for (at, megabytes) in [(0, 1), (1, 2), (3, 3), (4, 4)] {
            assert_eq!(*results[at].as_ref().unwrap(), megabytes << 20, "{over:?}");
        }
        let error = results[2].as_ref().unwrap_err();
        let oom = matches!(error.failure(), TaskFailure::Crashed(ExitReason::OutOfMemory { .. }));
        assert!(oom, "{over:?}: {error}");
        assert_eq!(error.item(), Some(2));
    }
}

#[test]
fn a_message_that_is_too_large_is_the_error_of_its_task_both_ways() {
    for over in BOTH {
        let pool = builder(over).workers(2).max_message(10_000).build().unwrap();

        let results = pool.try_map::<length>([10, 20_000, 30].map(|length| vec![1; length]));
        let error = results[1].as_ref().unwrap_err();
        assert!(matches!(error.failure(), TaskFailure::Encode(_)), "{error}");
        assert!(error.to_string().contains("limit of 10000 bytes"), "{error}");
        assert_eq!((results[0].as_ref().unwrap(), results[2].as_ref().unwrap()), (&10, &30));

        let results = pool.try_map::<bytes>([10, 20_000, 30]);
        let error = results[1].as_ref().unwrap_err();
        assert!(matches!(error.failure(), TaskFailure::Undeliverable(_)), "{error}");
        assert!(error.to_string().contains("limit of 10000 bytes"), "{error}");
        assert_eq!(results[0].as_ref().unwrap().len(), 10);
        assert_eq!(results[2].as_ref().unwrap().len(), 30);

        let refused = pool.submit::<length>(vec![1; 20_000]).unwrap_err();
        assert!(matches!(refused.reason(), Refused::Encode(_)), "{refused}");
        assert_eq!(refused.into_input().len(), 20_000);
    }
}

#[test]
fn large_messages_cross_both_ways() {
    for over in BOTH {
        let pool = pool(over, 2);
        let sizes = [0, 1, 1_000, 70_000, 3_000_000, 5, 9_000_000, 100_000];

        let back = pool.map::<bytes>(sizes).unwrap();
        assert_eq!(back.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        assert_eq!(pool.map::<length>(back).unwrap(), sizes);
    }
}

#[test]
fn names_of_many_pools_do_not_get_mixed_up() {
    let pools: Vec<Pool> = (0..3)
        .map(|n| Pool::builder().workers(1).name(format!("pool {n}")).build().unwrap())
        .collect();
    for (n, pool) in pools.iter().enumerate() {
        pool.submit::<act>(Act::Give(1)).unwrap().join().unwrap();
        assert_eq!(pool.dump().workers[0].name, format!("pool {n}-1"));
    }
}
