//! What a pool runs is a process function, whose input fits.

use procession::{Mailbox, Pool, process};

#[process]
pub fn square(n: u64) -> u64 {
    n * n
}

#[process]
pub fn area(width: u32, height: u32) -> u32 {
    width * height
}

#[process]
pub fn counter(mailbox: Mailbox<u64>) -> u64 {
    mailbox.sum()
}

pub struct Total(u64);

#[process]
impl Total {
    pub fn new() -> Self {
        Total(0)
    }

    pub fn add(&mut self, n: u64) -> u64 {
        self.0 += n;
        self.0
    }
}

pub struct Plain;

fn main() {
    let pool = Pool::inline();
    let _ = pool.map::<counter>([()]);
    let _ = pool.submit::<Total>(());
    let _ = pool.tasks::<Plain>();
    let _ = pool.map::<square>(["seven"]);
    let _ = pool.submit::<square>("seven");
    let _ = pool.map::<area>([2, 3]);
    let _ = Pool::builder().initializer::<square>(7);
}
