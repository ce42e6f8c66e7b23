//! Four processes, each of which draws a random number from 1 to 100.
//!
//! The notebook started four processes that each printed the number it drew.
//!
//! Notice:
//! - A process that is a forked copy of its parent inherits the state of the parent's random
//!   number generator, and then all draw the same. Here each process starts from nothing, so its
//!   numbers are its own; two can be equal only by chance.

use std::hash::{BuildHasher, RandomState};

use procession::process;

#[process]
fn generate_random_number(num: usize) {
    // The standard library's one source of randomness, seeded by the system in each process.
    let drawn = RandomState::new().hash_one(num);
    let random_number = 1 + drawn % 100;
    println!("Process number {num}, random number generated : {random_number}");
}

fn main() -> Result<(), procession::Error> {
    let processes: Vec<_> = (0..4).map(generate_random_number::spawn).collect::<Result<_, _>>()?;
    for process in processes {
        process.join()?;
    }
    Ok(())
}
