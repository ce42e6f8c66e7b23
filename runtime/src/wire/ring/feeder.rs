//! The side that writes tasks, and may take back those that were not taken.
//!
//! In such a ring `taken` counts frames, and both sides move it by compare and exchange alone: the
//! reader over the next frame, the writer over all that is left. So each frame is exactly one side's,
//! whoever is killed in between.

#[cfg(not(loom))]
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

#[cfg(loom)]
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::{Shared, Violation};

/// Writes frames that a [`Claimer`](super::Claimer) takes.
pub(crate) struct Feeder {
    shared: Shared,
    /// Up to where frames were written, and up to where the reader was told so.
    written: u64,
    published: u64,
    /// Up to where the reader was known to be done.
    done: u64,
    /// How many frames were written, how many of them the reader was told of, how many were known to
    /// be taken by either side, and how many of those by this one.
    noted: u64,
    shown: u64,
    taken: u64,
    recalled: u64,
}

impl Feeder {
    pub(crate) fn new(shared: Shared) -> Self {
        let (written, published, done) = (0, 0, 0);
        let (noted, shown, taken, recalled) = (0, 0, 0, 0);
        Feeder { shared, written, published, done, noted, shown, taken, recalled }
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.shared.data.capacity()
    }

    /// How many bytes there is room for. The reader is asked only where it is not enough.
    #[inline]
    pub(crate) fn room(&mut self, wanted: u64) -> Result<u64, Violation> {
        let room = self.capacity() - (self.written - self.done);
        if room >= wanted {
            return Ok(room);
        }
        self.done()?;
        Ok(self.capacity() - (self.written - self.done))
    }

    /// Up to where the reader is done.
    pub(crate) fn done(&mut self) -> Result<u64, Violation> {
        let done = self.shared.control().read.0.done.load(Acquire);
        if done < self.done || done > self.published || !done.is_multiple_of(8) {
            return Err(Violation);
        }
        self.done = done;
        Ok(done)
    }

    /// Whether the reader has made room since it was last asked.
    pub(crate) fn has_moved(&self) -> bool {
        self.shared.control().read.0.done.load(Acquire) != self.done
    }

    /// Where the next frame begins.
    pub(crate) fn position(&self) -> u64 {
        self.written
    }

    /// Writes so many whole frames for which there is room. Nobody sees them yet.
    #[inline]
    pub(crate) fn write(&mut self, frames: &[u8], count: u64) {
        debug_assert!(frames.len().is_multiple_of(8));
        self.shared.data.write(self.written, frames);
        self.written += frames.len() as u64;
        self.noted += count;
    }

    /// Makes visible what was written, and wakes a reader that sleeps.
    pub(crate) fn publish(&mut self) {
        if self.published == self.written {
            return;
        }
        self.show();
        let reader = &self.shared.control().reader.0;
        if reader.is_armed() {
            reader.toll();
        }
    }

    /// Makes visible what was written. Killed right after this, the writer leaves nobody behind: the
    /// reader is its child.
    pub(super) fn show(&mut self) {
        (self.published, self.shown) = (self.written, self.noted);
        self.shared.control().written.0.store(self.written, Release);
    }

    /// How many frames the reader has taken.
    pub(crate) fn taken(&mut self) -> Result<u64, Violation> {
        let taken = self.shared.control().read.0.taken.load(Acquire);
        self.note_taken(taken)?;
        Ok(self.taken - self.recalled)
    }

    fn note_taken(&mut self, taken: u64) -> Result<(), Violation> {
        if taken < self.taken || taken > self.shown {
            return Err(Violation);
        }
        self.taken = taken;
        Ok(())
    }

    /// Takes back what was not taken: how many frames, the last ones that were written.
    pub(crate) fn recall(&mut self) -> Result<u64, Violation> {
        loop {
            let word = &self.shared.control().read.0.taken;
            match word.compare_exchange(self.taken, self.shown, AcqRel, Acquire) {
                Ok(_) => break,
                // It has taken more meanwhile.
                Err(taken) if taken > self.taken => self.note_taken(taken)?,
                Err(_) => return Err(Violation),
            }
        }
        let recalled = self.shown - self.taken;
        self.recalled += recalled;
        self.taken = self.shown;
        Ok(recalled)
    }

    /// When the last frame was taken, by the reader's own word.
    pub(crate) fn began(&self) -> u64 {
        self.shared.control().read.0.began.load(Relaxed)
    }

    /// Says that nothing will follow what is there.
    pub(crate) fn finish(&self) {
        self.shared.finish();
    }
}
