//! Two functions, each in a process of its own, at the same time.
//!
//! The notebook started one process for each function, joined both and printed `Done!`.
//!
//! Notice:
//! - Which of the two lines comes first is up to the system; `Done!` is always the last.
//! - Each function can have parameters and a result of its own, yet both handles go into one list,
//!   because both are a `Child<()>`.

use procession::process;

#[process]
fn print_cube(num: u64) {
    println!("Cube: {}", num * num * num);
}

#[process]
fn print_square(num: u64) {
    println!("Square: {}", num * num);
}

fn main() -> Result<(), procession::Error> {
    let children = [print_square::spawn(10)?, print_cube::spawn(10)?];
    for child in children {
        child.join()?;
    }
    println!("Done!");
    Ok(())
}
