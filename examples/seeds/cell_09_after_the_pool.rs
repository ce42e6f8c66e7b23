//! Results that are there after their pool is gone.
//!
//! The notebook mapped a function over five numbers in a `with` block of three processes, and printed
//! the results behind the block.
//!
//! Notice:
//! - A block ends its pool, as `with` does: the pool is dropped there and its workers with it.
//! - The results are plain values. They belong to this process from the moment `map` returns.

use procession::{Pool, process};

#[process]
fn worker_function(number: u64) -> u64 {
    number * number
}

fn main() -> Result<(), procession::Error> {
    let results = {
        let pool = Pool::new(3)?;
        let numbers = [1, 2, 3, 4, 5];
        pool.map::<worker_function>(numbers)?
    };
    println!("Results: {results:?}");
    Ok(())
}
