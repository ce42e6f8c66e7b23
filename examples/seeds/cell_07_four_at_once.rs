//! One function in four processes, all started before the first is waited for.
//!
//! The notebook started four processes with the arguments 3, 2, 1 and 7 and joined them in that
//! order; each printed its number, and at the end the parent printed `finished main`.
//!
//! Notice:
//! - The four numbers come in any order, but each stands on a line of its own: what processes
//!   print is passed on by whole lines.
//! - `?` while the handles are collected drops those that were collected already, and dropping a
//!   handle kills its process: a start that fails half-way leaves none behind.

use procession::process;

#[process]
fn print_num(n: u32) {
    println!("{n}");
}

fn main() -> Result<(), procession::Error> {
    let children: Vec<_> =
        [3, 2, 1, 7].into_iter().map(print_num::spawn).collect::<Result<_, _>>()?;
    for child in children {
        child.join()?;
    }
    println!("finished main");
    Ok(())
}
