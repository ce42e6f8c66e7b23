//! Ten tasks that are handed in one by one, and their results in order.
//!
//! The notebook called `apply_async` ten times on a pool of four, kept what it returned in a list, and
//! then had each give its result.
//!
//! Notice:
//! - `submit` returns at once with a `Task`, which can be joined, awaited, cancelled, or have a
//!   function called when it is done.
//! - Collecting the results stops at the first error; the tasks that are left are dropped then, and go
//!   on without anybody to hear of them, until the pool ends.

use procession::{Pool, Task, process};

#[process]
fn worker(num: u32) -> u32 {
    num * 2
}

fn main() -> Result<(), procession::Error> {
    let pool = Pool::new(4)?;
    let results: Vec<Task<u32>> =
        (0..10).map(|i| pool.submit::<worker>(i)).collect::<Result<_, _>>()?;

    let output: Vec<u32> = results.into_iter().map(Task::join).collect::<Result<_, _>>()?;
    println!("{output:?}");
    Ok(())
}
