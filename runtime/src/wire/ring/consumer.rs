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
    timed: bool,
    patience: Patience,
}

impl Consumer {
    pub(crate) fn new(shared: Shared) -> Self {
        Self::at(shared, 0)
    }

    /// Goes on where another consumer of the same ring stopped.
    pub(crate) fn at(shared: Shared, position: u64) -> Self {
        let (taken, released, seen) = (position, position, position);
        Consumer { shared, taken, released, seen, timed: false, patience: Patience::new() }
    }

    /// Notes when each frame is taken from now on.
    #[cfg(not(loom))]
    pub(crate) fn note_times(&mut self) {
        self.timed = true;
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
        let read = &self.shared.control().read.0;
        #[cfg(not(loom))]
        if self.timed {
            read.began.store(crate::sys::monotonic_nanos(), Relaxed);
        }
        // Before the frame is handed on: what dies in its hands is known to have been there.
        read.taken.store(self.taken, Release);
        Ok(Some(tag))
    }

    /// Copies all that is there behind what is in the buffer, without a look at it.
    /// [`take_to`](Consumer::take_to) says up to where it was taken.
    pub(crate) fn copy_all(&mut self, into: &mut Vec<u8>) -> Result<u64, Violation> {
        self.look()?;
        self.shared.data.read(self.taken, (self.seen - self.taken) as usize, into);
        Ok(self.taken)
    }

    /// Has taken the frames up to a position, and is done with them.
    pub(crate) fn take_to(&mut self, position: u64) {
        debug_assert!((self.taken..=self.seen).contains(&position));
        self.taken = position;
        self.shared.control().read.0.taken.store(position, Relaxed);
        self.release();
    }

    /// Whether there is something that was not taken.
    pub(crate) fn has_more(&self) -> bool {
        self.shared.control().written.0.load(Acquire) != self.taken
    }

    /// The words that both sides see.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Takes the next frame if there is one; what was taken before is done.
    #[cfg(not(loom))]
    pub(crate) fn pop_now(&mut self, into: &mut Vec<u8>) -> Result<u32, PopError> {
        self.release();
        match self.try_pop(into)? {
            Some(tag) => Ok(tag),
            None if self.shared.is_closed() || self.shared.is_finished() => {
                // What was published before that is still to be had.
                self.try_pop(into)?.ok_or(PopError::Closed)
            }
            None => Err(PopError::Empty),
        }
    }

    /// Takes the next frame, and waits for it until the deadline.
    pub(crate) fn pop(
        &mut self,
        into: &mut Vec<u8>,
        deadline: Option<Instant>,
    ) -> Result<u32, PopError> {
        self.pop_unless(into, deadline, || false)
    }

    /// Takes the next frame, and waits for it until the deadline, or until the condition holds:
    /// whoever makes it true tolls [`ReaderBell`] afterwards.
    pub(crate) fn pop_unless(
        &mut self,
        into: &mut Vec<u8>,
        deadline: Option<Instant>,
        called_off: impl Fn() -> bool,
    ) -> Result<u32, PopError> {
        self.release();
        loop {
            if let Some(tag) = self.try_pop(into)? {
                return Ok(tag);
            }
            self.wait(deadline, &called_off)?;
        }
    }

    /// What wakes whoever waits here.
    #[cfg(not(loom))]
    pub(crate) fn bell(&self) -> ReaderBell {
        ReaderBell(self.shared.clone())
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
        control.read.0.done.store(self.taken, Release);
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
    fn wait(
        &mut self,
        deadline: Option<Instant>,
        called_off: impl Fn() -> bool,
    ) -> Result<(), PopError> {
        let Consumer { shared, patience, seen, .. } = self;
        let over = |shared: &Shared| shared.is_closed() || shared.is_finished();
        let is_new = || shared.control().written.0.load(Acquire) != *seen;
        let news = || is_new() || over(shared) || called_off();
        #[cfg(not(loom))]
        if patience.look(news) && is_new() {
            return Ok(());
        }
        #[cfg(loom)]
        let _ = patience;
        let bell = &shared.control().reader.0;
        bell.arm();
        if news() {
            bell.disarm();
            // What was published before the death was noticed is still to be had.
            let over = over(shared);
            if self.look()? {
                return Ok(());
            }
            return if over { Err(PopError::Closed) } else { Err(PopError::Empty) };
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

/// Wakes whoever waits for a frame, to look whether that is still wanted.
#[cfg(not(loom))]
pub(crate) struct ReaderBell(Shared);

#[cfg(not(loom))]
impl ReaderBell {
    pub(crate) fn toll(&self) {
        self.0.toll_reader();
    }
}
