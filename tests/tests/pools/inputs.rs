//! Inputs that are slow, have no end, or are given to a pool that can do nothing with them.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use procession::{Pool, TaskFailure, process};
use procession_tests::{BOTH, LIMIT, within};

use super::work::{builder, pool, square};

/// More than a pool pulls ahead of an input of which it does not wait for each item, and much less than
/// makes a chunk of tasks that take no time.
const FEW: u64 = 500;

#[process]
fn fail() -> Result<(), String> {
    Err("there is nothing to begin with".to_owned())
}

#[process]
fn unless_50_000(n: u64) -> u64 {
    assert!(n != 50_000, "not that one");
    n
}

/// Has the pool know that these tasks take no time, so that they travel in thousands.
fn hurry(pool: &Pool) {
    assert_eq!(pool.map::<square>(0..20_000).unwrap().len(), 20_000);
    assert_eq!(pool.map::<unless_50_000>(0..20_000).unwrap().len(), 20_000);
}

/// One item a millisecond.
fn slowly(_: &u64) {
    std::thread::sleep(Duration::from_millis(1));
}

/// It pulled on and on, kept an error for each item, and never looked at one.
#[test]
fn a_map_that_fails_fast_ends_where_no_worker_can_be_had_though_its_input_does_not() {
    for over in BOTH {
        let pool = builder(over).workers(2).initializer::<fail>(()).build().unwrap();

        let error = within(LIMIT, move || pool.tasks::<square>().fail_fast().map(0..)).unwrap_err();

        assert!(matches!(error.failure(), TaskFailure::NoWorker(_)), "{over:?}: {error}");
    }
}

/// It was pulled in chunks of thousands, and nothing was given meanwhile.
#[test]
fn a_stream_gives_what_is_done_while_its_input_is_slow() {
    for over in BOTH {
        let (pool, pulled) = (pool(over, 2), Cell::new(0));
        hurry(&pool);
        // It is slow from some item on.
        let items = (0..).inspect(|n| {
            pulled.set(n + 1);
            if *n > 10_000 {
                slowly(n);
            }
        });

        for (n, result) in (0..10_200).zip(pool.stream::<square>(items)) {
            assert_eq!(result.unwrap(), n * n);
            if n > 10_100 {
                assert!(pulled.get() - n < FEW, "{over:?}: {} after {n}", pulled.get());
            }
        }
    }
}

/// A given size of chunks is kept to, and holds up nothing but their own tasks.
#[test]
fn chunks_of_a_given_size_are_filled_by_a_slow_input_one_after_the_other() {
    for over in BOTH {
        let (pool, pulled) = (pool(over, 2), Cell::new(0));
        hurry(&pool);
        let items = (0..).inspect(|n| pulled.set(n + 1)).inspect(slowly);

        let stream = pool.tasks::<square>().chunk_size(20).stream(items);
        for (n, result) in (0..100).zip(stream) {
            assert_eq!(result.unwrap(), n * n);
            assert!(pulled.get() - n < FEW, "{over:?}: {} after {n}", pulled.get());
        }

        let items = (0..107).inspect(slowly);
        let all = pool.tasks::<square>().chunk_size(20).map(items).unwrap();
        assert!(all.into_iter().eq((0..107).map(|n| n * n)), "{over:?}");
    }
}

/// It returned when the input had ended, that is never.
#[test]
fn a_map_that_fails_fast_ends_soon_after_the_failure_though_its_input_is_slow() {
    for over in BOTH {
        let (pool, pulled) = (pool(over, 2), Arc::new(AtomicU64::new(0)));
        hurry(&pool);
        let counted = Arc::clone(&pulled);
        let items = (49_990..).inspect(move |n| {
            counted.fetch_add(1, Ordering::Relaxed);
            slowly(n);
        });

        let error = within(LIMIT, move || pool.tasks::<unless_50_000>().fail_fast().map(items))
            .unwrap_err();

        assert_eq!(error.item(), Some(10), "{over:?}: {error}");
        assert!(pulled.load(Ordering::Relaxed) < FEW, "{over:?}: {pulled:?}");
    }
}

/// It was told of nothing before the end.
#[test]
fn a_hook_is_called_while_a_slow_input_is_pulled() {
    for over in BOTH {
        let (pool, pulled, told) = (pool(over, 2), Cell::new(0), Cell::new(0));
        hurry(&pool);
        let items = (0..600).inspect(|n| pulled.set(n + 1)).inspect(slowly);

        let tasks = pool.tasks::<square>();
        let tasks = tasks.on_progress(|progress| {
            assert!(progress.total == Some(600), "{progress}");
            told.set(told.get() + u64::from(pulled.get() < 600));
        });
        assert_eq!(tasks.map(items).unwrap().len(), 600);

        assert!(told.get() >= 3, "{over:?}: {}", told.get());
    }
}

/// It was called only when there was nothing to give.
#[test]
fn a_hook_is_called_while_results_are_taken_slowly() {
    for over in BOTH {
        let (pool, taken, told) = (pool(over, 2), Cell::new(0), Cell::new(0));
        hurry(&pool);

        let tasks = pool.tasks::<square>();
        let tasks = tasks.on_progress(|progress| {
            assert!(progress.total == Some(600), "{progress}");
            told.set(told.get() + u64::from((1..600).contains(&taken.get())));
        });
        for (n, result) in (0..).zip(tasks.stream(0..600)) {
            assert_eq!(result.unwrap(), n * n);
            taken.set(n + 1);
            slowly(&n);
        }

        assert!(told.get() >= 5, "{over:?}: {}", told.get());
    }
}

/// It made an error for each of them before it returned the first.
#[test]
fn a_map_of_a_closed_pool_fails_at_once_however_much_there_is() {
    let pools = || [pool(BOTH[0], 1), pool(BOTH[1], 1), Pool::inline()];
    for (abort, pool) in [false, true].into_iter().flat_map(|abort| pools().map(|it| (abort, it))) {
        if abort {
            pool.abort();
        } else {
            pool.close();
        }

        let error = within(LIMIT, move || {
            let known = pool.map::<square>(0..u64::MAX).unwrap_err();
            let unknown = pool.map::<square>((0..).filter(|n| n % 2 == 1)).unwrap_err();
            let fast = pool.tasks::<square>().fail_fast().map(0..u64::MAX).unwrap_err();
            assert_eq!(known, unknown);
            assert_eq!(known, fast);
            // Nothing has to be done for nothing.
            assert_eq!(pool.map::<square>([]), Ok(Vec::new()));
            // Each item has its error where it is known how many there are.
            let errors = pool.try_map::<square>(0..100);
            assert_eq!(errors.len(), 100);
            for (n, error) in (0..).zip(errors) {
                assert_eq!(error.unwrap_err().item(), Some(n));
            }
            assert_eq!(pool.try_map::<square>(0..).len(), 1);
            assert!(pool.stream::<square>(0..).all(|result| result.is_err()));
            known
        });

        assert!(matches!(error.failure(), TaskFailure::ShutDown), "{error}");
        assert_eq!(error.item(), Some(0));
    }
}
