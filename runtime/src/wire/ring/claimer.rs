//! The side that takes tasks, each of which the writer may take back until it is taken.

use std::ops::Range;

#[cfg(not(loom))]
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[cfg(loom)]
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::cut::{Cut, fence_of_reader};
use super::numbers::{AtHand, Head};
use super::{HEADER, Shared, Violation, footprint};
use crate::wire::patience::Patience;

/// Takes the frames that a [`Feeder`](super::Feeder) writes.
///
/// Frames are copied out of the ring many at a time, and then taken one by one.
pub(crate) struct Claimer {
    pub(super) shared: Shared,
    /// What was copied, where in it the next frame begins, and where in the ring that is.
    pub(super) block: Vec<u8>,
    pub(super) at: usize,
    pub(super) position: u64,
    /// The number of the last frame that was taken by either side, and how many there still are up to
    /// that one, to be passed over.
    pub(super) taken: u64,
    pub(super) skipped: u64,
    /// How many frames were taken that this side has.
    pub(super) got: u64,
    /// Where each of several words is a frame: those that follow.
    pub(super) numbers: AtHand,
    /// What the writer had taken back when this side last looked.
    pub(super) cut: Cut,
    /// The writer's fences are for this side as well.
    pub(super) cheap: bool,
    /// Up to where the writer was told that space is free.
    released: u64,
    patience: Patience,
}

/// A frame that is this side's now.
pub(crate) struct Claimed {
    pub(crate) tag: u32,
    /// Where in [`bytes`](Claimer::bytes) its body is, until the next one is taken.
    pub(crate) body: Range<usize>,
}

/// Why a reader has no frame to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// There may be one now.
    Over,
    /// There will be none.
    Finished,
}

/// How much is copied at once: it should stay in the nearest cache.
#[cfg(not(loom))]
const BLOCK: u64 = 8 << 10;
#[cfg(loom)]
const BLOCK: u64 = 32;

impl Claimer {
    /// Of a ring whose writer's fences are [`cheap`](super::cut) for this side, or not.
    pub(crate) fn new(shared: Shared, cheap: bool) -> Self {
        let block = Vec::new();
        let (at, position, taken, skipped, released) = (0, 0, 0, 0, 0);
        let patience = Patience::new();
        let (cut, numbers) = (Cut::default(), AtHand::default());
        Claimer {
            shared,
            block,
            at,
            position,
            taken,
            skipped,
            got: 0,
            numbers,
            cut,
            cheap,
            released,
            patience,
        }
    }

    /// Takes the next frame, if there is one that the writer does not take back first. The time is
    /// noted as that at which it was taken. None where [numbers](Claimer::numbers) are next.
    #[inline]
    pub(crate) fn claim(&mut self, now: u64) -> Result<Option<Claimed>, Violation> {
        while let Some(Head::Frame(tag, len, size)) = self.come()? {
            if self.is_mine(now)? {
                return Ok(Some(Claimed { tag, body: self.pass(size, len) }));
            }
        }
        Ok(None)
    }

    /// Takes the next frame if it was copied already and has this tag: where its body is.
    #[inline]
    pub(crate) fn claim_alike(
        &mut self,
        tag: u32,
        now: u64,
    ) -> Result<Option<Range<usize>>, Violation> {
        if self.skipped > 0 || self.shared.is_closed() || self.is_in_numbers() {
            return Ok(None);
        }
        match self.next() {
            Some((found, len, size)) if found == tag && self.is_mine(now)? => {
                Ok(Some(self.pass(size, len)))
            }
            _ => Ok(None),
        }
    }

    /// Takes the next frame unless the writer has taken it back.
    #[inline]
    fn is_mine(&mut self, now: u64) -> Result<bool, Violation> {
        let control = self.shared.control();
        let read = &control.read.0;
        // First: whoever sees that it is taken does not see an older time.
        read.began.store(now, Relaxed);
        let next = self.taken + 1;
        read.taken.store(next, Release);
        fence_of_reader(self.cheap);
        if control.cut.load(Acquire) != self.cut.word() {
            return self.settle(next);
        }
        self.taken = next;
        self.got += 1;
        Ok(true)
    }

    /// The writer has taken frames back meanwhile, or is about to: whether this one is still here.
    #[cold]
    pub(super) fn settle(&mut self, next: u64) -> Result<bool, Violation> {
        let Some(cut) = self.decided() else { return Ok(false) };
        self.cut = cut;
        self.shared.control().read.0.known.store(cut.word(), Release);
        if next > cut.to() {
            self.taken = next;
            self.got += 1;
            return Ok(true);
        }
        // The writer saw the last one that was taken, or that which is.
        let is_mine = next == cut.from();
        if next < cut.from() {
            return Err(Violation);
        }
        self.taken = cut.to();
        self.got += u64::from(is_mine);
        self.skipped = cut.to() + 1 - next - u64::from(is_mine);
        Ok(is_mine)
    }

    /// Waits until the writer has decided. It does so in a moment; none if it is not wanted any more.
    fn decided(&self) -> Option<Cut> {
        let control = self.shared.control();
        let look = || Cut::of_word(control.cut.load(Acquire));
        loop {
            let cut = look();
            if !cut.is_held() {
                return Some(cut);
            }
            if self.shared.is_closed() {
                return None;
            }
            let bell = &control.reader.0;
            bell.arm();
            if look().is_held() && !self.shared.is_closed() {
                bell.sleep(None);
            } else {
                bell.disarm();
            }
        }
    }

    /// How many frames were taken that this side has.
    #[inline]
    pub(crate) fn got(&self) -> u64 {
        self.got
    }

    /// Goes on behind the next frame: where its body is.
    #[inline]
    pub(super) fn pass(&mut self, size: usize, len: usize) -> Range<usize> {
        let start = self.at + HEADER as usize;
        self.go_on(size as u64);
        start..start + len
    }

    /// Goes on behind so many bytes.
    #[inline(always)]
    pub(super) fn go_on(&mut self, size: u64) {
        self.at += size as usize;
        self.position += size;
    }

    /// What was copied.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.block
    }

    /// Gives back the space of the frames that were taken: they are done.
    #[inline]
    pub(crate) fn release(&mut self) {
        if self.released != self.position {
            self.released = self.position;
            self.shared.control().read.0.done.store(self.position, Release);
        }
    }

    /// Tag, length of the body and size of the next frame, if it was copied whole.
    #[inline]
    pub(super) fn next(&self) -> Option<(u32, usize, usize)> {
        let rest = &self.block[self.at..];
        let header = u64::from_le_bytes(*rest.first_chunk()?);
        let len = header & u64::from(u32::MAX);
        let size = footprint(len) as usize;
        (size <= rest.len()).then_some(((header >> 32) as u32, len as usize, size))
    }

    /// Copies more frames; whether there were any. What was taken before is done.
    #[cold]
    pub(super) fn fill(&mut self) -> Result<bool, Violation> {
        self.release();
        self.block.clear();
        self.at = 0;
        // Not kept for ever, where one large frame made it grow.
        if self.block.capacity() as u64 > 2 * BLOCK {
            self.block = Vec::new();
        }
        let written = self.shared.control().written.0.load(Acquire);
        let there = self.ahead(written)?;
        if there == 0 {
            return Ok(false);
        }
        let header = self.shared.data.read_word(self.position);
        let first = footprint(header & u64::from(u32::MAX));
        if first > there {
            return Err(Violation);
        }
        let copied = there.min(BLOCK).max(first);
        self.shared.data.read(self.position, copied as usize, &mut self.block);
        // The header once more, if somebody has written over it.
        if self.next().is_some() { Ok(true) } else { Err(Violation) }
    }

    /// How far a position is ahead, if it can be.
    fn ahead(&self, position: u64) -> Result<u64, Violation> {
        let ahead = position.checked_sub(self.position).ok_or(Violation)?;
        let whole = position - self.released;
        let possible = whole <= self.shared.data.capacity() && position.is_multiple_of(8);
        if possible { Ok(ahead) } else { Err(Violation) }
    }

    /// Waits until there is a frame, or none will come. Before it sleeps it says so.
    pub(crate) fn wait(&mut self, idle: impl FnOnce()) -> Result<Wait, Violation> {
        let Claimer { shared, patience, position, .. } = self;
        let is_new = || shared.control().written.0.load(Acquire) != *position;
        let over = || shared.is_closed() || shared.is_finished();
        let news = || is_new() || over();
        #[cfg(not(loom))]
        let found = patience.look(news);
        #[cfg(loom)]
        let found = {
            let _ = patience;
            news()
        };
        if !found {
            idle();
            let bell = &shared.control().reader.0;
            bell.arm();
            if news() {
                bell.disarm();
            } else {
                bell.sleep(None);
            }
        }
        // Asked in this order: what was written before the end is still to be had.
        let over = over();
        Ok(if shared.is_closed() || over && !is_new() { Wait::Finished } else { Wait::Over })
    }
}
