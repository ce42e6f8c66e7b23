//! Streams: results one after the other, from inputs without an end.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use procession::TaskFailure;
use procession_tests::{BOTH, LIMIT, alone, eventually};

use super::work::{Act, Files, act, let_go, nap, noted, pool, square};

#[test]
fn a_stream_gives_results_in_the_order_of_the_input() {
    for over in BOTH {
        let pool = pool(over, 3);
        let squares = pool.stream::<square>(0..20_000).map(Result::unwrap);
        assert!(squares.eq((0..20_000).map(|n| n * n)), "{over:?}");

        let naps = (0..30).map(|n| (if n == 0 { 100 } else { 0 }, n));
        assert!(pool.stream::<nap>(naps).map(Result::unwrap).eq(0..30), "{over:?}");
    }
}

#[test]
fn an_unordered_stream_gives_each_result_once_as_they_come() {
    for over in BOTH {
        let pool = pool(over, 2);
        let naps = (0..30).map(|n| (if n == 0 { 300 } else { 0 }, n));

        let all: Vec<u64> = pool.stream::<nap>(naps).unordered().map(Result::unwrap).collect();

        assert!(all.iter().copied().collect::<BTreeSet<_>>().into_iter().eq(0..30), "{all:?}");
        assert_eq!(all.len(), 30);
        assert_ne!(all[0], 0, "{over:?}: the first one took longest");
    }
}

#[test]
fn a_stream_pulls_nothing_before_it_is_asked_and_then_no_more_than_was_said() {
    for over in BOTH {
        let (pool, pulled) = (pool(over, 2), Cell::new(0));
        let endless = (0_u64..).inspect(|_| pulled.set(pulled.get() + 1));
        let mut stream = pool.tasks::<square>().in_flight(10).stream(endless);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(pulled.get(), 0);

        for n in 0..500 {
            assert_eq!(stream.next().unwrap().unwrap(), n * n);
            assert!(pulled.get() <= n + 1 + 10, "{over:?}: {} after {n}", pulled.get());
        }
        // Nobody pulls but `next`.
        let before = pulled.get();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(pulled.get(), before);
    }
}

#[test]
fn a_stream_pulls_a_few_ahead_of_slow_tasks_unless_told() {
    for over in BOTH {
        let (pool, pulled) = (pool(over, 2), Cell::new(0));
        let endless = (0_u64..).inspect(|_| pulled.set(pulled.get() + 1)).map(|n| (10, n));
        for (n, result) in (0..20).zip(pool.stream::<nap>(endless)) {
            assert_eq!(result.unwrap(), n);
            assert!(pulled.get() <= n + 1 + 8, "{over:?}: {} after {n}", pulled.get());
        }
    }
}

#[test]
fn an_endless_input_of_trivial_tasks_is_streamed_no_further_ahead_than_six_chunks_a_worker() {
    // No chunk has more than that, and of numbers over a ring there are most.
    const MOST: u64 = 5_000;
    for over in BOTH {
        let (pool, pulled) = (pool(over, 2), Cell::new(0));
        let endless = (0_u64..).inspect(|_| pulled.set(pulled.get() + 1));
        for (n, result) in (0..200_000).zip(pool.stream::<square>(endless)) {
            assert_eq!(result.unwrap(), n * n);
            assert!(pulled.get() <= n + 1 + 2 * 6 * MOST, "{over:?}: {} after {n}", pulled.get());
        }
    }
}

#[test]
fn a_million_streamed_tasks_take_no_more_memory_than_the_first_ones() {
    /// How many bytes of memory this process has in use.
    fn resident() -> u64 {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }

    alone!({
        for over in BOTH {
            let (pool, mut before, mut most) = (pool(over, 2), 0, 0);
            // In frames they take twenty times as long.
            let count = if over.is_frames() { 50_000 } else { 1_000_000 };
            for (n, result) in (0..count).zip(pool.stream::<square>(0..)) {
                assert_eq!(result.unwrap(), n * n);
                match n {
                    n if n == count / 5 => before = resident(),
                    n if n > count / 5 && n % 10_000 == 0 => most = most.max(resident()),
                    _ => {}
                }
            }

            let more = most.saturating_sub(before) >> 20;
            assert!(before > 0 && more <= 8, "{over:?}: {more} MiB more");
        }
    });
}

#[test]
fn what_is_done_is_given_though_the_rest_of_its_chunk_takes_long() {
    for over in BOTH {
        let (pool, files) = (pool(over, 1), Files::new());
        // So that several travel at once.
        pool.map::<act>((0..1000).map(Act::Give)).unwrap();
        for _ in 0..10 {
            let queue = files.queue();
            // While the second one sleeps, so does whoever waits.
            let acts = [Act::Give(0), Act::Nap(1), Act::Give(2), Act::Await(queue.clone())];

            let mut stream = pool.stream::<act>(acts.into_iter().chain((4..20).map(Act::Give)));

            assert!(stream.by_ref().take(3).map(Result::unwrap).eq(0..3), "{over:?}");
            let_go(&queue);
            assert_eq!(stream.map(Result::unwrap).count(), 17, "{over:?}");
        }
    }
}

#[test]
fn a_stream_that_is_dropped_pulls_no_more_and_what_nobody_began_never_runs() {
    for over in BOTH {
        let (pool, files, pulled) = (pool(over, 2), Files::new(), Cell::new(0));
        let ran = files.file();
        let endless = (0_u64..).map(|n| {
            pulled.set(pulled.get() + 1);
            Act::Note(ran.clone(), n, Box::new(Act::Nap(10)))
        });
        let mut stream = pool.tasks::<act>().in_flight(100).stream(endless);
        stream.next().unwrap().unwrap();
        let taken = noted(&ran).len();
        drop(stream);
        let before = pulled.get();

        eventually(LIMIT, || pool.progress().running == 0);
        assert_eq!(pool.map::<square>(0..3).unwrap(), [0, 1, 4]);
        assert_eq!(pulled.get(), before);
        let most = taken + if over.is_frames() { 18 } else { 4 };
        let now = noted(&ran).len();
        assert!(now <= most, "{over:?}: {now} ran, {taken} when it was dropped");
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(noted(&ran).len(), now);
        let progress = pool.progress();
        assert_eq!((progress.running, progress.queued), (0, 0), "{progress}");
    }
}

#[test]
fn a_stream_that_was_never_asked_costs_nothing() {
    for over in BOTH {
        let pool = pool(over, 2);
        let stream = pool.stream::<square>(0..10);
        drop(stream);
        pool.join().unwrap();
    }
}

#[test]
fn errors_come_in_their_place_and_the_stream_goes_on() {
    for over in BOTH {
        let pool = pool(over, 2);
        let items = (0..100).map(|n| match n % 20 {
            7 => Act::Panic,
            13 => Act::Exit(3),
            _ => Act::Give(n),
        });

        for (n, result) in (0..).zip(pool.stream::<act>(items)) {
            match (n % 20, &result) {
                (7, Err(error)) => {
                    assert!(matches!(error.failure(), TaskFailure::Panicked(_)), "{error}");
                }
                (13, Err(error)) => {
                    assert!(matches!(error.failure(), TaskFailure::Crashed(_)), "{error}");
                }
                (_, Ok(value)) => assert_eq!(*value, n),
                _ => panic!("{over:?}, item {n}: {result:?}"),
            }
        }
    }
}

#[test]
fn an_input_that_panics_does_so_after_the_results_of_what_came_before() {
    for over in BOTH {
        let pool = pool(over, 2);
        let mut stream = pool.stream::<square>((0..).inspect(|&n| assert!(n < 25, "no more")));
        for n in 0..25 {
            assert_eq!(stream.next().unwrap().unwrap(), n * n, "{over:?}");
        }

        assert!(catch_unwind(AssertUnwindSafe(|| stream.next())).is_err());
        assert!(stream.next().is_none());
        drop(stream);
        assert_eq!(pool.map::<square>(0..3).unwrap(), [0, 1, 4]);
    }
}

#[test]
fn two_streams_and_a_map_share_one_pool() {
    for over in BOTH {
        let pool = pool(over, 2);
        let mut one = pool.stream::<square>(0..);
        let mut two = pool.stream::<nap>((0..).map(|n| (0, n)));
        for n in 0..300 {
            assert_eq!(one.next().unwrap().unwrap(), n * n);
            assert_eq!(two.next().unwrap().unwrap(), n);
            if n % 100 == 0 {
                assert_eq!(pool.map::<square>(0..50).unwrap().len(), 50);
            }
        }
    }
}

#[test]
fn a_stream_that_nobody_reads_holds_up_no_map() {
    for over in BOTH {
        let pool = pool(over, 2);
        let mut stream = pool.stream::<nap>((0..).map(|n| (1, n)));
        stream.next().unwrap().unwrap();

        let start = Instant::now();
        assert_eq!(pool.map::<square>(0..1000).unwrap().len(), 1000);

        assert!(start.elapsed() < Duration::from_secs(5), "{over:?}");
        assert_eq!(stream.next().unwrap().unwrap(), 1);
    }
}
