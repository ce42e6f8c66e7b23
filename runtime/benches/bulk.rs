//! How fast large values go one way.
//!
//! Held against ipc-channel's bytes channel, which sends a slice as it is, while ours is a typed
//! `Vec<u8>`. `memcpy` within one process is what no lane reaches.

mod measure;
mod reference {
    pub(super) mod bytes;
    pub(super) mod copy;
}

use std::time::Instant;

use measure::{Bench, Goal, Row};
use reference::bytes::Bytes;
use reference::copy::Copy;

fn main() {
    let bench = Bench::from_args();
    bulk(&bench, "bulk, 64 KiB", 64 << 10, 256, 50);
    bulk(&bench, "bulk, 1 MiB", 1 << 20, 32, 50);
    bulk(&bench, "bulk, 64 MiB", 64 << 20, 1, 20);
}

fn bulk(bench: &Bench, name: &'static str, size: usize, count: usize, rounds: usize) {
    let Some(mut group) = bench.group(rounds, [Row { name, unit: "GB/s" }]) else {
        return;
    };
    let count = bench.batch(count);
    let (data, mut bytes, mut copy) = (vec![7; size], Bytes::open(), Copy::of(size));
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
