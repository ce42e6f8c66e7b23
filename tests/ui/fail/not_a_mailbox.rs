//! What is called a mailbox is one.

use procession::process;

#[process]
pub fn no_mailbox(#[mailbox] mailbox: Vec<u8>) {
    let _ = mailbox;
}

fn main() {}
