//! The side that reads.

use std::ops::Range;
use std::time::Instant;

#[cfg(not(loom))]
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[cfg(loom)]
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::cut::fence_of_reader;
use super::numbers::Reading;
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

/// Reads frames, one after the other. They are copied out of the ring many at a time, and then taken
/// one by one.
pub(crate) struct Consumer {
    pub(super) shared: Shared,
    /// What was copied, and where in it the next frame begins.
    block: Vec<u8>,
    at: usize,
    /// Up to where frames were taken, and up to where the writer was told so.
    pub(super) taken: u64,
    released: u64,
    /// Up to where frames were known to be complete.
    pub(super) seen: u64,
    /// The frame of numbers in which it is.
    pub(super) numbers: Reading,
    timed: bool,
    /// Who waits for room has fences that are for this side as well.
    cheap: bool,
    patience: Patience,
}

/// A frame that was taken.
pub(crate) struct Frame {
    pub(crate) tag: u32,
    /// Where in [`bytes`](Consumer::bytes) its body is, until the next one is taken.
    pub(crate) body: Range<usize>,
}

/// How much is copied at once: it should stay in the nearest cache.
#[cfg(not(loom))]
const BLOCK: u64 = 4 << 10;
#[cfg(loom)]
const BLOCK: u64 = 32;

impl Consumer {
    pub(crate) fn new(shared: Shared) -> Self {
        Self::at(shared, 0)
    }

    /// Goes on where another consumer of the same ring stopped.
    pub(crate) fn at(shared: Shared, position: u64) -> Self {
        let (taken, released, seen) = (position, position, position);
        let (block, patience) = (Vec::new(), Patience::new());
        Consumer {
            shared,
            block,
            at: 0,
            taken,
            released,
            seen,
            numbers: Reading::default(),
            timed: false,
            cheap: false,
            patience,
        }
    }

    /// Notes when each frame is taken from now on.
    #[cfg(not(loom))]
    pub(crate) fn note_times(&mut self) {
        self.timed = true;
    }

    /// Whether the [`WaitingRoom`](super::WaitingRoom) is the only place where somebody waits for room,
    /// and has fences for this process as well.
    #[cfg(not(loom))]
    pub(crate) fn fence_cheaply(&mut self, cheap: bool) {
        self.cheap = cheap;
    }

    /// Takes the next frame if there is one.
    #[inline]
    pub(crate) fn try_pop(&mut self) -> Result<Option<Frame>, Violation> {
        let next = match self.at_hand() {
            Some(next) => next,
            None => match self.fill()? {
                Some(next) => next,
                None => return Ok(None),
            },
        };
        Ok(Some(self.take_next(next)))
    }

    /// Takes the next frame if it was copied already and has this tag; what was taken before is done.
    #[cfg(not(loom))]
    #[inline(always)]
    pub(crate) fn pop_at_hand(&mut self, tag: u32) -> Option<Frame> {
        self.release();
        let next = self.at_hand().filter(|(found, ..)| *found == tag)?;
        Some(self.take_next(next))
    }

    #[inline(always)]
    fn take_next(&mut self, (tag, len, size): (u32, usize, usize)) -> Frame {
        let start = self.at + HEADER as usize;
        self.at += size;
        self.taken += size as u64;
        let read = &self.shared.control().read.0;
        #[cfg(not(loom))]
        if self.timed {
            read.began.store(crate::sys::monotonic_nanos(), Relaxed);
        }
        // Before the frame is handed on: what dies in its hands is known to have been there.
        read.taken.store(self.taken, Release);
        Frame { tag, body: start..start + len }
    }

    /// What was copied.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.block
    }

    /// Tag, length of the body and size of the next frame, if it was copied whole.
    #[inline(always)]
    fn at_hand(&self) -> Option<(u32, usize, usize)> {
        let rest = &self.block[self.at..];
        let header = u64::from_le_bytes(*rest.first_chunk()?);
        let len = header & u64::from(u32::MAX);
        let size = footprint(len) as usize;
        (size <= rest.len()).then_some(((header >> 32) as u32, len as usize, size))
    }

    /// Copies more frames, and gives the first if there are any.
    #[inline(never)]
    #[unsafe(link_section = ".procession.start")]
    fn fill(&mut self) -> Result<Option<(u32, usize, usize)>, Violation> {
        if self.taken == self.seen && !self.look()? {
            return Ok(None);
        }
        // Without a look at the first header, so that all lines are fetched at once: that is what a
        // message costs between two cores.
        let there = self.seen - self.taken;
        self.copy(there.min(BLOCK));
        if let Some(next) = self.at_hand() {
            return Ok(Some(next));
        }
        let header =
            self.block.first_chunk().map_or(u64::MAX, |header| u64::from_le_bytes(*header));
        let first = footprint(header & u64::from(u32::MAX));
        if first > there {
            return Err(Violation);
        }
        self.copy(first);
        // The header once more, if somebody has written over it.
        self.at_hand().ok_or(Violation).map(Some)
    }

    /// Copies so many bytes of what was seen.
    #[inline]
    fn copy(&mut self, len: u64) {
        self.at = 0;
        self.block.clear();
        if self.block.capacity() == 0 {
            self.block = Vec::with_capacity(len as usize);
        }
        self.shared.data.read(self.taken, len as usize, &mut self.block);
    }

    /// Looks what is there; whether there is something that was not taken.
    pub(crate) fn look_ahead(&mut self) -> Result<bool, Violation> {
        self.look()?;
        Ok(self.seen_more() > 0)
    }

    /// How many bytes were [seen](Consumer::look_ahead) and not taken.
    pub(crate) fn seen_more(&self) -> u64 {
        self.seen - self.taken
    }

    /// Copies all that is there behind what is in the buffer, without a look at it.
    /// [`take_to`](Consumer::take_to) says up to where it was taken.
    #[cfg(loom)]
    pub(crate) fn copy_all(&mut self, into: &mut Vec<u8>) -> Result<u64, Violation> {
        self.look()?;
        Ok(self.copy_seen(into))
    }

    /// The same of what was seen.
    pub(crate) fn copy_seen(&self, into: &mut Vec<u8>) -> u64 {
        self.shared.data.read(self.taken, (self.seen - self.taken) as usize, into);
        self.taken
    }

    /// Has taken the frames up to a position, and is done with them.
    pub(crate) fn take_to(&mut self, position: u64) {
        debug_assert!((self.taken..=self.seen).contains(&position));
        self.taken = position;
        self.shared.control().read.0.taken.store(position, Relaxed);
        self.release();
    }

    /// How many bytes there are that were not taken, by the writer's own word.
    pub(crate) fn waiting(&self) -> u64 {
        self.shared.control().written.0.load(Acquire).wrapping_sub(self.taken)
    }

    /// The words that both sides see.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Takes the next frame if there is one; what was taken before is done.
    #[cfg(not(loom))]
    pub(crate) fn pop_now(&mut self) -> Result<Frame, PopError> {
        self.release();
        match self.try_pop()? {
            Some(frame) => Ok(frame),
            None if self.shared.is_closed() || self.shared.is_finished() => {
                // What was published before that is still to be had.
                self.try_pop()?.ok_or(PopError::Closed)
            }
            None => Err(PopError::Empty),
        }
    }

    /// Takes the next frame, and waits for it until the deadline.
    #[inline]
    pub(crate) fn pop(&mut self, deadline: Option<Instant>) -> Result<Frame, PopError> {
        self.pop_unless(deadline, || false)
    }

    /// Takes the next frame, and waits for it until the deadline, or until the condition holds:
    /// whoever makes it true tolls [`ReaderBell`] afterwards.
    #[inline]
    pub(crate) fn pop_unless(
        &mut self,
        deadline: Option<Instant>,
        called_off: impl Fn() -> bool,
    ) -> Result<Frame, PopError> {
        self.release();
        loop {
            if let Some(frame) = self.try_pop()? {
                return Ok(frame);
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
        fence_of_reader(self.cheap);
        if control.writer.0.was_armed() {
            self.wake_writer();
        }
    }

    #[cold]
    fn wake_writer(&self) {
        let control = self.shared.control();
        // The writer's position may be newer than what was seen, so its need is held against the
        // least room there can be.
        let written = control.written.0.load(Acquire);
        let room = self.shared.data.capacity().saturating_sub(written.wrapping_sub(self.taken));
        if room >= control.need.load(Relaxed) {
            control.writer.0.toll();
        }
    }

    /// Looks whether there is more. The answer is checked: it never goes back, never further than
    /// the ring is long, and stays aligned.
    pub(super) fn look(&mut self) -> Result<bool, Violation> {
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
    #[unsafe(link_section = ".procession.start")]
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
