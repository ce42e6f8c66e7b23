//! Four processes, each started when the one before has ended.
//!
//! The notebook started *and joined* inside the loop, so that its processes never ran side by
//! side.
//!
//! Notice:
//! - The numbers always come in order.
//! - Nothing hides the price of a start here: the time of this program is four times that of one
//!   process, from its start to its end. `cell_07_four_at_once` lets them overlap.

use procession::process;

#[process]
fn print_number(number: u32) {
    // Two spaces: the original printed "Number: " and the number, which `print` sets apart.
    println!("Number:  {number}");
}

fn main() -> Result<(), procession::Error> {
    for i in 0..4 {
        let process = print_number::spawn(i)?;
        process.join()?;
    }
    println!("All processes completed");
    Ok(())
}
