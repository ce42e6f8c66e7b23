//! What the spelling tells of a function and what only its types tell show in one compile.

use procession::process;

struct Plain;

#[process]
fn measure(text: &str, by: Plain) -> Plain {
    by
}

#[process]
async fn wait(for_it: Plain) {}

fn main() {}
