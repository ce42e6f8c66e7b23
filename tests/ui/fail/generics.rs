//! There is one function for one set of types.

use procession::process;

#[process]
fn first<'a, T: Clone, const N: usize>(items: [T; N], more: impl Iterator<Item = T>) -> T
where
    T: Copy,
{
    let _ = more;
    items[0]
}

#[process]
fn names(names: Vec<String>) -> impl Iterator<Item = String> {
    names.into_iter()
}

fn main() {}
