//! An actor is not a process function, and says what it is.

use procession::{Mailbox, Process, process};

#[process]
fn counter(mailbox: Mailbox<u8>) {
    mailbox.for_each(drop);
}

struct Shelf;

#[process]
impl Shelf {
    fn new() -> Self {
        Shelf
    }
}

fn run<P: Process>() {}

fn main() {
    run::<counter>();
    run::<Shelf>();
}
