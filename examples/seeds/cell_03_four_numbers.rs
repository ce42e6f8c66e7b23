//! A function that prints, over a list of numbers.
//!
//! The notebook mapped a function over four numbers; each call printed a line, and returned nothing.
//!
//! Notice:
//! - The lines come in any order, but each is whole: what workers print is passed on by lines.
//! - `map` of a function that returns nothing is a list of nothings. What it is good for is its `?`:
//!   had a worker crashed, the error would say so.
//! - `join` waits until the workers have gone and all that they printed is passed on. Dropping the
//!   pool kills them, as the end of a `with` block does.

use procession::{Pool, process};

#[process]
fn print_number(number: u32) {
    println!("Process {number}: My number is {number}");
}

fn main() -> Result<(), procession::Error> {
    let numbers = [1, 2, 3, 4];
    let pool = Pool::new(4)?;
    pool.map::<print_number>(numbers)?;
    pool.join()?;
    Ok(())
}
