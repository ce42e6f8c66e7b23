//! A function that was not annotated is no type, and a pool finds its functions by type.

use procession::Pool;

pub fn plain(n: u64) -> u64 {
    n
}

fn main() {
    let pool = Pool::inline();
    let _ = pool.map::<plain>([7]);
    let _ = pool.map::<_>([7]);
    let _ = pool.map([7]);
}
