//! The side that writes.

use std::time::Instant;

#[cfg(not(loom))]
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[cfg(loom)]
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::{HEADER, Shared, Violation, footprint};
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
    shared: Shared,
    written: u64,
    /// Up to where the consumer was known to be done.
    done: u64,
    patience: Patience,
}

impl Producer {
    pub(crate) fn new(shared: Shared) -> Self {
        Producer { shared, written: 0, done: 0, patience: Patience::new() }
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
    pub(crate) fn done(&mut self) -> Result<u64, Violation> {
        let done = self.shared.control().done.0.load(Acquire);
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
        debug_assert!(len <= self.longest());
        let size = footprint(len as u64);
        if !self.fits(size)? {
            self.wait(size, deadline)?;
        }
        if self.shared.is_closed() {
            return Err(PushError::Closed);
        }
        let header = (u64::from(tag) << 32 | len as u64).to_le_bytes();
        self.lay_down(&header, pieces);
        self.publish(size);
        let reader = &self.shared.control().reader.0;
        if reader.is_armed() {
            reader.toll();
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

    /// Writes the bytes of a frame, which nobody sees yet.
    pub(super) fn lay_down<'a>(&self, header: &[u8], pieces: impl Iterator<Item = &'a [u8]>) {
        self.shared.data.write(self.written, header);
        let mut at = self.written + HEADER;
        for piece in pieces {
            self.shared.data.write(at, piece);
            at += piece.len() as u64;
        }
    }

    /// Makes what was written visible. Killed right after this, a process leaves its reader to
    /// whoever observes the death.
    pub(super) fn publish(&mut self, size: u64) {
        self.written += size;
        self.shared.control().written.0.store(self.written, Release);
    }

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
