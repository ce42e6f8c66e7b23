//! Every task says which process runs it.
//!
//! The notebook made a pool without saying how many workers it wants, mapped a function over five
//! numbers that printed the pid of its process, and printed the squares.
//!
//! Notice:
//! - `Pool::default` has as many workers as there are processors to be had, by the limits that this
//!   process is under and not by what is built into the machine.
//! - They are started when there is something to do. Five tasks that take no time may all be done by
//!   the first of them.
//! - `join` comes before the last line, so that it is the last: what workers print takes its own way,
//!   and a result may overtake it.

use procession::{Pool, process};

#[process]
fn square(n: u32) -> u32 {
    println!("Worker process id for {n}: {}\n", std::process::id());
    n * n
}

fn main() -> Result<(), procession::Error> {
    let mylist = [1, 2, 3, 4, 5];
    let pool = Pool::default();
    let result = pool.map::<square>(mylist)?;
    pool.join()?;
    println!("{result:?}");
    Ok(())
}
