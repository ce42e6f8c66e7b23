//! Four waits of different length, two at a time.
//!
//! The notebook mapped a function that sleeps over four pairs of a name and a number of seconds, on a
//! pool of two, and left the pool to itself. Two of the lines that it printed ran together.
//!
//! Notice:
//! - A function of two parameters takes pairs; nothing has to be taken apart by hand.
//! - A task goes to whoever is free. While A waits for 5 seconds, the other worker does B and C and
//!   begins D, so all is over after 6 seconds. Two fixed halves would have taken 7.
//! - The lines of two workers never run together.
//!
//! A second is a tenth of one here, so that nobody has to wait for it.

use std::thread::sleep;
use std::time::Duration;

use procession::{Pool, process};

const SECOND: Duration = Duration::from_millis(100);

#[process]
fn work_log(name: char, seconds: u32) {
    println!(" Process {name} waiting {seconds} seconds");
    sleep(seconds * SECOND);
    println!(" Process {name} Finished.");
}

fn main() -> Result<(), procession::Error> {
    let work = [('A', 5), ('B', 2), ('C', 1), ('D', 3)];
    let pool = Pool::new(2)?;
    pool.map::<work_log>(work)?;
    pool.join()?;
    Ok(())
}
