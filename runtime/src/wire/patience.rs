//! How long to look before sleeping.
//!
//! A sleeper costs its waker a system call and, where the other core has halted, some 80 us. So a
//! hot conversation looks again for a while, giving the processor away each time. Looking in vain
//! costs processor time, so it stops when it does not pay, and an idle lane uses none.

use std::time::{Duration, Instant};

/// The longest look.
const LOOK: Duration = Duration::from_micros(20);

/// While looking does not pay it is tried once in so many waits, to notice when it would.
const RETRY: u8 = 8;

/// Remembers whether looking paid of late.
#[derive(Debug)]
pub(crate) struct Patience {
    credit: u8,
    slept: u8,
}

impl Patience {
    pub(crate) const fn new() -> Self {
        Patience { credit: 1, slept: 0 }
    }

    /// Looks until `done` says so, while that is likely to pay. Whether it did.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn look(&mut self, mut done: impl FnMut() -> bool) -> bool {
        if self.credit == 0 {
            self.slept += 1;
            if self.slept < RETRY {
                return false;
            }
            self.slept = 0;
        }
        let mut start = None;
        loop {
            // Many looks for one reading of the clock, which costs as much as several.
            for _ in 0..4 {
                std::thread::yield_now();
                if done() {
                    self.credit = 3;
                    return true;
                }
            }
            // Nor is it read where the first looks pay.
            if start.get_or_insert_with(Instant::now).elapsed() > LOOK {
                self.credit = self.credit.saturating_sub(1);
                return false;
            }
        }
    }
}
