//! Numbers under loom: claimed one by one out of a frame, and published one by one into one.

#![cfg(test)]

use loom::thread;

use super::model::check;
use super::{Claimer, Consumer, Feeder, MOST, NUMBERS, Producer, Shared, Violation, Wait};

/// Room for seven words.
const CAPACITY: usize = 64;

/// The tag of tasks and of results.
const TAG: u32 = 9;

fn put(tasks: &mut Feeder, numbers: std::ops::RangeInclusive<u64>) -> bool {
    let count = numbers.clone().count() as u64;
    let header = u64::from(TAG | NUMBERS) << 32 | (8 * count);
    let words: Vec<u8> = [header].into_iter().chain(numbers).flat_map(u64::to_le_bytes).collect();
    if tasks.room(words.len() as u64).unwrap() < words.len() as u64 {
        return false;
    }
    tasks.write(&words, count);
    tasks.publish();
    true
}

/// Takes so many of those that are at hand.
fn claim(tasks: &mut Claimer, most: u64) -> Vec<u64> {
    let mut taken = Vec::new();
    let claimed = tasks.claim_numbers::<Violation>(0, most, |number| {
        taken.push(number);
        Ok(())
    });
    claimed.map(|()| taken).unwrap()
}

/// Takes what there is until nothing follows, or so many.
fn take(tasks: &mut Claimer, most: usize) -> Vec<u64> {
    let mut taken = Vec::new();
    while taken.len() < most {
        if tasks.numbers().unwrap().is_some() {
            taken.extend(claim(tasks, (most - taken.len()) as u64));
        } else if tasks.wait(|| {}).unwrap() == Wait::Finished {
            break;
        }
    }
    taken
}

#[test]
fn each_number_is_taken_or_recalled_and_a_worker_that_lost_goes_on_behind() {
    check(|| {
        let shared = Shared::model(CAPACITY);
        let mut tasks = Feeder::new(shared.clone(), true);
        assert!(put(&mut tasks, 1..=3));
        let mut claimer = Claimer::new(shared, true);
        let worker = thread::spawn(move || take(&mut claimer, usize::MAX));

        let recalled = tasks.recall().unwrap();
        // There may be no room yet where the worker has not seen what was recalled.
        let more = put(&mut tasks, 4..=5);
        tasks.finish();
        let taken = worker.join().unwrap();

        let mut expected: Vec<u64> = (1..=3 - recalled).collect();
        expected.extend(more.then_some([4, 5]).into_iter().flatten());
        assert_eq!(taken, expected);
        assert_eq!(tasks.taken(), Ok(taken.len() as u64));
        assert_eq!(tasks.recall(), Ok(0));
    });
}

#[test]
fn a_worker_killed_at_any_point_leaves_each_number_taken_or_not() {
    for most in 0..=3 {
        check(move || {
            let shared = Shared::model(CAPACITY);
            let mut tasks = Feeder::new(shared.clone(), true);
            assert!(put(&mut tasks, 1..=3));
            let mut claimer = Claimer::new(shared, true);
            // It is killed after so many, wherever in between the pool is.
            let worker = thread::spawn(move || {
                claimer.numbers().unwrap();
                claim(&mut claimer, most).len() as u64
            });

            let recalled = tasks.recall().unwrap();
            let taken = worker.join().unwrap();
            let late = tasks.recall().unwrap();

            assert_eq!((tasks.taken(), late), (Ok(taken), 0));
            assert_eq!(taken + recalled, 3);
        });
    }
}

/// What is there of results: numbers, and frames as what their tag says.
fn collect(results: &mut Consumer, into: &mut Vec<u64>) {
    results.look_ahead().unwrap();
    while results.seen_more() > 0 {
        let mut bytes = Vec::new();
        if results.has_numbers(TAG).unwrap() {
            let count = results.take_numbers(&mut bytes).unwrap();
            assert_eq!(bytes.len() as u64, 8 * count);
            into.extend(bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)));
        } else {
            let from = results.copy_seen(&mut bytes);
            into.extend(bytes.first_chunk().map(|word| u64::from_le_bytes(*word) >> 32));
            results.take_to(from + 8);
        }
    }
    results.release();
}

/// Two numbers, something else, and more numbers than go into one frame: at each moment the reader finds
/// just those that were published, in order.
#[test]
fn numbers_are_there_one_by_one_and_something_else_may_come_between() {
    check(|| {
        let shared = Shared::model(128);
        let worker = {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut results = Producer::new(shared);
                let nobody = || unreachable!("there is room");
                for number in 1..=2 {
                    results.push_number(TAG, number, nobody).unwrap();
                }
                results.push_quietly(3, 0, std::iter::empty(), nobody).unwrap();
                for number in 4..4 + MOST + 1 {
                    results.push_number(TAG, number, nobody).unwrap();
                }
            })
        };
        let mut results = Consumer::new(shared);

        let mut got = Vec::new();
        for _ in 0..2 {
            collect(&mut results, &mut got);
            assert!(got.iter().zip(1..).all(|(got, number)| *got == number), "{got:?}");
        }

        worker.join().unwrap();
        collect(&mut results, &mut got);
        assert_eq!(got, (1..=4 + MOST).collect::<Vec<_>>());
    });
}

#[test]
fn a_worker_without_room_for_numbers_is_woken_when_there_is_some() {
    check(|| {
        // One frame of them, and no more.
        let shared = Shared::model(64);
        let worker = {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut results = Producer::new(shared);
                for number in 1..=MOST + 1 {
                    results.push_number(TAG, number, || {}).unwrap();
                }
            })
        };
        let mut results = Consumer::new(shared);

        let mut got = Vec::new();
        while got.len() as u64 <= MOST {
            collect(&mut results, &mut got);
            thread::yield_now();
        }

        worker.join().unwrap();
        assert_eq!(got, (1..=MOST + 1).collect::<Vec<_>>());
    });
}
