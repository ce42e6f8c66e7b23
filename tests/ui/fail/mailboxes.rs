//! An actor has one mailbox of its own, whose messages can cross.

use procession::{Mailbox, process};
use serde::Serialize;

#[derive(Serialize)]
pub struct Half;

#[process]
fn two(first: Mailbox<u8>, second: Mailbox<u8>, #[mailbox] third: Mailbox<u8>) {
    let _ = (first, second, third);
}

#[process(deadline = "1h")]
fn borrowed(mailbox: &mut Mailbox<u8>, #[mailbox] inbox: &Mailbox<u8>) {
    let _ = (mailbox, inbox);
}

#[process(deadline = 2)]
fn number(mailbox: Mailbox<u8>) {
    let _ = mailbox;
}

#[process]
fn texts(mailbox: Mailbox<&str>) {
    let _ = mailbox;
}

#[process(deadline = "2s")]
fn none(mailboxes: Vec<u8>) {
    let _ = mailboxes;
}

#[process(deadline = "2s", deadline = "3s")]
fn twice(#[mailbox = "main"] mailbox: Mailbox<u8>) {
    let _ = mailbox;
}

fn main() {
    let _ = Half;
}
