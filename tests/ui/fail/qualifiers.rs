//! A process function is an ordinary one.

use procession::process;

#[process]
async unsafe fn download(url: String) -> Vec<u8> {
    url.into_bytes()
}

#[process]
const extern "C" fn zero() -> u64 {
    0
}

#[process]
#[target_feature(enable = "sse2")]
fn wide(n: u64) -> u64 {
    n
}

fn main() {
    let _zero = zero();
}
