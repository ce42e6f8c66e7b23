//! Nothing is taken from the user's prelude, and the user's own names do not get in the way.

#![no_implicit_prelude]
#![allow(dead_code, reason = "the names are there to be in the way")]

use ::procession::process;

mod core {}
mod std {}
struct Result;
struct Option;
enum Builder {}
fn drop() {}

/// Squares.
#[process]
pub fn square(n: u64) -> u64 {
    n * n
}

/// Takes any number.
#[process]
pub fn sum(a: u64, b: ::std::vec::Vec<u64>) -> ::std::option::Option<u64> {
    let mut sum = a;
    for n in b {
        sum = u64::checked_add(sum, n)?;
    }
    ::std::option::Option::Some(sum)
}

#[::procession::setup]
fn logging() {}

#[::procession::main]
fn main() {
    ::std::assert_eq!(square::call(3).unwrap(), 9);
    ::std::assert_eq!(sum::call(1, ::std::vec![2, 3]).unwrap().unwrap(), 6);
}
