//! What one thread sleeps on that waits for many workers at once.

use std::sync::Arc;
use std::time::Duration;

use super::heirloom::Heirloom;
use super::lane::{Fault, Short};
use super::region::Region;
use super::ring::Count;

/// A page that is shared with workers: words that whoever has news counts up, and sleepers sleep on.
///
/// A worker that lies can wake the sleeper for nothing, and do no other harm: whoever observes its
/// death rings as well.
#[derive(Clone, Debug)]
pub(crate) struct Gong(Arc<Region>);

const PAGE: usize = 4096;

/// Who sleeps: there is a word for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleeper {
    /// Who waits for results.
    Pump,
    /// The thread that does so while nobody else does.
    Keeper,
}

impl Sleeper {
    /// What a ring is armed with for it. A smaller number is the one that is more in a hurry.
    pub(super) fn number(self) -> u32 {
        self as u32 + 1
    }
}

impl Gong {
    pub(crate) fn new() -> Result<Gong, Fault> {
        let room = crate::sys::make_room(4).ok_or(Short::Descriptors)?;
        Ok(Gong(Arc::new(Region::new(PAGE, &room)?)))
    }

    /// How often it was rung. Asked before the last look for news.
    pub(crate) fn value(&self, sleeper: Sleeper) -> u32 {
        self.count(sleeper).value()
    }

    /// Wakes all who sleep on it, from any thread.
    pub(crate) fn ring(&self, sleeper: Sleeper) {
        self.count(sleeper).ring();
    }

    /// Sleeps while it was rung so often, for `limit` at the most. May return early for no reason.
    pub(crate) fn sleep(&self, sleeper: Sleeper, value: u32, limit: Option<Duration>) {
        self.count(sleeper).sleep(value, limit);
    }

    /// What a worker inherits.
    pub(super) fn end(&self) -> Result<GongEnd, Fault> {
        Ok(GongEnd(self.0.heirloom()?))
    }

    /// Wakes whoever has armed a ring with that number; all where nobody has such a one.
    pub(super) fn ring_number(&self, number: u32) {
        for sleeper in [Sleeper::Pump, Sleeper::Keeper] {
            if number == sleeper.number() || number > Sleeper::Keeper.number() {
                self.ring(sleeper);
            }
        }
    }

    fn count(&self, sleeper: Sleeper) -> &Count {
        // SAFETY: the mapping is a page, so each sleeper's line is within it.
        let line = unsafe { self.0.start().add(64 * sleeper as usize) };
        // SAFETY: the mapping stays for as long as `self`, and what lies there is an atomic for all
        // who have it.
        unsafe { line.cast::<Count>().as_ref() }
    }
}

/// A worker's end.
#[derive(Debug)]
pub(super) struct GongEnd(pub(super) Heirloom);

impl GongEnd {
    pub(super) fn open(self) -> Result<Gong, Fault> {
        let region = Region::inherited(self.0)?;
        if region.len() < PAGE { Err(Fault::Rubbish) } else { Ok(Gong(Arc::new(region))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_sleeps_is_woken_and_whoever_is_late_does_not_sleep() {
        let gong = Gong::new().unwrap();
        let value = gong.value(Sleeper::Pump);
        std::thread::scope(|scope| {
            let sleepers = [(); 3].map(|()| scope.spawn(|| gong.sleep(Sleeper::Pump, value, None)));
            gong.ring(Sleeper::Pump);
            for sleeper in sleepers {
                sleeper.join().unwrap();
            }
        });

        gong.sleep(Sleeper::Pump, value, None);
        assert_eq!(gong.value(Sleeper::Pump), value + 1);
    }

    #[test]
    fn a_copy_rings_for_the_original() {
        let gong = Gong::new().unwrap();
        let copy = gong.end().unwrap().open().unwrap();

        copy.ring(Sleeper::Pump);

        assert_eq!(gong.value(Sleeper::Pump), 1);
        gong.sleep(Sleeper::Pump, 1, Some(Duration::from_millis(1)));
    }
}
