//! How long messages take, there and back and one way.

use std::time::{Duration, Instant};

/// The mean time of a round trip: a round that the scheduler disturbed shall show it.
pub(crate) fn round_trips(trips: usize, mut round_trip: impl FnMut(u64) -> u64) -> [f64; 1] {
    // Who slept while others had their turn is woken before the clock starts.
    round_trip(0);
    let begun = Instant::now();
    for n in 0..trips as u64 {
        assert_eq!(round_trip(n), n);
    }
    [begun.elapsed().as_secs_f64() * 1e6 / trips as f64]
}

/// How many of a thousand round trips, each of them timed, took longer than it takes to wake a core that
/// sleeps.
pub(crate) fn holes(trips: usize, mut round_trip: impl FnMut(u64) -> u64) -> [f64; 1] {
    round_trip(0);
    let slow = (0..trips as u64).filter(|&n| {
        let begun = Instant::now();
        assert_eq!(round_trip(n), n);
        begun.elapsed() > HOLE
    });
    [slow.count() as f64 * 1e3 / trips as f64]
}

/// Half of what waking a core takes that has halted, 80 us on the machines this was written on.
const HOLE: Duration = Duration::from_micros(40);

/// Million messages a second, from the first sent until the last is known to be taken.
pub(crate) fn one_ways<S>(
    count: usize,
    side: &mut S,
    mut send: impl FnMut(&mut S, f64),
    mut sync: impl FnMut(&mut S) -> u64,
) -> [f64; 1] {
    sync(side);
    let begun = Instant::now();
    for n in 0..count {
        send(side, n as f64);
    }
    assert_eq!(sync(side), count as u64);
    [count as f64 / begun.elapsed().as_secs_f64() / 1e6]
}
