//! One process that takes nothing and returns nothing.
//!
//! The notebook started a process that printed two lines, joined it and printed a third.
//!
//! Notice:
//! - The three lines always come in this order: `join` returns after the last line that the
//!   process wrote was passed on.
//! - There is no `if __name__ == "__main__"`, and nothing in its place.

use procession::process;

#[process]
fn worker_function() {
    println!("Worker process started");
    println!("Hello from the worker process!");
}

fn main() -> Result<(), procession::Error> {
    let worker_process = worker_function::spawn()?;
    worker_process.join()?;
    println!("Main process finished");
    Ok(())
}
