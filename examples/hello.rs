//! The program of the README: one function, run in processes of its own and here.

use procession::process;

#[process]
fn square(n: u64) -> u64 {
    n * n
}

fn main() -> Result<(), procession::Error> {
    let child = square::spawn(7)?; // Child<u64>: a process of its own
    println!("{} runs as pid {}", child.name(), child.pid());
    println!("{}", child.join()?); // 49
    println!("{}", square::call(8)?); // spawn and join: 64
    println!("{}", square(9)); // still a plain function: 81
    Ok(())
}
