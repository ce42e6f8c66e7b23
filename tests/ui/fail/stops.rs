//! What is called when an actor stops.

use procession::process;

struct Shelf;

#[process]
impl Shelf {
    fn new() -> Self {
        Shelf
    }

    #[stop]
    fn close(&mut self, hard: bool) -> bool {
        hard
    }

    #[stop]
    fn again(self) {}

    #[stop(now)]
    fn never() {}
}

fn main() {
    Shelf::new().again();
    Shelf::never();
}
