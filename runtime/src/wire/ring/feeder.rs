//! The side that writes tasks, and may take back those that were not taken.
//!
//! In such a ring frames have numbers. The reader says which one it takes, and then looks whether that
//! was taken back; the writer has it wait in that case, and decides by what it says. So each frame is
//! exactly one side's, whoever is killed in between.

#[cfg(not(loom))]
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[cfg(loom)]
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::cut::{Cut, fence_of_writer};
use super::{Shared, Violation};

/// Writes frames that a [`Claimer`](super::Claimer) takes.
pub(crate) struct Feeder {
    shared: Shared,
    /// Up to where frames were written, and up to where the reader was told so.
    written: u64,
    published: u64,
    /// Up to where the reader was known to be done.
    done: u64,
    /// How many frames were written, how many of them the reader was told of, and the last that it said
    /// it takes.
    noted: u64,
    shown: u64,
    taken: u64,
    /// What was taken back last, and how many frames the reader had got before that.
    cut: Cut,
    got: u64,
    /// The reader has no fences of its own.
    for_reader: bool,
}

impl Feeder {
    /// Of a ring whose reader's fences may be [cheap](super::cut).
    pub(crate) fn new(shared: Shared, for_reader: bool) -> Self {
        let (written, published, done) = (0, 0, 0);
        let (noted, shown, taken, got, cut) = (0, 0, 0, 0, Cut::default());
        Feeder { shared, written, published, done, noted, shown, taken, cut, got, for_reader }
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
        self.look()?;
        // It does not get what it says that it takes of those that were taken back.
        Ok(self.got + self.taken.saturating_sub(self.cut.to()))
    }

    fn look(&mut self) -> Result<(), Violation> {
        let taken = self.shared.control().read.0.taken.load(Acquire);
        if taken < self.taken || taken > self.shown {
            return Err(Violation);
        }
        self.taken = taken;
        Ok(())
    }

    /// Takes back what was not taken: how many frames, the last ones that were written.
    pub(crate) fn recall(&mut self) -> Result<u64, Violation> {
        let shared = self.shared.clone();
        let control = shared.control();
        control.cut.store(self.cut.held().word(), Release);
        let fenced = fence_of_writer(self.for_reader);
        // The reader has said what it has taken, and for the next one it waits.
        let recalled = if fenced { self.decide() } else { Ok(0) };
        control.cut.store(self.cut.word(), Release);
        if control.reader.0.is_armed() {
            control.reader.0.toll();
        }
        recalled
    }

    fn decide(&mut self) -> Result<u64, Violation> {
        self.look()?;
        let before = self.cut.to();
        let known = self.shared.control().read.0.known.load(Acquire) == self.cut.word();
        let from = match self.taken {
            taken if taken > before => taken,
            _ if known => before,
            // It has not come to those that were taken back before: they are some more.
            _ => self.cut.from(),
        };
        self.cut = Cut::between(from, self.shown)?;
        self.got += self.taken.saturating_sub(before);
        Ok(self.shown - self.taken.max(before))
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
