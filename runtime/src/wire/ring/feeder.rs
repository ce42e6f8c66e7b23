//! The side that writes tasks, and may take back those that were not taken.
//!
//! Both sides move `taken` by compare and exchange alone: the reader over the next frame, the writer
//! over all that is left. So each frame is exactly one side's, whoever is killed in between.

use std::collections::VecDeque;

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
    /// Up to where the reader was known to be done, and to have taken frames.
    done: u64,
    taken: u64,
    /// Where the frames end that are not known to be taken, and how many were.
    ends: VecDeque<u64>,
    noted: u64,
    count: u64,
}

impl Feeder {
    pub(crate) fn new(shared: Shared) -> Self {
        let ends = VecDeque::new();
        Feeder { shared, written: 0, published: 0, done: 0, taken: 0, ends, noted: 0, count: 0 }
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

    /// Writes whole frames for which there is room. Nobody sees them yet; each is noted by
    /// [`note`](Feeder::note).
    #[inline]
    pub(crate) fn write(&mut self, frames: &[u8]) {
        debug_assert!(frames.len().is_multiple_of(8));
        self.shared.data.write(self.written, frames);
        self.written += frames.len() as u64;
    }

    /// Notes the size of a frame that is written, or is about to be.
    #[inline]
    pub(crate) fn note(&mut self, size: u64) {
        self.noted += size;
        self.ends.push_back(self.noted);
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
        self.published = self.written;
        self.shared.control().written.0.store(self.written, Release);
    }

    /// How many frames were taken.
    pub(crate) fn taken(&mut self) -> Result<u64, Violation> {
        let taken = self.shared.control().read.0.taken.load(Acquire);
        self.pass(taken)?;
        Ok(self.count)
    }

    /// Takes note of up to where frames were taken. It is where one of them ends, or the reader lies.
    fn pass(&mut self, taken: u64) -> Result<(), Violation> {
        if taken < self.taken || taken > self.published {
            return Err(Violation);
        }
        while self.taken < taken {
            self.taken = self.ends.pop_front().ok_or(Violation)?;
            self.count += 1;
        }
        if self.taken == taken { Ok(()) } else { Err(Violation) }
    }

    /// Takes back what was not taken: how many frames, the last ones that were written.
    pub(crate) fn recall(&mut self) -> Result<u64, Violation> {
        loop {
            let word = &self.shared.control().read.0.taken;
            match word.compare_exchange(self.taken, self.published, AcqRel, Acquire) {
                Ok(_) => break,
                // It took more meanwhile, which ends with the last frame.
                Err(taken) if taken > self.taken => self.pass(taken)?,
                Err(_) => return Err(Violation),
            }
        }
        let recalled = self.ends.len() as u64;
        self.ends.clear();
        self.taken = self.published;
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
