//! How many tasks travel at once follows from how long they take, and no task is another's hostage.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use procession::{process, wait_all_timeout};
use procession_tests::{BOTH, LIMIT, Over, not_tested};

use super::work::{pool, square};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Takes so long, and says who did it and as which of his.
#[process]
fn step(micros: u64) -> (u32, u64) {
    if micros > 0 {
        std::thread::sleep(Duration::from_micros(micros));
    }
    COUNT.set(COUNT.get() + 1);
    (std::process::id(), COUNT.get())
}

/// How many tasks each worker did.
fn shares(steps: &[(u32, u64)]) -> BTreeMap<u32, usize> {
    let mut shares = BTreeMap::new();
    steps.iter().for_each(|(pid, _)| *shares.entry(*pid).or_default() += 1);
    shares
}

/// The lengths of the runs of tasks that one worker did one after the other.
fn runs(steps: &[(u32, u64)]) -> Vec<usize> {
    steps.chunk_by(|one, next| one.0 == next.0 && one.1 + 1 == next.1).map(<[_]>::len).collect()
}

#[test]
fn trivial_tasks_travel_in_large_numbers() {
    if Over::Usual.is_frames() {
        not_tested("there are never many at a time in frames");
        return;
    }
    let pool = pool(Over::Usual, 2);
    pool.map::<step>(std::iter::repeat_n(0, 20_000)).unwrap();

    let steps = pool.map::<step>(std::iter::repeat_n(0, 100_000)).unwrap();

    let runs = runs(&steps);
    let longest = *runs.iter().max().unwrap();
    // In an unoptimised build one takes some microseconds, so two milliseconds are some hundreds.
    assert!(longest >= 50, "{longest} of {runs:?}");
    assert!(runs.len() < 5_000, "{} runs", runs.len());
}

#[test]
fn long_tasks_travel_one_by_one_and_every_worker_has_its_share() {
    for over in BOTH {
        let pool = pool(over, 4);

        let steps = pool.map::<step>([20_000; 40]).unwrap();

        let shares = shares(&steps);
        assert_eq!(shares.len(), 4, "{over:?}");
        assert!(shares.values().all(|share| (5..=15).contains(share)), "{over:?}: {shares:?}");
    }
}

#[test]
fn long_tasks_after_many_trivial_ones_do_not_wait_for_one_another() {
    for over in BOTH {
        let pool = pool(over, 4);
        let warm = pool.map::<step>([0; 1_000]).unwrap();
        assert_eq!(warm.len(), 1_000);

        let items = std::iter::repeat_n(0, 1_000).chain(std::iter::repeat_n(100_000, 20));
        let steps = pool.map::<step>(items).unwrap();

        // 5 each would be even.
        let shares = shares(&steps[1_000..]);
        assert!(shares.values().all(|&share| share <= 10), "{over:?}: {shares:?}");
    }
}

#[test]
fn submissions_behind_a_long_one_go_to_who_has_time() {
    for over in BOTH {
        let pool = pool(over, 2);
        pool.map::<step>([0; 2_000]).unwrap();
        let long = pool.submit::<step>(3_600_000_000).unwrap();
        // What was sent as frames stays there: so the long one is well under way.
        std::thread::sleep(Duration::from_millis(30));
        let short: Vec<_> = (0..50).map(|_| pool.submit::<step>(0).unwrap()).collect();

        assert!(wait_all_timeout(&short, LIMIT), "{over:?}: {}", pool.dump());
        assert!(!long.is_finished());
    }
}

#[test]
fn a_chunk_size_that_was_given_is_kept() {
    for over in BOTH {
        let pool = pool(over, 3);
        // Long enough that nothing is to be gained by more at once.
        let steps = pool.tasks::<step>().chunk_size(5).map([3_000; 90]).unwrap();

        for chunk in steps.chunks(5) {
            let pids: Vec<u32> = chunk.iter().map(|step| step.0).collect();
            assert!(pids.iter().all(|pid| *pid == pids[0]), "{over:?}: {pids:?}");
        }
        let mut shares: Vec<u32> = steps.iter().map(|step| step.0).collect();
        shares.sort_unstable();
        shares.dedup();
        assert_eq!(shares.len(), 3, "{over:?}");
    }
}

#[test]
fn chunks_of_any_size_give_everything_in_order() {
    for over in BOTH {
        let pool = pool(over, 3);
        for size in [1, 2, 7, 1_000, 100_000, usize::MAX] {
            for in_flight in [None, Some(1), Some(10), Some(usize::MAX)] {
                let mut tasks = pool.tasks::<square>().chunk_size(size);
                if let Some(bound) = in_flight {
                    tasks = tasks.in_flight(bound);
                }
                let all = tasks.map(0..3_000).unwrap();
                let right = all.into_iter().eq((0..3_000).map(|n| n * n));
                assert!(right, "{over:?}, {size}, {in_flight:?}");
            }
        }
        let all = pool.tasks::<square>().chunk_size(0).in_flight(0).map(0..50).unwrap();
        assert_eq!(all.len(), 50);
    }
}

#[test]
fn workers_end_together_however_uneven_the_tasks() {
    for over in BOTH {
        let pool = pool(over, 4);
        pool.map::<step>([0; 1_000]).unwrap();
        // Longer and longer: 0 to 4 ms, so the last quarter is 700 ms of 1600.
        let micros = (0..800).map(|n| n * 5);

        let steps = pool.map::<step>(micros.clone()).unwrap();

        let mut shares = HashMap::new();
        for ((pid, _), micros) in steps.into_iter().zip(micros) {
            *shares.entry(pid).or_insert(0) += micros;
        }
        assert!(shares.values().all(|&share| share < 600_000), "{over:?}: {shares:?}");
    }
}

#[test]
fn the_trivial_tasks_behind_a_long_one_are_done_by_others() {
    for over in BOTH {
        let pool = pool(over, 2);
        pool.map::<step>([0; 5_000]).unwrap();
        // As long as the other one needs for the rest on a machine that has much else to do.
        let long = if over.is_frames() { 1_000_000 } else { 300_000 };
        let items = (0..5_000).map(|n| if n == 2_500 { long } else { 0 });

        let steps = pool.map::<step>(items).unwrap();

        let (worker, nth) = steps[2_500];
        let behind = steps.iter().filter(|step| step.0 == worker && step.1 > nth).count();
        assert!(behind < 1_000, "{over:?}: {behind} of 2,499 waited for it");
    }
}
