//! What is borrowed stays where it is; each message says what to take instead.

use std::borrow::Cow;
use std::path::Path;

use procession::process;

#[process]
fn longest(path: &Path, names: Vec<&str>, sizes: &[u64], seed: *const u8) -> Option<&'static str> {
    let _ = (path, names, sizes, seed);
    None
}

#[process]
fn sort(items: &mut Vec<u64>, order: Cow<'_, str>) {
    let _ = order;
    items.sort();
}

fn main() {
    let mut items = vec![2, 1];
    sort(&mut items, "up".into());
}
