//! Maps: everything in order, every item once, and errors where they belong.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use procession::{TaskFailure, process};
use procession_tests::{BOTH, LIMIT, eventually};

use super::work::{Act, Files, act, add, nap, noted, pool, square};

#[process]
fn nothing(_n: u64) {}

#[process]
fn none() -> u8 {
    9
}

#[process]
fn three(a: String, b: Vec<u8>, c: Option<bool>) -> String {
    format!("{a} {b:?} {c:?}")
}

#[process]
fn halve(n: u64) -> Result<u64, String> {
    if n.is_multiple_of(2) { Ok(n / 2) } else { Err(format!("{n} is odd")) }
}

#[test]
fn results_come_in_the_order_of_the_items() {
    for over in BOTH {
        let pool = pool(over, 3);
        for count in [0, 1, 2, 3, 10, 1_000, 50_000] {
            let squares = pool.map::<square>(0..count).unwrap();
            assert!(squares.into_iter().eq((0..count).map(|n| n * n)), "{over:?}, {count}");
        }
        // The first is the last to be done.
        let naps = (0..20).map(|n| (if n == 0 { 150 } else { n % 3 }, n));
        assert!(pool.map::<nap>(naps).unwrap().into_iter().eq(0..20));
    }
}

#[test]
fn an_empty_input_starts_no_worker() {
    for over in BOTH {
        let pool = pool(over, 3);

        assert_eq!(pool.map::<square>([]).unwrap(), []);
        assert_eq!(pool.try_map::<square>(Vec::new()), []);
        assert_eq!(pool.stream::<square>([]).count(), 0);
        assert_eq!(super::work::pids(&pool), []);
    }
}

#[test]
fn functions_may_return_nothing_and_take_nothing_or_several_values() {
    for over in BOTH {
        let pool = pool(over, 2);
        assert_eq!(pool.map::<nothing>(0..1000).unwrap().len(), 1000);
        assert_eq!(pool.map::<none>([(); 20]).unwrap(), [9; 20]);
        assert_eq!(pool.map::<add>((0..50).map(|n| (n, 1))).unwrap()[49], 50);
        let input = ("a".to_owned(), vec![1, 2], Some(true));
        assert_eq!(pool.map::<three>([input]).unwrap(), ["a [1, 2] Some(true)"]);
    }
}

#[test]
fn an_error_of_the_function_itself_is_a_value() {
    for over in BOTH {
        let pool = pool(over, 2);

        let halves = pool.map::<halve>(0..4).unwrap();

        let odd = |n: u64| Err(format!("{n} is odd"));
        assert_eq!(halves, [Ok(0), odd(1), Ok(1), odd(3)]);
        // And is no failure.
        assert_eq!((pool.progress().done, pool.progress().failed), (4, 0));
    }
}

#[test]
fn a_map_gives_the_first_error_by_index_once_all_have_ended() {
    for over in BOTH {
        let (pool, files) = (pool(over, 3), Files::new());
        let ran = files.file();
        // The second one fails late, the last one at once.
        let items = (0..30).map(|n| {
            let then = match n {
                1 => Act::Until(files.file(), 9, n, Box::new(Act::Panic)),
                29 => Act::Panic,
                _ => Act::Nap(5),
            };
            Act::Note(ran.clone(), n, Box::new(then))
        });

        let error = pool.map::<act>(items).unwrap_err();

        assert_eq!(error.item(), Some(1), "{over:?}: {error}");
        let mut all = noted(&ran);
        all.sort_unstable();
        assert!(all.into_iter().eq(0..30), "{over:?}: all have run");
    }
}

#[test]
fn each_item_of_a_try_map_has_its_own_result() {
    for over in BOTH {
        let pool = pool(over, 3);
        let items = (0..40).map(|n| match n % 10 {
            3 => Act::Panic,
            6 => Act::Abort,
            _ => Act::Give(n),
        });

        let results = pool.try_map::<act>(items);

        assert_eq!(results.len(), 40);
        for (n, result) in (0..).zip(results) {
            match (n % 10, result) {
                (3, Err(error)) => {
                    assert!(matches!(error.failure(), TaskFailure::Panicked(_)), "{error}");
                    assert_eq!(error.item(), Some(n));
                }
                (6, Err(error)) => {
                    assert!(matches!(error.failure(), TaskFailure::Crashed(_)), "{error}");
                    assert_eq!(error.item(), Some(n));
                }
                (_, Ok(value)) => assert_eq!(value, n),
                (_, result) => panic!("{over:?}, item {n}: {result:?}"),
            }
        }
    }
}

#[test]
fn a_map_that_fails_fast_returns_at_once_and_runs_nothing_that_nobody_began() {
    for over in BOTH {
        let (pool, files) = (pool(over, 2), Files::new());
        let ran = files.file();
        let items = (0..1000).map(|n| {
            let then = if n == 3 { Act::Panic } else { Act::Nap(20) };
            Act::Note(ran.clone(), n, Box::new(then))
        });

        let start = Instant::now();
        let error = pool.tasks::<act>().fail_fast().map(items).unwrap_err();

        assert_eq!(error.item(), Some(3), "{over:?}: {error}");
        assert!(start.elapsed() < Duration::from_secs(3), "{over:?}: {:?}", start.elapsed());
        eventually(LIMIT, || pool.progress().running == 0);
        let begun = noted(&ran).len();
        assert!(begun < 60, "{over:?}: {begun}");
        assert_eq!(pool.map::<square>(0..3).unwrap(), [0, 1, 4]);
        assert_eq!(pool.progress().queued, 0);
    }
}

#[test]
fn fail_fast_without_a_failure_is_a_map_like_any_other() {
    for over in BOTH {
        let pool = pool(over, 2);
        let all = pool.tasks::<square>().fail_fast().map(0..5_000).unwrap();
        assert!(all.into_iter().eq((0..5_000).map(|n| n * n)));
    }
}

#[test]
fn an_input_that_panics_does_so_once_everything_before_has_ended() {
    for over in BOTH {
        let (pool, files) = (pool(over, 2), Files::new());
        let ran = files.file();
        let items = (0..).map(|n| {
            assert!(n < 20, "no more input");
            Act::Note(ran.clone(), n, Box::new(Act::Nap(2)))
        });

        let caught = catch_unwind(AssertUnwindSafe(|| pool.map::<act>(items)));

        let payload = caught.unwrap_err();
        assert!(payload.downcast_ref::<&str>().is_some_and(|text| text.contains("no more input")));
        assert_eq!(noted(&ran).len(), 20, "{over:?}");
        assert_eq!(pool.map::<square>(0..3).unwrap(), [0, 1, 4]);
        pool.join().unwrap();
    }
}

#[test]
fn an_input_that_panics_at_its_very_beginning_is_no_hang() {
    for over in BOTH {
        let pool = pool(over, 2);
        let items = std::iter::from_fn(|| -> Option<u64> { panic!("none at all") });

        assert!(catch_unwind(AssertUnwindSafe(|| pool.map::<square>(items))).is_err());
        assert_eq!(pool.map::<square>(0..3).unwrap(), [0, 1, 4]);
    }
}

#[test]
fn no_more_is_pulled_ahead_than_was_said() {
    for over in BOTH {
        let pool = pool(over, 2);
        let (pulled, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let items = (0..200).map(|n| {
            pulled.fetch_add(1, Ordering::Relaxed);
            let progress = pool.progress();
            let ended = progress.done + progress.failed;
            most.fetch_max(n + 1 - ended.min(n + 1), Ordering::Relaxed);
            (0, n)
        });

        let all = pool.tasks::<nap>().in_flight(5).map(items).unwrap();

        assert_eq!((all.len(), pulled.into_inner()), (200, 200));
        let most = most.into_inner();
        assert!(most <= 5, "{over:?}: {most} were ahead");
    }
}

#[test]
fn items_may_ask_the_very_pool_that_they_are_for() {
    for over in BOTH {
        let pool = pool(over, 2);
        let items = (0..20).map(|n| pool.submit::<square>(n).unwrap().join().unwrap());

        let fourth = pool.map::<square>(items).unwrap();

        assert!(fourth.into_iter().eq((0..20).map(|n: u64| n.pow(4))), "{over:?}");
    }
}
