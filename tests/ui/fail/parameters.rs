//! Each parameter has a name, which `spawn` takes over.

use procession::process;

#[process]
fn area((width, height): (u64, u64), [first, ..]: [u64; 2], ref label: String) -> u64 {
    let _ = (first, label);
    width * height
}

struct Counter;

impl Counter {
    #[process]
    fn add(&mut self, n: u64, (low, high): (u64, u64)) -> u64 {
        n + low + high
    }
}

fn main() {
    area((1, 2), [1, 2], String::new());
}
