//! What holds the messages of a slot: a ring that its actor reads, or this process's own memory.

use crate::wire::{Encoder, Fault, MailboxEnds, MailboxSender, NotNow, Tag, WaitingRoom};

/// What holds messages.
pub(crate) enum Line {
    /// A ring that the actor's process reads.
    Ring(Box<MailboxSender>),
    /// This process; messages are numbered and handed over one by one.
    Held(Held),
}

/// How far messages that this process holds are. The messages are with the slot.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(super) written: u64,
    pub(super) sent: u64,
    pub(super) taken: u64,
    pub(super) done: u64,
    pub(super) began: u64,
    /// Whether the reader knows that no more will follow.
    pub(super) closed: bool,
}

impl Line {
    /// Puts a message in, and says up to where it lies. One that is held is with the slot.
    #[inline]
    pub(super) fn put(&mut self, tag: Tag, row: &Encoder<'_>) -> Result<u64, NotNow> {
        match self {
            Line::Ring(ring) => ring.put(tag, row),
            Line::Held(held) => {
                held.written += 1;
                Ok(held.written)
            }
        }
    }

    /// Up to where messages are done, and up to where they were taken.
    pub(super) fn progress(&mut self) -> Result<(u64, u64), Fault> {
        match self {
            Line::Ring(ring) => ring.progress(),
            Line::Held(held) => Ok((held.done, held.taken)),
        }
    }

    /// Up to where messages are known to be done, whatever is said now.
    pub(super) fn last_done(&self) -> u64 {
        match self {
            Line::Ring(ring) => ring.last_done(),
            Line::Held(held) => held.done,
        }
    }

    /// When the message in hand was taken, in nanoseconds of the monotonic clock.
    pub(super) fn began(&self) -> u64 {
        match self {
            Line::Ring(ring) => ring.began(),
            Line::Held(held) => held.began,
        }
    }

    /// The bytes of a message that nobody will read.
    pub(super) fn contents(&self, start: u64, end: u64) -> Vec<u8> {
        match self {
            Line::Ring(ring) => ring.contents(start, end),
            Line::Held(_) => Vec::new(),
        }
    }

    /// Its reader is dead, and what that made of the ring's words is not believed any more.
    pub(super) fn forget_reader(&mut self, from: u64) {
        if let Line::Ring(ring) = self {
            ring.rewind(from);
        }
    }

    /// Has the next reader begin at a position.
    pub(super) fn hand_over(
        &mut self,
        from: u64,
        timed: bool,
    ) -> Result<Option<MailboxEnds>, Fault> {
        match self {
            Line::Ring(ring) => ring.hand_over(from, timed).map(Some),
            Line::Held(held) => {
                held.sent = from;
                held.taken = from;
                held.done = from;
                held.closed = false;
                Ok(None)
            }
        }
    }

    pub(super) fn waiting_room(&self) -> Option<WaitingRoom> {
        match self {
            Line::Ring(ring) => Some(ring.waiting_room()),
            Line::Held(_) => None,
        }
    }

    pub(super) fn finish(&mut self) {
        if let Line::Ring(ring) = self {
            ring.finish();
        }
    }
}
