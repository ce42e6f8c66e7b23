//! The same tasks with rayon, whose workers are threads: nothing is encoded, nothing is copied.

use std::time::Instant;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::measure::{Goal, Group};
use crate::reference::primes::{alone, primes_below};

fn threads() -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(2).build().expect("it starts")
}

/// Squares, as many as the others, and so many at once at the most.
pub(crate) fn map(group: &mut Group<1>, count: usize, most: usize) {
    let threads = threads();
    let numbers: Vec<u64> = (0..count as u64).collect();
    group.variant("rayon, in process", [Goal::None], move || {
        crate::squares(&numbers, |numbers| {
            threads.install(|| numbers.par_iter().with_max_len(most).map(|n| n * n).collect())
        })
    });
}

/// Primes below each of the numbers.
pub(crate) fn uneven(group: &mut Group<1>, tasks: Vec<u32>) {
    let (threads, expected) = (threads(), alone(&tasks));
    group.variant("rayon, in process", [Goal::None], move || {
        let begun = Instant::now();
        let counted: Vec<u32> =
            threads.install(|| tasks.par_iter().map(|&limit| primes_below(limit)).collect());
        let took = begun.elapsed();
        assert_eq!(counted, expected);
        [tasks.len() as f64 / took.as_secs_f64()]
    });
}
