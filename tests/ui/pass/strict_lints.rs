//! What is generated keeps to the strictest lints of its surroundings.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub)]
#![deny(unused, nonstandard_style, future_incompatible, rust_2018_idioms, let_underscore_drop)]
#![deny(single_use_lifetimes, unused_lifetimes, unused_qualifications, elided_lifetimes_in_paths)]
#![deny(trivial_casts, trivial_numeric_casts, unused_results, variant_size_differences)]
#![deny(redundant_lifetimes, missing_copy_implementations, unnameable_types, unit_bindings)]

use procession::{Mailbox, Reply, process};

/// Squares.
#[process]
pub fn square(n: u64) -> u64 {
    n * n
}

/// Does nothing, with everything.
#[process]
#[expect(clippy::too_many_arguments, reason = "to see whether it comes back")]
pub fn all(mut a: u8, _b: u8, _: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8) -> u8 {
    a += d + e + f + g + h + i;
    a
}

/// Does less.
#[process]
#[deprecated(note = "use `square`")]
pub fn old() {}

#[process]
fn private() -> Result<(), String> {
    Ok(())
}

#[process]
fn unused(_seed: u64) {}

/// Answers.
#[process(deadline = "2s")]
pub fn answer(_: u8, mailbox: Mailbox<Reply<u8>>) {
    mailbox.for_each(|reply| reply.send(1));
}

#[process]
fn unused_actor(_: Mailbox<Reply<u8>>) {}

/// Counts.
#[derive(Debug)]
pub struct Counter(Vec<i64>);

#[process]
impl Counter {
    /// Counts from here.
    pub fn new(start: i64) -> Self {
        Counter(vec![start])
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> i64 {
        self.0[0]
    }

    /// No more.
    #[deprecated]
    pub fn old(&self, _: [u64; 30]) {}

    #[deprecated]
    fn unused(&mut self, unused: u8) {
        let _ = unused;
    }

    #[stop]
    fn end(self) {}
}

#[derive(Debug)]
struct Private;

#[process]
impl Private {
    fn new() -> Private {
        Private
    }

    fn look(&self) {}
}

mod inner {
    #[derive(Debug)]
    pub(crate) struct Between;

    #[procession::process]
    impl Between {
        pub(crate) fn new() -> Self {
            Between
        }

        pub(super) fn look(&self) -> u8 {
            1
        }
    }

    #[procession::process]
    pub(crate) fn by_crate() {}

    #[procession::process]
    pub(super) fn by_super(#[expect(unused_variables, reason = "is on purpose")] n: u64) {}
}

/// Called by workers.
#[procession::setup]
#[deprecated]
pub fn logging() {}

/// Starts.
#[procession::main]
fn main() -> Result<(), procession::Error> {
    assert_eq!(square::call(3)?, 9);
    assert_eq!(all::call(1, 1, 1, 1, 1, 1, 1, 1, 1)?, 7);
    private::call()?.unwrap();
    assert_eq!(answer::spawn(1)?.ask(|reply| reply)?, 1);
    assert_eq!(Counter::spawn(1)?.len()?, 1);
    Private::spawn()?.look()?;
    assert_eq!(inner::Between::spawn()?.look()?, 1);
    inner::by_crate::call()?;
    inner::by_super::call(1)
}
