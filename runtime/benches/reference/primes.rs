//! Work that is uneven: how many primes there are below each of many numbers.
//!
//! The numbers grow, so the last tasks are the longest. Two threads that take every other number have
//! the same work each, and nothing to talk about: what they reach is what the machine has.

use std::thread;

/// The tasks: so many, and each a little longer than the one before.
pub(crate) fn tasks(count: usize) -> Vec<u32> {
    (1..=count as u32).map(|n| n * 10).collect()
}

/// One task, in the most simple-minded way.
pub(crate) fn primes_below(limit: u32) -> u32 {
    let is_prime = |n: &u32| (2..).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
    (2..limit).filter(is_prime).count() as u32
}

/// All tasks, one after the other.
pub(crate) fn alone(tasks: &[u32]) -> Vec<u32> {
    tasks.iter().map(|&limit| primes_below(limit)).collect()
}

/// All tasks, by two threads with half of them each.
pub(crate) fn in_halves(tasks: &[u32]) -> Vec<u32> {
    let half = |first: usize| -> Vec<u32> {
        tasks.iter().skip(first).step_by(2).map(|&limit| primes_below(limit)).collect()
    };
    let (even, odd) = thread::scope(|scope| {
        let odd = scope.spawn(|| half(1));
        (half(0), odd.join().expect("it counts"))
    });
    (0..tasks.len()).map(|n| if n.is_multiple_of(2) { even[n / 2] } else { odd[n / 2] }).collect()
}
