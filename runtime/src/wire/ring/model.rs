//! The protocol under loom: every interleaving of a few steps.
//!
//! A model thread that waits for ever is a deadlock, which loom reports: that nobody is left
//! asleep is checked by every test here just by ending. Memory that two threads touch at once is
//! reported as well.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p procession-model`.

#![cfg(test)]

use loom::sync::atomic::Ordering::{Relaxed, SeqCst};
use loom::sync::atomic::{AtomicBool, fence};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::{Consumer, PopError, Producer, PushError, Shared, footprint};
use crate::wire::patience::Patience;

/// Room for two frames of up to eight bytes.
const CAPACITY: usize = 32;

pub(super) fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // More preemptions than this find no more here and take hours.
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn push(ring: &mut Producer, byte: u8) -> Result<(), PushError> {
    ring.push(u32::from(byte), 1, [[byte].as_slice()].into_iter(), None)
}

fn pop(ring: &mut Consumer) -> Result<u8, PopError> {
    let frame = ring.pop(None)?;
    let body = &ring.bytes()[frame.body];
    assert_eq!(body, [frame.tag as u8]);
    Ok(body[0])
}

/// How far a process gets with a publish before it is killed.
#[derive(Clone, Copy)]
enum Killed {
    BeforePublishing,
    BeforeWaking,
    AfterWaking,
}

#[test]
fn frames_arrive_in_order_and_both_sides_wake_each_other() {
    check(|| {
        let shared = Shared::model(CAPACITY);
        let mut producer = Producer::new(shared.clone());
        let writer = thread::spawn(move || {
            // One more than there is room for, so that the writer may sleep as well.
            (1..=3).for_each(|byte| push(&mut producer, byte).unwrap());
        });
        let mut consumer = Consumer::new(shared);

        assert_eq!([1, 2, 3].map(|_| pop(&mut consumer).unwrap()), [1, 2, 3]);

        writer.join().unwrap();
    });
}

/// Pushes, and waits for room as those do who do not hold the producer meanwhile.
fn push_in_turn(ring: &mut Producer, shared: &Shared, byte: u8) -> Result<(), PushError> {
    while let Err(until) = ring.room(1)? {
        ring.waiting_room().wait(until, None, &mut Patience::new(), || false);
        if shared.is_closed() {
            return Err(PushError::Closed);
        }
    }
    push(ring, byte)
}

#[test]
fn a_reader_that_goes_on_or_is_killed_leaves_nobody_in_the_waiting_room() {
    for read in 0..=3 {
        check(move || {
            let shared = Shared::model(CAPACITY);
            let observer = shared.clone();
            let mut producer = Producer::new(shared.clone());
            let known = shared.clone();
            // Full, so that whoever comes waits.
            (1..=2).for_each(|byte| push(&mut producer, byte).unwrap());
            let mut consumer = Consumer::new(shared);
            let reader = thread::spawn(move || {
                (0..read).for_each(|_| drop(consumer.pop(None)));
                consumer.release();
            });
            let watcher = thread::spawn(move || {
                reader.join().unwrap();
                observer.close();
            });

            match push_in_turn(&mut producer, &known, 3) {
                Ok(()) => {}
                Err(error) => assert!(error == PushError::Closed && read < 3, "{error:?}"),
            }

            watcher.join().unwrap();
        });
    }
}

#[test]
fn nobody_is_left_in_the_waiting_room_who_was_called_off() {
    check(|| {
        let shared = Shared::model(CAPACITY);
        let mut producer = Producer::new(shared.clone());
        (1..=2).for_each(|byte| push(&mut producer, byte).unwrap());
        let drained = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&drained);
        let owner = thread::spawn(move || {
            drained.store(true, Relaxed);
            fence(SeqCst);
            shared.toll_writer();
        });

        while let Err(until) = producer.room(1).unwrap() {
            let called_off = || seen.load(Relaxed);
            producer.waiting_room().wait(until, None, &mut Patience::new(), called_off);
            if called_off() {
                break;
            }
        }

        owner.join().unwrap();
    });
}

#[test]
fn a_writer_killed_at_any_point_leaves_no_reader_asleep() {
    for killed in [Killed::BeforePublishing, Killed::BeforeWaking, Killed::AfterWaking] {
        check(move || {
            let shared = Shared::model(CAPACITY);
            let observer = shared.clone();
            let mut producer = Producer::new(shared.clone());
            let writer = thread::spawn(move || match killed {
                Killed::BeforePublishing => {}
                Killed::BeforeWaking => {
                    let frame = 7_u64 << 32 | 1;
                    producer.lay_down(frame, [[7].as_slice()].into_iter());
                    producer.publish(footprint(1));
                }
                Killed::AfterWaking => push(&mut producer, 7).unwrap(),
            });
            let watcher = thread::spawn(move || {
                // The death is observed after it.
                writer.join().unwrap();
                observer.close();
            });
            let mut consumer = Consumer::new(shared);

            let first = pop(&mut consumer);
            let published = !matches!(killed, Killed::BeforePublishing);
            assert_eq!(first, if published { Ok(7) } else { Err(PopError::Closed) });
            if published {
                assert_eq!(pop(&mut consumer), Err(PopError::Closed));
            }

            watcher.join().unwrap();
        });
    }
}

#[test]
fn a_reader_killed_at_any_point_leaves_no_writer_asleep() {
    for read in 0..=2 {
        check(move || {
            let shared = Shared::model(CAPACITY);
            let observer = shared.clone();
            let mut consumer = Consumer::new(shared.clone());
            let reader = thread::spawn(move || {
                for _ in 0..read {
                    consumer.try_pop().unwrap();
                }
                consumer.release();
            });
            let watcher = thread::spawn(move || {
                reader.join().unwrap();
                observer.close();
            });
            let mut producer = Producer::new(shared);

            let sent = (1..=4).map(|byte| push(&mut producer, byte));
            let failed = sent.into_iter().find(Result::is_err);
            assert!(matches!(failed, None | Some(Err(PushError::Closed))));

            watcher.join().unwrap();
        });
    }
}

#[test]
fn the_reading_end_can_be_handed_over_between_threads() {
    check(|| {
        let shared = Shared::model(CAPACITY);
        let mut producer = Producer::new(shared.clone());
        let writer =
            thread::spawn(move || (1..=2).for_each(|byte| push(&mut producer, byte).unwrap()));
        let consumer = Arc::new(Mutex::new(Consumer::new(shared)));
        let other = {
            let consumer = Arc::clone(&consumer);
            thread::spawn(move || pop(&mut consumer.lock().unwrap()).unwrap())
        };

        let mine = pop(&mut consumer.lock().unwrap()).unwrap();
        let theirs = other.join().unwrap();
        assert_eq!(mine + theirs, 3);

        writer.join().unwrap();
    });
}
