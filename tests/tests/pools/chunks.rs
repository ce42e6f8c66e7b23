//! How many tasks travel at once follows from how long they take, and no task is another's hostage.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use procession::process;
use procession_tests::{BOTH, Over};

use super::work::{in_frames, pool, square};

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

/// The lengths of the runs of tasks that one worker did one after the other.
fn runs(steps: &[(u32, u64)]) -> Vec<usize> {
    steps.chunk_by(|one, next| one.0 == next.0 && one.1 + 1 == next.1).map(<[_]>::len).collect()
}

#[test]
fn trivial_tasks_travel_in_large_numbers() {
    if in_frames(Over::Usual) {
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
        let start = Instant::now();

        let steps = pool.map::<step>([20_000; 40]).unwrap();

        let mut shares = BTreeMap::new();
        for (pid, _) in &steps {
            *shares.entry(*pid).or_insert(0) += 1;
        }
        assert_eq!(shares.len(), 4, "{over:?}");
        assert!(shares.values().all(|share| (5..=15).contains(share)), "{over:?}: {shares:?}");
        // 40 tasks of 20 ms on 4 workers: 200 ms, and the starts.
        assert!(start.elapsed() < Duration::from_millis(600), "{over:?}: {:?}", start.elapsed());
    }
}

#[test]
fn long_tasks_after_many_trivial_ones_do_not_wait_for_one_another() {
    for over in BOTH {
        let pool = pool(over, 4);
        let warm = pool.map::<step>([0; 1_000]).unwrap();
        assert_eq!(warm.len(), 1_000);
        let start = Instant::now();

        let items = std::iter::repeat_n(0, 1_000).chain(std::iter::repeat_n(100_000, 20));
        pool.map::<step>(items).unwrap();

        // 20 of 100 ms on 4 workers are 500 ms; all by one would be 2 s.
        let took = start.elapsed();
        assert!(took < Duration::from_millis(1_100), "{over:?}: {took:?}");
    }
}

#[test]
fn submissions_behind_a_long_one_go_to_who_has_time() {
    for over in BOTH {
        let pool = pool(over, 2);
        pool.map::<step>([0; 2_000]).unwrap();
        let long = pool.submit::<step>(1_500_000).unwrap();
        // What was sent as frames stays there: so the long one is well under way.
        std::thread::sleep(Duration::from_millis(30));
        let start = Instant::now();
        let short: Vec<_> = (0..50).map(|_| pool.submit::<step>(0).unwrap()).collect();

        for task in short {
            task.join().unwrap();
        }

        assert!(start.elapsed() < Duration::from_millis(700), "{over:?}: {:?}", start.elapsed());
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
fn one_long_task_among_trivial_ones_costs_no_more_than_itself() {
    for over in BOTH {
        let pool = pool(over, 2);
        pool.map::<step>([0; 5_000]).unwrap();
        let items = (0..5_000).map(|n| if n == 2_500 { 300_000 } else { 0 });
        let start = Instant::now();

        let steps = pool.map::<step>(items).unwrap();

        let took = start.elapsed();
        assert!(took < Duration::from_millis(700), "{over:?}: {took:?}");
        // Who had the long one did not do the half.
        let long = steps[2_500].0;
        assert!(steps.iter().filter(|step| step.0 == long).count() < 4_500, "{over:?}");
    }
}
