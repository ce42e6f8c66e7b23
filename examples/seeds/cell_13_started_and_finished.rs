//! The smallest program with a process: start it, wait for it, go on.
//!
//! The notebook started a process that printed two lines, joined it and printed a third.
//!
//! Notice:
//! - `call` is `spawn` and `join` in one, for whoever has nothing to do meanwhile.
//! - What the process returned is checked: had it crashed, `?` would end `main` with an error that
//!   says how, instead of `Main process finished`.

use procession::process;

#[process]
fn fun() {
    println!("fun process started");
    println!("fun process finished");
}

fn main() -> Result<(), procession::Error> {
    fun::call()?;
    println!("Main process finished");
    Ok(())
}
