//! Numbers cross without frames of their own: all that holds of tasks holds of them one by one.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use procession::{Pool, TaskFailure, process};
use procession_tests::{BOTH, Over, not_tested};

use super::done_once::killer;
use super::work::{Files, builder, pool, square};

#[process]
fn lowest(n: u64) -> u8 {
    n as u8
}

#[process]
fn negated(n: i16) -> i64 {
    -i64::from(n)
}

#[process]
fn half(n: u32) -> f64 {
    f64::from(n) / 2.0
}

/// Fails at some numbers, in several ways.
#[process]
fn touchy(n: u64) -> u64 {
    match n % 10_000 {
        1_234 => panic!("not {n}"),
        5_678 => std::process::abort(),
        _ => n + 1,
    }
}

/// Notes its number where the environment says.
#[process]
fn leave(n: u64) -> u64 {
    static FILE: OnceLock<File> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let path = std::env::var_os("LEFT").unwrap();
        OpenOptions::new().append(true).create(true).open(path).unwrap()
    });
    let mut file = file;
    file.write_all(&n.to_le_bytes()).unwrap();
    n
}

/// Takes so many milliseconds, and says who did.
#[process]
fn doze(millis: u64) -> u32 {
    if millis > 0 {
        std::thread::sleep(Duration::from_millis(millis));
    }
    std::process::id()
}

#[test]
fn numbers_of_every_size_arrive_in_order() {
    for over in BOTH {
        let pool = pool(over, 2);
        let count = if over.is_frames() { 3_000 } else { 100_000 };

        for _ in 0..3 {
            let lows = pool.map::<lowest>(0..count).unwrap();
            assert!(lows.iter().zip(0..).all(|(low, n): (_, u64)| *low == n as u8));
        }
        let all: Vec<i16> =
            (i16::MIN..=i16::MAX).step_by(if over.is_frames() { 50 } else { 1 }).collect();
        let negated: Vec<_> = pool.try_map::<negated>(all.iter().copied());
        assert!(negated.into_iter().map(Result::unwrap).eq(all.iter().map(|n| -i64::from(*n))));
        let halves = pool.stream::<half>(0..count as u32).map(Result::unwrap);
        assert!(halves.eq((0..count as u32).map(|n| f64::from(n) / 2.0)));
        let sum: u64 = pool.stream::<square>(0..1_000).unordered().map(Result::unwrap).sum();
        assert_eq!(sum, 332_833_500);
        assert_eq!(pool.progress().done, 4 * count + all.len() as u64 + 1_000);
    }
}

#[test]
fn only_the_number_fails_at_which_a_worker_died_or_panicked() {
    for over in BOTH {
        let pool = pool(over, 2);
        let count = if over.is_frames() { 12_000 } else { 60_000 };
        pool.map::<square>(0..count).unwrap();

        for _ in 0..3 {
            let results = pool.try_map::<touchy>(0..count);

            assert_eq!(results.len() as u64, count);
            for (n, result) in (0..).zip(results) {
                match (n % 10_000, result) {
                    (1_234, Err(error)) => {
                        assert_eq!(error.item(), Some(n));
                        assert!(
                            matches!(error.failure(), TaskFailure::Panicked(_)),
                            "{over:?}: {error:?}"
                        );
                        assert!(error.to_string().contains(&format!("not {n}")), "{error}");
                    }
                    (5_678, Err(error)) => {
                        assert_eq!(error.item(), Some(n));
                        assert!(
                            matches!(error.failure(), TaskFailure::Crashed(_))
                                && error.pid().is_some(),
                            "{over:?}: {error:?}"
                        );
                    }
                    (_, result) => assert_eq!(result.unwrap(), n + 1, "{over:?}"),
                }
            }
        }
    }
}

fn left(file: &Path) -> BTreeMap<u64, u32> {
    let bytes = std::fs::read(file).unwrap();
    let mut counts = BTreeMap::new();
    for number in bytes.as_chunks().0 {
        *counts.entry(u64::from_le_bytes(*number)).or_insert(0) += 1;
    }
    counts
}

/// Maps numbers while workers are killed at moments that nobody chose, in the middle of frames of many: the
/// pool, and how often each number ran.
fn storm(over: Over, retries: u32) -> (Arc<Pool>, BTreeMap<u64, u32>) {
    const ROUND: u64 = 20_000;
    let rounds = if over.is_frames() { 2 } else { 10 };
    let files = Files::new();
    let file = files.file();
    let pool = Arc::new(builder(over).workers(2).env("LEFT", &file).build().unwrap());
    let (stop, killer) = killer(&pool);

    let mut failed = 0;
    for round in 0..rounds {
        let numbers = round * ROUND..(round + 1) * ROUND;
        let results = pool.tasks::<leave>().retries(retries).try_map(numbers.clone());
        assert_eq!(results.len() as u64, ROUND);
        for (n, result) in numbers.zip(results) {
            match result {
                Ok(value) => assert_eq!(value, n),
                Err(_) => failed += 1,
            }
        }
    }
    stop.send(()).unwrap();
    killer.join().unwrap();

    let counts = left(&file);
    // One that failed may have been taken and not have written yet.
    assert!(counts.len() as u64 + failed >= rounds * ROUND, "{over:?}: {failed} failed");
    (pool, counts)
}

#[test]
fn killing_workers_at_any_moment_runs_no_number_twice_and_forgets_none() {
    for over in BOTH {
        let (_, counts) = storm(over, 0);

        let twice: Vec<_> = counts.iter().filter(|(_, times)| **times != 1).collect();
        assert!(twice.is_empty(), "{over:?}: {twice:?}");
    }
}

#[test]
fn killing_workers_at_any_moment_repeats_no_number_but_what_is_counted_as_a_retry() {
    for over in BOTH {
        let (pool, counts) = storm(over, 2);

        let retried = pool.progress().retried;
        let again: u32 = counts.values().map(|times| times - 1).sum();
        assert!(u64::from(again) <= retried, "{over:?}: {again} ran again, {retried} retried");
    }
}

/// They had been given to one worker, as trivial ones are.
#[test]
fn numbers_that_become_slow_do_not_wait_for_one_another() {
    for over in BOTH {
        if over.is_frames() {
            not_tested("what was sent to a worker that shares no memory cannot be taken back");
            continue;
        }
        let pool = pool(over, 4);
        pool.map::<doze>(std::iter::repeat_n(0, 20_000)).unwrap();

        let numbers = std::iter::repeat_n(0, 200).chain(std::iter::repeat_n(300, 12));
        let by = pool.map::<doze>(numbers).unwrap();

        // Evenly shared each of the four has three of them.
        let slow = &by[200..];
        let most = slow.iter().map(|one| slow.iter().filter(|other| *other == one).count()).max();
        assert!(most.unwrap() <= 8, "{over:?}: {slow:?}");
    }
}
