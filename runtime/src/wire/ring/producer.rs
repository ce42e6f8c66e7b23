//! The side that writes.

use std::time::Instant;

#[cfg(not(loom))]
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[cfg(loom)]
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::{HEADER, Shared, Violation, WaitingRoom, footprint};
use crate::wire::patience::Patience;

/// Why a frame was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushError {
    /// The reader is dead.
    Closed,
    /// There was no room before the deadline.
    Full,
    /// The reader lies.
    Violation,
}

impl From<Violation> for PushError {
    fn from(_: Violation) -> Self {
        PushError::Violation
    }
}

/// Writes frames, one after the other.
pub(crate) struct Producer {
    pub(super) shared: Shared,
    pub(super) written: u64,
    /// Up to where the consumer was known to be done.
    done: u64,
    /// How many numbers the frame that was begun has room for; 0 if none was.
    pub(super) numbers: u64,
    /// Whether the reader was told that nothing will follow.
    #[cfg(not(loom))]
    finished: bool,
    patience: Patience,
}

impl Producer {
    pub(crate) fn new(shared: Shared) -> Self {
        Producer {
            shared,
            written: 0,
            done: 0,
            numbers: 0,
            #[cfg(not(loom))]
            finished: false,
            patience: Patience::new(),
        }
    }

    /// The longest frame that goes into the ring itself: what is longer would leave too little
    /// room for others.
    pub(crate) fn longest(&self) -> usize {
        (self.shared.data.capacity() / 4 - HEADER) as usize
    }

    /// Where the next frame will begin.
    pub(crate) fn position(&self) -> u64 {
        self.written
    }

    /// Up to where the reader is done.
    #[inline]
    pub(crate) fn done(&mut self) -> Result<u64, Violation> {
        let done = self.shared.control().read.0.done.load(Acquire);
        if done < self.done || done > self.written || !done.is_multiple_of(8) {
            return Err(Violation);
        }
        self.done = done;
        Ok(done)
    }

    /// Writes a frame made of pieces, and waits for room until the deadline.
    pub(crate) fn push<'a>(
        &mut self,
        tag: u32,
        len: usize,
        pieces: impl Iterator<Item = &'a [u8]>,
        deadline: Option<Instant>,
    ) -> Result<(), PushError> {
        let size = footprint(len as u64);
        if !self.fits(size)? {
            self.wait(size, deadline)?;
        }
        self.push_now(tag, len, pieces)
    }

    /// Whether a frame with so many bytes would not have to wait; if it would, up to where the
    /// reader has to be done.
    pub(crate) fn room(&mut self, len: usize) -> Result<Result<(), u64>, Violation> {
        let size = footprint(len as u64);
        let until = (self.written + size).saturating_sub(self.shared.data.capacity());
        Ok(if self.fits(size)? { Ok(()) } else { Err(until) })
    }

    /// Writes a frame for which there is room.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn push_now<'a>(
        &mut self,
        tag: u32,
        len: usize,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), PushError> {
        debug_assert!(len <= self.longest());
        let size = footprint(len as u64);
        if self.shared.is_closed() {
            return Err(PushError::Closed);
        }
        let header = u64::from(tag) << 32 | len as u64;
        self.lay_down(header, pieces);
        self.publish(size);
        let reader = &self.shared.control().reader.0;
        if reader.is_armed() {
            reader.toll();
        }
        Ok(())
    }

    /// Writes a frame of a few words, the last of which is filled up, if there is room for it and it
    /// does not lie around the end; whether it did.
    #[cfg(not(loom))]
    #[inline(always)]
    pub(crate) fn push_words(&mut self, tag: u32, len: usize, words: &[[u8; 8]]) -> bool {
        let size = footprint(len as u64);
        debug_assert_eq!(size, HEADER + 8 * words.len() as u64);
        let has_room = self.written - self.done <= self.shared.data.capacity() - size;
        if !has_room || self.shared.is_closed() {
            return false;
        }
        let header = u64::from(tag) << 32 | len as u64;
        if !self.shared.data.write_words(self.written, header, words) {
            return false;
        }
        self.publish(size);
        let reader = &self.shared.control().reader.0;
        if reader.is_armed() {
            reader.toll();
        }
        true
    }

    /// Writes a frame, and wakes nobody. Where there is no room, `blocked` is called before it waits
    /// for some.
    #[inline]
    pub(crate) fn push_quietly<'a>(
        &mut self,
        tag: u32,
        len: usize,
        pieces: impl Iterator<Item = &'a [u8]>,
        blocked: impl FnOnce(),
    ) -> Result<(), PushError> {
        debug_assert!(len <= self.longest());
        self.end_numbers();
        let size = footprint(len as u64);
        self.make_room(size, blocked)?;
        self.lay_down(u64::from(tag) << 32 | len as u64, pieces);
        self.publish(size);
        Ok(())
    }

    /// Waits until there is room. Where there is none yet, `blocked` is called before that.
    #[inline]
    pub(super) fn make_room(&mut self, size: u64, blocked: impl FnOnce()) -> Result<(), PushError> {
        if !self.fits(size)? {
            blocked();
            self.wait(size, None)?;
        }
        Ok(())
    }

    /// Waits until the reader is done up to a position that was written.
    pub(crate) fn wait_until_done(
        &mut self,
        position: u64,
        deadline: Option<Instant>,
    ) -> Result<(), PushError> {
        // It is done that far when there is this much room.
        let size = self.shared.data.capacity() - (self.written - position.min(self.written));
        if self.fits(size)? { Ok(()) } else { self.wait(size, deadline) }
    }

    /// Up to where the reader was done when it last made sense.
    #[cfg(not(loom))]
    pub(crate) fn last_done(&self) -> u64 {
        self.done
    }

    /// How far the reader has taken frames, if what it says can be: between what it is done with
    /// and what was written. Who has written over this side's own words is not believed.
    #[cfg(not(loom))]
    pub(crate) fn taken(&mut self) -> Result<u64, Violation> {
        let done = self.done()?;
        let control = self.shared.control();
        let taken = control.read.0.taken.load(Acquire);
        let ours = control.written.0.load(Relaxed) == self.written
            && self.shared.is_finished() == self.finished;
        if !ours || taken < done || taken > self.written { Err(Violation) } else { Ok(taken) }
    }

    /// When the last frame was taken, by the reader's own word.
    #[cfg(not(loom))]
    pub(crate) fn began(&self) -> u64 {
        self.shared.control().read.0.began.load(Relaxed)
    }

    /// Has the next reader begin at a position: this one is dead, and what it was handling is not
    /// handled again. It may have written over all that both sides see, so nothing there is left as
    /// it is: the next one would believe it.
    #[cfg(not(loom))]
    pub(crate) fn rewind(&mut self, to: u64) {
        self.done = to;
        self.shared.restore(self.written, to, self.finished);
    }

    /// Says that nothing will follow what is there.
    #[cfg(not(loom))]
    pub(crate) fn finish(&mut self) {
        self.finished = true;
        self.shared.finish();
    }

    /// Reads back a frame of this side's own that lies between two of its positions: its tag and
    /// its bytes, whatever the other side has made of them.
    #[cfg(not(loom))]
    pub(crate) fn read_back(&self, start: u64, end: u64) -> (u32, Vec<u8>) {
        let header = self.shared.data.read_word(start);
        let len = (header & u64::from(u32::MAX)).min(end - start - HEADER);
        let mut bytes = Vec::new();
        self.shared.data.read(start + HEADER, len as usize, &mut bytes);
        ((header >> 32) as u32, bytes)
    }

    /// Where a thread waits for room without holding the producer.
    pub(crate) fn waiting_room(&self) -> WaitingRoom {
        WaitingRoom::new(self.shared.clone())
    }

    /// Writes the bytes of a frame, which nobody sees yet.
    #[inline]
    #[unsafe(link_section = ".procession.start")]
    pub(super) fn lay_down<'a>(&self, header: u64, pieces: impl Iterator<Item = &'a [u8]>) {
        self.shared.data.write_word(self.written, header);
        let mut at = self.written + HEADER;
        for piece in pieces {
            self.shared.data.write(at, piece);
            at += piece.len() as u64;
        }
    }

    /// Makes what was written visible. Killed right after this, a process leaves its reader to
    /// whoever observes the death.
    #[inline]
    pub(super) fn publish(&mut self, size: u64) {
        self.written += size;
        self.shared.control().written.0.store(self.written, Release);
    }

    #[inline]
    fn fits(&mut self, size: u64) -> Result<bool, Violation> {
        let room = self.shared.data.capacity() - size;
        Ok(self.written - self.done <= room || self.written - self.done()? <= room)
    }

    #[cold]
    fn wait(&mut self, size: u64, deadline: Option<Instant>) -> Result<(), PushError> {
        loop {
            if self.look(size)? {
                return Ok(());
            }
            let shared = self.shared.clone();
            let control = shared.control();
            control.need.store(size, Relaxed);
            control.writer.0.arm();
            if self.fits(size)? {
                control.writer.0.disarm();
                return Ok(());
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if shared.is_closed() || left.is_some_and(|left| left.is_zero()) {
                control.writer.0.disarm();
                let closed = shared.is_closed();
                return Err(if closed { PushError::Closed } else { PushError::Full });
            }
            control.writer.0.sleep(left);
        }
    }

    /// Looks for room for a moment.
    #[cfg(not(loom))]
    fn look(&mut self, size: u64) -> Result<bool, Violation> {
        let mut patience = std::mem::replace(&mut self.patience, Patience::new());
        let found = patience.look(|| self.fits(size).unwrap_or(true) || self.shared.is_closed());
        self.patience = patience;
        if found { self.fits(size) } else { Ok(false) }
    }

    #[cfg(loom)]
    fn look(&mut self, size: u64) -> Result<bool, Violation> {
        self.fits(size)
    }
}
