//! What is generated keeps to the strictest lints of its surroundings.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub)]
#![deny(unused, nonstandard_style, future_incompatible, rust_2018_idioms, let_underscore_drop)]
#![deny(single_use_lifetimes, unused_lifetimes, unused_qualifications, elided_lifetimes_in_paths)]
#![deny(trivial_casts, trivial_numeric_casts, unused_results, variant_size_differences)]
#![deny(redundant_lifetimes, missing_copy_implementations, unnameable_types, unit_bindings)]

use procession::process;

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

mod inner {
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
    inner::by_crate::call()?;
    inner::by_super::call(1)
}
