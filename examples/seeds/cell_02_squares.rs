//! One function over a list of numbers, on four workers.
//!
//! The notebook made a pool of four processes, mapped a function over five numbers inside a `with`
//! block, and printed the numbers and their squares.
//!
//! Notice:
//! - The results are in the order of the numbers, whoever worked them out and when.
//! - Which function the workers run is a type, `square`, that the attribute made. A function that was
//!   not annotated, or takes something else, is a mistake that the compiler finds.
//! - There is no `with`: the pool ends where its variable does.

use procession::{Pool, process};

#[process]
fn square(number: u64) -> u64 {
    number.pow(2)
}

fn main() -> Result<(), procession::Error> {
    let pool = Pool::new(4)?;
    let numbers = [1, 2, 3, 4, 5];
    let results = pool.map::<square>(numbers)?;
    println!("Original numbers: {numbers:?}");
    println!("Squares: {results:?}");
    Ok(())
}
