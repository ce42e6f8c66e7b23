//! What comes back is a value with a type of its own.

use procession::process;

#[process]
fn serve(port: u16) -> ! {
    loop {
        let _ = port;
    }
}

#[process]
fn print(item: dyn std::fmt::Display) -> *const u8 {
    std::ptr::null()
}

fn main() {}
