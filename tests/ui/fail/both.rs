//! What the spelling tells of a function and what only its types tell show in one compile.

use procession::{Mailbox, process};

struct Plain;

#[process]
fn measure(text: &str, by: Plain) -> Plain {
    by
}

#[process]
async fn wait(for_it: Plain) {}

#[process]
async fn serve<T, const N: usize>(_: [T; N], _: Vec<Plain>, _: Mailbox<Plain>) -> Option<T> {
    None
}

fn main() {}
