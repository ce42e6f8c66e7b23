//! Options are told apart on their own tokens, and all at once.

use procession::process;

#[process(name = "squares", handle = Square, handle = Squares, crate)]
fn square(n: u64) -> u64 {
    n * n
}

#[process(crate = "procession", handle = 3)]
fn halve(n: &u64) -> u64 {
    n / 2
}

#[process(handle = a::Third)]
fn third(n: u64) -> u64 {
    n / 3
}

/// What is wrong with a type is said in the same compile.
struct Plain;

#[process(name = "plainly")]
fn plainly(plain: Plain) {
    drop(plain);
}

#[procession::setup(handle = Logging, crate ::procession)]
fn logging() {}

fn main() {
    assert_eq!(square(2) + halve(&2) + third(3), 6);
}
