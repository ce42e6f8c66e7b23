//! The side that reads.

use std::time::Instant;

#[cfg(not(loom))]
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[cfg(loom)]
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::{HEADER, Shared, Violation, footprint};
use crate::wire::patience::Patience;

/// Why there is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PopError {
    /// The writer is dead, and every complete frame of it was taken.
    Closed,
    /// None came before the deadline.
    Empty,
    /// The writer lies.
    Violation,
}

impl From<Violation> for PopError {
    fn from(_: Violation) -> Self {
        PopError::Violation
    }
}

/// Reads frames, one after the other.
pub(crate) struct Consumer {
    shared: Shared,
    /// Up to where frames were taken, and up to where the writer was told so.
    taken: u64,
    released: u64,
    /// Up to where frames were known to be complete.
    seen: u64,
    patience: Patience,
}

impl Consumer {
    pub(crate) fn new(shared: Shared) -> Self {
        Consumer { shared, taken: 0, released: 0, seen: 0, patience: Patience::new() }
    }

    /// Takes the next frame if there is one: its bytes into the buffer, its tag as the answer.
    #[inline]
    pub(crate) fn try_pop(&mut self, into: &mut Vec<u8>) -> Result<Option<u32>, Violation> {
        if self.taken == self.seen && !self.look()? {
            return Ok(None);
        }
        let header = self.shared.data.read_word(self.taken);
        let (tag, len) = ((header >> 32) as u32, header & u64::from(u32::MAX));
        if footprint(len) > self.seen - self.taken {
            return Err(Violation);
        }
        into.clear();
        self.shared.data.read(self.taken + HEADER, len as usize, into);
        self.taken += footprint(len);
        Ok(Some(tag))
    }

    /// Takes the next frame, and waits for it until the deadline.
    pub(crate) fn pop(
        &mut self,
        into: &mut Vec<u8>,
        deadline: Option<Instant>,
    ) -> Result<u32, PopError> {
        self.release();
        loop {
            if let Some(tag) = self.try_pop(into)? {
                return Ok(tag);
            }
            self.wait(deadline)?;
        }
    }

    /// Gives back the space of the frames that were taken, and wakes a writer for whom it is
    /// enough.
    #[inline]
    pub(crate) fn release(&mut self) {
        if self.released == self.taken {
            return;
        }
        self.released = self.taken;
        let control = self.shared.control();
        control.done.0.store(self.taken, Release);
        if control.writer.0.is_armed() {
            // The writer's position may be newer than what was seen, so its need is held against
            // the least room there can be.
            let written = control.written.0.load(Acquire);
            let room = self.shared.data.capacity().saturating_sub(written.wrapping_sub(self.taken));
            if room >= control.need.load(Relaxed) {
                control.writer.0.toll();
            }
        }
    }

    /// Looks whether there is more. The answer is checked: it never goes back, never further than
    /// the ring is long, and stays aligned.
    fn look(&mut self) -> Result<bool, Violation> {
        let written = self.shared.control().written.0.load(Acquire);
        if written == self.seen {
            return Ok(false);
        }
        let ahead = written.wrapping_sub(self.released);
        if written < self.seen || ahead > self.shared.data.capacity() || !written.is_multiple_of(8)
        {
            return Err(Violation);
        }
        self.seen = written;
        Ok(true)
    }

    #[cold]
    fn wait(&mut self, deadline: Option<Instant>) -> Result<(), PopError> {
        let shared = self.shared.clone();
        let seen = self.seen;
        let news = || shared.control().written.0.load(Acquire) != seen || shared.is_closed();
        #[cfg(not(loom))]
        if self.patience.look(news) && !shared.is_closed() {
            return Ok(());
        }
        let bell = &shared.control().reader.0;
        bell.arm();
        if news() {
            bell.disarm();
            // What was published before the death was noticed is still to be had.
            let closed = shared.is_closed() && !self.look()?;
            return if closed { Err(PopError::Closed) } else { Ok(()) };
        }
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            bell.disarm();
            return Err(PopError::Empty);
        }
        bell.sleep(left);
        Ok(())
    }
}
