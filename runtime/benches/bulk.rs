//! How fast large values go one way.
//!
//! Held against ipc-channel's bytes channel, which sends a slice as it is, while ours is a typed
//! `Vec<u8>`. `memcpy` within one process is what no lane reaches.
//!
//! On one core the copies of both sides add up, so half of `memcpy` is the most there can be, and
//! what is left between that and ipc-channel may be less than the goal asks for.

mod measure;
mod reference {
    pub(super) mod bytes;
    pub(super) mod copy;
}

use std::time::Instant;

use measure::place::Place;
use measure::{Bench, Goal, Row};
use procession::__private::door::{Lane, Mode};
use reference::bytes::Bytes;
use reference::copy::Copy;

fn main() {
    let bench = Bench::from_args();
    for (place, whose) in [
        (
            Place::OneCore,
            ["bulk, 64 KiB, one core", "bulk, 1 MiB, one core", "bulk, 64 MiB, one core"],
        ),
        (
            Place::TwoCores,
            ["bulk, 64 KiB, two cores", "bulk, 1 MiB, two cores", "bulk, 64 MiB, two cores"],
        ),
        (
            Place::Anywhere,
            ["bulk, 64 KiB, anywhere", "bulk, 1 MiB, anywhere", "bulk, 64 MiB, anywhere"],
        ),
    ] {
        bulk(&bench, whose[0], place, 64 << 10, 256, Goal::None);
        bulk(&bench, whose[1], place, 1 << 20, 32, Goal::AtLeast(3.0));
        bulk(&bench, whose[2], place, 64 << 20, 1, Goal::None);
    }
}

fn bulk(bench: &Bench, name: &'static str, place: Place, size: usize, count: usize, goal: Goal) {
    let Some(mut group) = bench.group(30, [Row::new(name, "GB/s")]) else {
        return;
    };
    if !place.exists() {
        return;
    }
    let count = bench.batch(count);
    let (data, mut bytes, mut copy) = (vec![7; size], Bytes::open(), Copy::of(size));
    place.put(bytes.child.id());
    group.variant("ipc-channel, bytes channel", [Goal::None], move || {
        bytes.sync();
        let rate = rate(size, count, || {
            for _ in 0..count {
                bytes.send(&data);
            }
            assert_eq!(bytes.sync(), (size * count) as u64);
        });
        [rate]
    });
    for (name, frames, goal) in [
        ("procession, ring, Vec<u8>", false, goal),
        ("procession, frames, Vec<u8>", true, Goal::None),
    ] {
        let (data, mut lane) = (vec![7_u8; size], Lane::open(frames).expect("starts"));
        place.put(lane.pid());
        lane.mode(Mode::TakeBlocks);
        group.variant(name, [goal], move || {
            // Who slept while others had their turn is woken before the clock starts.
            lane.mode(Mode::TakeBlocks);
            let rate = rate(size, count, || {
                for _ in 0..count {
                    lane.send(&data);
                }
                // Answered when all before it was taken.
                lane.mode(Mode::TakeBlocks);
            });
            [rate]
        });
    }
    // The other way, as results go.
    let mut lane = Lane::open(false).expect("starts");
    place.put(lane.pid());
    group.variant("procession, ring, Vec<u8>, from the child", [goal], move || {
        let rate = rate(size, count, || {
            lane.mode(Mode::GiveBlocks(count as u64, size as u64));
            for _ in 0..count {
                assert_eq!(lane.receive::<Vec<u8>>().len(), size);
            }
        });
        [rate]
    });
    group.variant("memcpy in process", [Goal::None], move || {
        [rate(size, count, || (0..count).for_each(|_| copy.run()))]
    });
    group.run();
}

/// Gigabytes a second, until the last is known to have arrived.
fn rate(size: usize, count: usize, send: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    send();
    (size * count) as f64 / begun.elapsed().as_secs_f64() / 1e9
}
