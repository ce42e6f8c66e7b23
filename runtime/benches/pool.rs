//! What a task of a pool costs: trivial ones in chunks and one by one, and uneven ones.
//!
//! The floor of trivial tasks is two workers behind bare rings, with chunks cut by hand. What uneven
//! ones are held against is two threads that share the work evenly without a word. The package in
//! `rivals` builds this file with rayon beside ours.

mod measure;
#[cfg(rivals)]
#[path = "rivals/threads.rs"]
mod rivals;
mod reference {
    pub(super) mod primes;
    pub(super) mod python;
    pub(super) mod rings;
}

use std::time::Instant;

use measure::{Bench, Goal, Group, Row};
use procession::{Pool, process};
use reference::primes;
use reference::python::Python;
use reference::rings::{InChunks, OneByOne};

#[process]
fn square(n: u64) -> u64 {
    n * n
}

#[process]
fn primes_below(limit: u32) -> u32 {
    primes::primes_below(limit)
}

#[process]
fn own_pid() -> u32 {
    std::process::id()
}

#[process]
fn nothing() {}

fn main() {
    let bench = Bench::from_args();
    map(&bench);
    one_by_one(&bench);
    uneven(&bench);
    replaced(&bench);
}

/// Two workers, which are there.
fn pool() -> Pool {
    Pool::builder().workers(2).prestart().build().expect("it starts")
}

/// No chunk size is given; the reference knows its own.
fn map(bench: &Bench) {
    let Some(mut group) = bench.group(30, [Row::new("map of u64 -> u64", "M/s")]) else {
        return;
    };
    let numbers: Vec<u64> = (0..bench.batch(1_000_000) as u64).collect();
    let count = numbers.len();
    let mut rings = InChunks::start();
    group.variant("bare rings, chunks of 500", [Goal::None], move || {
        squares(&numbers, |numbers| rings.map(numbers))
    });
    let (pool, numbers) = (pool(), (0..count as u64).collect::<Vec<_>>());
    group.variant("Pool::map", [Goal::AtLeast(0.5)], move || {
        squares(&numbers, |numbers| pool.map::<square>(numbers.iter().copied()).expect("it does"))
    });
    #[cfg(rivals)]
    rivals::map(&mut group, count, usize::MAX);
    python(&mut group, "Python Pool.map", count, None);
    group.against("Pool::map", "Python Pool.map", 3.0);
    group.run();
}

fn one_by_one(bench: &Bench) {
    let Some(mut group) = bench.group(30, [Row::new("map, one task a message", "M/s")]) else {
        return;
    };
    let numbers: Vec<u64> = (0..bench.batch(200_000) as u64).collect();
    let count = numbers.len();
    let mut rings = OneByOne::start();
    group.variant("bare rings, task a slot", [Goal::None], move || {
        squares(&numbers, |numbers| rings.map(numbers))
    });
    let (pool, numbers) = (pool(), (0..count as u64).collect::<Vec<_>>());
    group.variant("Pool::map, chunk size 1", [Goal::AtLeast(0.1)], move || {
        squares(&numbers, |numbers| {
            let tasks = pool.tasks::<square>().chunk_size(1);
            tasks.map(numbers.iter().copied()).expect("it does")
        })
    });
    #[cfg(rivals)]
    rivals::map(&mut group, count, 1);
    // A hundred times slower; its rate is the same for fewer.
    python(&mut group, "Python Pool.map, chunks of 1", count.div_ceil(20), Some(1));
    group.against("Pool::map, chunk size 1", "Python Pool.map, chunks of 1", 10.0);
    group.run();
}

fn uneven(bench: &Bench) {
    let Some(mut group) = bench.group(20, [Row::new("uneven primes", "tasks/s")]) else {
        return;
    };
    let tasks = primes::tasks(bench.batch(2_000));
    let expected = primes::alone(&tasks);
    for (name, count) in [
        ("two threads, static halves", primes::in_halves as fn(&[u32]) -> Vec<u32>),
        ("one thread", primes::alone),
    ] {
        let (tasks, expected) = (tasks.clone(), expected.clone());
        group.variant(name, [Goal::None], move || {
            let begun = Instant::now();
            let counted = count(&tasks);
            let took = begun.elapsed();
            assert_eq!(counted, expected);
            [tasks.len() as f64 / took.as_secs_f64()]
        });
    }
    #[cfg(rivals)]
    rivals::uneven(&mut group, tasks.clone());
    if let Some(mut python) = Python::start() {
        // Its loops are some fifty times slower: every twentieth task.
        let few: Vec<u32> = tasks.iter().copied().step_by(20).collect();
        let counted: u64 = expected.iter().step_by(20).copied().map(u64::from).sum();
        group.variant("Python Pool.map", [Goal::None], move || {
            let (took, sum) = python.primes(&few).expect("it did so before");
            assert_eq!(sum, counted);
            [few.len() as f64 / took]
        });
    }
    let pool = pool();
    group.variant("Pool::map", [Goal::AtLeast(0.95)], move || {
        let begun = Instant::now();
        let counted = pool.map::<primes_below>(tasks.iter().copied()).expect("it does");
        let took = begun.elapsed();
        assert_eq!(counted, expected);
        [tasks.len() as f64 / took.as_secs_f64()]
    });
    group.run();
}

/// From the death of the only worker until the next task has run, which a new one does.
fn replaced(bench: &Bench) {
    let Some(mut group) = bench.group(60, [Row::new("killed worker to next task", "ms")]) else {
        return;
    };
    group.variant("a cold start, joined", [Goal::None], || {
        let begun = Instant::now();
        nothing::call().expect("it starts");
        [begun.elapsed().as_secs_f64() * 1e3]
    });
    let pool = Pool::new(1).expect("it starts");
    group.variant("Pool::submit after a SIGKILL", [Goal::AtMost(2.0)], move || {
        let submit = || pool.submit::<own_pid>(()).expect("it is open").join();
        let pid = submit().expect("it lives");
        let begun = Instant::now();
        // SAFETY: a signal to a child of ours that was there a moment ago.
        unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) };
        // It may have taken the task before it was hit.
        while submit().map_or(true, |next| next == pid) {}
        [begun.elapsed().as_secs_f64() * 1e3]
    });
    group.run();
}

/// Million tasks a second, from the first until all results are there, in order.
fn squares(numbers: &[u64], map: impl FnOnce(&[u64]) -> Vec<u64>) -> [f64; 1] {
    let begun = Instant::now();
    let results = map(numbers);
    let took = begun.elapsed();
    assert_eq!(results.len(), numbers.len());
    assert!(results.iter().zip(numbers).all(|(result, n)| *result == n * n));
    [numbers.len() as f64 / took.as_secs_f64() / 1e6]
}

fn python(group: &mut Group<1>, name: &'static str, count: usize, chunk: Option<usize>) {
    let Some(mut python) = Python::start() else { return };
    group.variant(name, [Goal::None], move || {
        let took = python.map(count, chunk).expect("it did so before");
        [count as f64 / took / 1e6]
    });
}
