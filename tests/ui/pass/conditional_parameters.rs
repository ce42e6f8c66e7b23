//! A parameter that is there under a condition is there for `spawn` under the same one.

use procession::{Process, process};

#[process]
fn one(#[cfg(true)] a: u64, #[cfg(not(true))] a: &str) -> u64 {
    a
}

#[process(handle = Three)]
fn three(
    #[cfg(true)] a: u64,
    #[cfg(false)] b: u64,
    #[cfg_attr(true, cfg(false))] b: u64,
    #[cfg_attr(true, cfg(true), allow(unused_variables))] c: u64,
    #[cfg(true)]
    #[cfg(not(false))]
    #[cfg_attr(false, cfg(false))]
    d: u64,
) -> u64 {
    a + d
}

#[process]
fn none(#[cfg(false)] a: u64) -> u64 {
    #[cfg(false)]
    return a;
    #[cfg(true)]
    5
}

fn inputs<P: Process<Input = T>, T>() {}

fn main() {
    assert_eq!(one::call(1).unwrap(), 1);
    assert_eq!(Three::call(1, 2, 3).unwrap(), 4);
    assert_eq!(none::call().unwrap(), 5);
    inputs::<one, u64>();
    inputs::<Three, (u64, u64, u64)>();
    inputs::<none, ()>();
}
