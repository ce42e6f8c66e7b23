//! The protocol of tasks under loom: claims, recalls, and one gong for many rings.

#![cfg(test)]

use loom::sync::atomic::Ordering::SeqCst;
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::model::check;
use super::{Claimer, Consumer, Count, Feeder, Producer, Shared, Wait};

/// Room for four frames of up to eight bytes.
const CAPACITY: usize = 64;

fn frames(bytes: std::ops::RangeInclusive<u8>) -> Vec<u8> {
    let frame = |byte| {
        let header = u64::from(byte) << 32 | 1;
        [header.to_le_bytes(), [byte, 0, 0, 0, 0, 0, 0, 0]].concat()
    };
    bytes.flat_map(frame).collect()
}

fn put(tasks: &mut Feeder, bytes: std::ops::RangeInclusive<u8>) -> bool {
    let frames = frames(bytes.clone());
    if tasks.room(frames.len() as u64).unwrap() < frames.len() as u64 {
        return false;
    }
    tasks.write(&frames, bytes.count() as u64);
    tasks.publish();
    true
}

/// Takes what there is until nothing follows, or so many.
fn take(tasks: &mut Claimer, most: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    while taken.len() < most {
        match tasks.claim(0).unwrap() {
            Some(claimed) => {
                let body = &tasks.bytes()[claimed.body];
                assert_eq!(body, [claimed.tag as u8]);
                taken.push(body[0]);
            }
            None if tasks.wait(|| {}).unwrap() == Wait::Finished => break,
            None => {}
        }
    }
    taken
}

#[test]
fn each_task_is_taken_or_recalled_and_a_worker_that_lost_goes_on_behind() {
    check(|| {
        let shared = Shared::model(CAPACITY);
        let mut tasks = Feeder::new(shared.clone(), true);
        assert!(put(&mut tasks, 1..=2));
        let mut claimer = Claimer::new(shared, true);
        let worker = thread::spawn(move || take(&mut claimer, usize::MAX));

        let recalled = tasks.recall().unwrap();
        // There may be no room yet where the worker has not seen what was recalled.
        let more = put(&mut tasks, 3..=3);
        tasks.finish();
        let taken = worker.join().unwrap();

        let mut expected: Vec<u8> = (1..=2 - recalled as u8).collect();
        expected.extend(more.then_some(3));
        assert_eq!(taken, expected);
        assert_eq!(tasks.taken(), Ok(taken.len() as u64));
        assert_eq!(tasks.recall(), Ok(0));
    });
}

#[test]
fn a_recall_and_new_tasks_go_round_the_ring() {
    check(|| {
        let shared = Shared::model(32);
        let mut tasks = Feeder::new(shared.clone(), true);
        let mut claimer = Claimer::new(shared, true);
        let worker = thread::spawn(move || take(&mut claimer, usize::MAX));

        let (mut sent, mut back) = (0_u64, 0_u64);
        for byte in 1..=3 {
            sent += u64::from(put(&mut tasks, byte..=byte));
            if byte >= 2 {
                back += tasks.recall().unwrap();
            }
        }
        tasks.finish();
        let taken = worker.join().unwrap();

        assert_eq!(taken.len() as u64 + back, sent);
        assert!(taken.windows(2).all(|pair| pair[0] < pair[1]), "{taken:?}");
        assert_eq!(tasks.taken(), Ok(taken.len() as u64));
    });
}

#[test]
fn a_worker_killed_at_any_point_leaves_each_task_taken_or_not() {
    for most in 0..=2 {
        check(move || {
            let shared = Shared::model(CAPACITY);
            let mut tasks = Feeder::new(shared.clone(), true);
            assert!(put(&mut tasks, 1..=2));
            let mut claimer = Claimer::new(shared, true);
            // It is killed after so many, wherever in between the pool is.
            let worker = thread::spawn(move || {
                (0..most).map_while(|_| claimer.claim(0).unwrap()).count() as u64
            });

            let recalled = tasks.recall().unwrap();
            let taken = worker.join().unwrap();
            let late = tasks.recall().unwrap();

            assert_eq!((tasks.taken(), late), (Ok(taken), 0));
            assert_eq!(taken + recalled, 2);
        });
    }
}

#[test]
fn a_worker_asleep_hears_of_tasks_and_of_the_end() {
    check(|| {
        let shared = Shared::model(CAPACITY);
        let mut tasks = Feeder::new(shared.clone(), true);
        let mut claimer = Claimer::new(shared, true);
        let worker = thread::spawn(move || take(&mut claimer, usize::MAX));

        assert!(put(&mut tasks, 1..=1));
        tasks.finish();

        assert_eq!(worker.join().unwrap(), [1]);
    });
}

/// A worker of the model: publishes a result, and rings where the pool sleeps.
fn give(results: &mut Producer, shared: &Shared, gong: &Count, byte: u8) {
    let body = [byte];
    let pieces = [body.as_slice()].into_iter();
    results
        .push_quietly(u32::from(byte), 1, pieces, || shared.tell_reader(2, |_| gong.ring()))
        .unwrap();
}

#[test]
fn one_sleeper_hears_of_every_worker() {
    check(|| {
        let gong = Arc::new(Count::model());
        let rings = [(); 2].map(|()| Shared::model(32));
        let workers = rings.clone().map(|shared| {
            let gong = Arc::clone(&gong);
            thread::spawn(move || {
                let mut results = Producer::new(shared.clone());
                give(&mut results, &shared, &gong, 7);
                shared.tell_reader(2, |_| gong.ring());
            })
        });
        let mut consumers = rings.map(Consumer::new);

        let mut left = 2;
        while left > 0 {
            let value = gong.value();
            consumers.iter().for_each(|one| one.shared().arm(1));
            loom::sync::atomic::fence(SeqCst);
            if !consumers.iter().any(|one| one.waiting() > 0) {
                gong.sleep(value, None);
            }
            for one in &mut consumers {
                one.shared().disarm();
                let mut into = Vec::new();
                let from = one.copy_all(&mut into).unwrap();
                one.take_to(from + into.len() as u64);
                left -= into.len() / 16;
            }
        }

        for worker in workers {
            worker.join().unwrap();
        }
    });
}

#[test]
fn whoever_takes_over_the_waiting_from_another_hears_of_the_next_result() {
    check(|| {
        let gongs = Arc::new([Count::model(), Count::model()]);
        let shared = Shared::model(32);
        let worker = {
            let (gongs, shared) = (Arc::clone(&gongs), shared.clone());
            thread::spawn(move || {
                let mut results = Producer::new(shared.clone());
                let tell = |number: u32| gongs[number as usize - 1].ring();
                for byte in 1..=2 {
                    let body = [byte];
                    let pieces = [body.as_slice()].into_iter();
                    results.push_quietly(1, 1, pieces, || {}).unwrap();
                    shared.tell_reader(2, tell);
                }
            })
        };
        let mut results = Consumer::new(shared);
        // The other one has said that it wants to hear, and does not wait any more.
        results.shared().arm(2);

        let mut got = Vec::new();
        while got.len() < 32 {
            let value = gongs[0].value();
            results.shared().arm(1);
            loom::sync::atomic::fence(SeqCst);
            if results.waiting() == 0 {
                gongs[0].sleep(value, None);
            }
            let from = results.copy_all(&mut got).unwrap();
            results.take_to(from.max(got.len() as u64));
        }

        worker.join().unwrap();
    });
}

#[test]
fn a_worker_without_room_for_results_and_a_pool_asleep_wake_each_other() {
    check(|| {
        let gong = Arc::new(Count::model());
        let shared = Shared::model(16);
        let worker = {
            let (gong, shared) = (Arc::clone(&gong), shared.clone());
            thread::spawn(move || {
                let mut results = Producer::new(shared.clone());
                // There is room for one.
                give(&mut results, &shared, &gong, 1);
                give(&mut results, &shared, &gong, 2);
                shared.tell_reader(2, |_| gong.ring());
            })
        };
        let mut results = Consumer::new(shared);

        let mut got = Vec::new();
        while got.len() < 32 {
            let value = gong.value();
            results.shared().arm(1);
            loom::sync::atomic::fence(SeqCst);
            if results.waiting() == 0 {
                gong.sleep(value, None);
            }
            results.shared().disarm();
            let from = results.copy_all(&mut got).unwrap();
            results.take_to(from.max(got.len() as u64));
        }

        assert_eq!([got[8], got[24]], [1, 2]);
        worker.join().unwrap();
    });
}

#[test]
fn a_worker_killed_before_it_rings_is_made_up_for_by_whoever_sees_it_die() {
    check(|| {
        let gong = Arc::new(Count::model());
        let shared = Shared::model(32);
        let dead = Arc::new(Mutex::new(false));
        let worker = {
            let shared = shared.clone();
            let unheard = Count::model();
            thread::spawn(move || give(&mut Producer::new(shared.clone()), &shared, &unheard, 7))
        };
        let attendant = {
            let (gong, dead) = (Arc::clone(&gong), Arc::clone(&dead));
            thread::spawn(move || {
                worker.join().unwrap();
                *dead.lock().unwrap() = true;
                gong.ring();
            })
        };
        let results = Consumer::new(shared);

        loop {
            let value = gong.value();
            results.shared().arm(1);
            loom::sync::atomic::fence(SeqCst);
            if results.waiting() > 0 || *dead.lock().unwrap() {
                break;
            }
            gong.sleep(value, None);
            results.shared().disarm();
        }

        attendant.join().unwrap();
        assert!(results.waiting() > 0);
    });
}
