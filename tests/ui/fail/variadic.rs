//! A process function has a fixed number of parameters.

use procession::process;

#[process]
fn sum(count: u32, ...) -> u32 {
    count
}

fn main() {}
