//! What cannot be a message is said once, at the type that cannot.

use procession::{Mailbox, Reply, process};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
pub struct Half;

#[derive(Serialize, Deserialize)]
pub enum Whole {
    Get(Reply<u8>),
}

#[process]
pub fn half(mailbox: Mailbox<Half>) {
    let _ = mailbox;
}

#[process]
pub fn whole(mailbox: Mailbox<Whole>) -> Half {
    let _ = mailbox;
    Half
}

fn main() {}
