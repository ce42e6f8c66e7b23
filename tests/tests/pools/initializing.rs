//! What workers begin with, and what becomes of a pool whose workers cannot begin.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use procession::{Pool, PoolError, TaskFailure, process};
use procession_tests::{BOTH, LIMIT, assert_no_children_left, eventually, within};

use serde::{Deserialize, Deserializer, Serialize};

use super::work::{Act, Files, act, builder, note, noted, pids, signal, square};

static IN_STATIC: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IN_THREAD: Cell<u64> = const { Cell::new(0) };
}

#[process]
fn remember(n: u64) {
    IN_STATIC.store(n, Ordering::Relaxed);
    IN_THREAD.set(n + 1);
}

#[process]
fn remembered(crash: bool) -> (u64, u64) {
    if crash {
        std::process::abort();
    }
    (IN_STATIC.load(Ordering::Relaxed), IN_THREAD.get())
}

/// Notes that it was tried, and fails in some way as long as a file is there.
#[process]
fn begin(how: String, tries: PathBuf, while_there: PathBuf) -> Result<(), String> {
    note(&tries, 1);
    if !while_there.exists() {
        return Ok(());
    }
    match how.as_str() {
        "panic" => panic!("no luck today"),
        "error" => Err("no luck today".to_owned()),
        "exit" => {
            eprintln!("no luck today");
            std::process::exit(7)
        }
        "abort" => std::process::abort(),
        _ => unreachable!(),
    }
}

/// Fails from the n-th start on.
#[process]
fn begin_nth(n: usize, tries: PathBuf) -> Result<(), String> {
    note(&tries, u64::from(std::process::id()));
    if noted(&tries).len() >= n { Err("that is one too many".to_owned()) } else { Ok(()) }
}

#[test]
fn state_of_the_initializer_is_there_for_tasks_and_in_replacements() {
    for over in BOTH {
        let pool = builder(over).workers(2).initializer::<remember>(7).build().unwrap();
        let crashes = (0..40).map(|n| n % 10 == 9);

        let seen = pool.try_map::<remembered>(crashes);

        let well: Vec<_> = seen.iter().filter_map(|seen| seen.as_ref().ok()).collect();
        assert_eq!(well.len(), 36);
        assert!(well.iter().all(|&&seen| seen == (7, 8)), "{over:?}: {well:?}");
    }
}

#[test]
fn an_initializer_that_fails_is_tried_three_times_and_then_what_waits_is_told() {
    for over in BOTH {
        for (how, text) in [
            ("panic", "no luck today"),
            ("error", "no luck today"),
            ("exit", "code 7"),
            ("abort", "SIGABRT"),
        ] {
            for workers in [1, 3] {
                let files = Files::new();
                let (tries, there) = (files.file(), files.file());
                std::fs::write(&there, "").unwrap();
                let pool = builder(over)
                    .workers(workers)
                    .stderr(procession::Output::Captured)
                    .initializer::<begin>((how.to_owned(), tries.clone(), there.clone()))
                    .build()
                    .unwrap();
                let pool = std::sync::Arc::new(pool);

                let asked = std::sync::Arc::clone(&pool);
                let start = Instant::now();
                let results = within(LIMIT, move || asked.try_map::<square>(0..5));

                assert!(start.elapsed() < Duration::from_secs(5), "{over:?}, {how}");
                assert_eq!(results.len(), 5);
                for result in results {
                    let error = result.unwrap_err();
                    assert!(matches!(error.failure(), TaskFailure::NoWorker(_)), "{error}");
                    assert!(error.to_string().contains(text), "{over:?}, {how}: {error}");
                }
                // Those that were on their way may have tried as well, and been followed by others.
                let (tried, most) =
                    (noted(&tries).len(), if workers == 1 { 3 } else { 3 * workers });
                assert!((3..=most).contains(&tried), "{over:?}, {how}: {tried} tries");

                // It works again when what was wrong is.
                std::fs::remove_file(&there).unwrap();
                let again = std::sync::Arc::clone(&pool);
                eventually(LIMIT, move || {
                    let again = std::sync::Arc::clone(&again);
                    within(LIMIT, move || again.map::<square>(0..5)).is_ok_and(|all| all[4] == 16)
                });
            }
        }
    }
}

#[process]
fn begin_and_hang() {
    loop {
        std::thread::park();
    }
}

#[test]
fn an_initializer_that_hangs_is_one_that_fails() {
    for over in BOTH {
        let limit = Duration::from_millis(200);
        let hanging = move || {
            builder(over).workers(1).initializer::<begin_and_hang>(()).initializer_timeout(limit)
        };
        let pool = hanging().build().unwrap();
        let task = pool.submit::<square>(3).unwrap();

        let error = within(LIMIT, move || task.join().unwrap_err());

        assert!(matches!(error.failure(), TaskFailure::NoWorker(_)), "{error}");
        assert!(error.to_string().contains("it took longer than 200ms"), "{over:?}: {error}");
        let error = within(LIMIT, move || hanging().prestart().build().unwrap_err());
        assert!(error.to_string().contains("begin_and_hang"), "{over:?}: {error}");
        eventually(LIMIT, || pids(&pool).is_empty());
    }
}

#[test]
fn a_program_that_asks_on_and_on_causes_no_storm_of_starts() {
    for over in BOTH {
        let files = Files::new();
        let (tries, there) = (files.file(), files.file());
        std::fs::write(&there, "").unwrap();
        let input = ("error".to_owned(), tries.clone(), there.clone());
        let pool = builder(over).workers(2).initializer::<begin>(input).build().unwrap();

        let (start, mut failed) = (Instant::now(), 0);
        while start.elapsed() < Duration::from_millis(1500) {
            let error = pool.submit::<square>(3).unwrap().join().unwrap_err();
            assert!(matches!(error.failure(), TaskFailure::NoWorker(_)), "{error}");
            failed += 1;
            std::thread::sleep(Duration::from_millis(1));
        }

        let tried = noted(&tries).len();
        // Who comes after all was given up waits for another start, which waits longer each time.
        assert!(tried < 20 && failed > 1, "{over:?}: {tried} tries for {failed} tasks");
    }
}

#[test]
fn an_initializer_that_fails_in_the_third_worker_leaves_none_of_them() {
    for over in BOTH {
        let files = Files::new();
        let tries = files.file();

        let made = builder(over)
            .workers(4)
            .initializer::<begin_nth>((3, tries.clone()))
            .prestart()
            .build();

        let error = made.unwrap_err();
        assert!(matches!(&error, PoolError::Initializer { .. }), "{error}");
        assert!(error.to_string().contains("that is one too many"), "{error}");
        assert!(error.to_string().contains("begin_nth"), "{error}");
        for pid in noted(&tries) {
            eventually(LIMIT, || procession_tests::is_gone(u32::try_from(pid).unwrap()));
        }
    }
}

#[test]
fn a_worker_that_fails_to_begin_while_others_work_fails_no_task() {
    for over in BOTH {
        let files = Files::new();
        let tries = files.file();
        let input = (2, tries.clone());
        let pool = builder(over).workers(3).initializer::<begin_nth>(input).build().unwrap();
        // One that works, before there are others.
        assert_eq!(pool.submit::<square>(3).unwrap().join().unwrap(), 9);

        let sleeps = (0..20).map(|_| Act::Nap(20));
        let all = pool.map::<act>(sleeps).unwrap();

        assert_eq!(all, [20; 20], "{over:?}");
    }
}

#[test]
fn a_worker_killed_at_its_start_is_replaced() {
    #[process]
    fn slowly(tries: PathBuf) {
        note(&tries, u64::from(std::process::id()));
        if noted(&tries).len() < 3 {
            loop {
                std::thread::park();
            }
        }
    }

    for over in BOTH {
        let files = Files::new();
        let tries = files.file();
        let pool = builder(over).workers(1).initializer::<slowly>(tries.clone()).build().unwrap();
        let task = pool.submit::<square>(5).unwrap();
        for nth in 0..2 {
            eventually(LIMIT, || noted(&tries).len() == nth + 1);
            signal(u32::try_from(noted(&tries)[nth]).unwrap(), libc::SIGKILL);
        }

        assert_eq!(task.join().unwrap(), 25, "{over:?}");
    }
}

#[test]
fn input_of_an_initializer_that_cannot_be_sent_is_an_error_of_the_builder() {
    #[process]
    fn take(_bytes: Vec<u8>) {}

    let made = Pool::builder().max_message(100).initializer::<take>(vec![0; 1000]).build();

    let error = made.unwrap_err();
    assert!(error.to_string().contains("limit of 100 bytes"), "{error}");
}

#[test]
fn a_pool_that_was_dropped_while_its_workers_begin_leaves_none() {
    procession_tests::alone!({
        #[process]
        fn never(_: ()) {
            loop {
                std::thread::park();
            }
        }

        for over in BOTH {
            let pool = builder(over).workers(3).initializer::<never>(()).build().unwrap();
            let tasks: Vec<_> = (0..3).map(|n| pool.submit::<square>(n).unwrap()).collect();
            eventually(LIMIT, || pids(&pool).len() == 3);

            drop(pool);

            for task in tasks {
                let error = task.join().unwrap_err();
                assert!(matches!(error.failure(), TaskFailure::ShutDown), "{error}");
            }
            assert_no_children_left();
        }
    });
}

/// It panicked under the lock of the pool, and the keeper with it: nothing was ever started again.
#[test]
fn what_an_initializer_returned_may_panic_as_it_is_read() {
    /// Cannot be read: the second time that it is tried it can.
    #[derive(Debug, Serialize)]
    struct Unreadable;

    impl std::fmt::Display for Unreadable {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("unreadable")
        }
    }

    static READ: AtomicU64 = AtomicU64::new(0);

    impl<'a> Deserialize<'a> for Unreadable {
        fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
            assert!(READ.fetch_add(1, Ordering::Relaxed) > 0, "not this time");
            <()>::deserialize(from).map(|()| Unreadable)
        }
    }

    #[process]
    fn begin_badly(tries: PathBuf) -> Result<(), Unreadable> {
        note(&tries, 1);
        if noted(&tries).len() > 1 { Ok(()) } else { Err(Unreadable) }
    }

    for over in BOTH {
        READ.store(0, Ordering::Relaxed);
        let files = Files::new();
        let pool =
            builder(over).workers(1).initializer::<begin_badly>(files.file()).build().unwrap();

        assert_eq!(within(LIMIT, move || pool.map::<square>(0..5)).unwrap()[4], 16, "{over:?}");
    }
}
