//! What the writer of a ring has taken back, and fences of which one side pays nearly everything.
//!
//! The reader says which frame it takes, then looks at this word; the writer says in this word that
//! it is about to decide, then looks at what was taken. With a full fence on both sides in between, one
//! of them sees the other. The reader does so for every frame and the writer hardly ever, so the
//! writer's fence is one for both: it has every processor that runs a reader pass one, and the reader's
//! costs nothing. It is the same with a writer that waits for room in a mailbox, which looks whether the
//! reader is done; the reader looks for a sleeper after each message. (*Asymmetric* Dekker
//! synchronisation: D. Dice, H. Huang and M. Yang, 2001; here by `membarrier(2)`.)

#[cfg(not(loom))]
use std::sync::atomic::{Ordering::SeqCst, compiler_fence, fence};

#[cfg(loom)]
use loom::sync::atomic::{Ordering::SeqCst, fence};

use super::Violation;

/// Which frames the writer has taken back last: those behind one up to another, by their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cut(u64);

/// The writer is about to decide. The rest is what it decided last.
const HELD: u64 = 1 << 63;

/// How many bits say how many frames there are: no ring has more.
const LEN: u32 = 16;

impl Cut {
    pub(super) fn between(from: u64, to: u64) -> Result<Self, Violation> {
        match to.checked_sub(from) {
            Some(len) if len < 1 << LEN => Ok(Cut(from << LEN | len)),
            _ => Err(Violation),
        }
    }

    pub(super) fn of_word(word: u64) -> Self {
        Cut(word)
    }

    pub(super) fn word(self) -> u64 {
        self.0
    }

    pub(super) fn held(self) -> Self {
        Cut(self.0 | HELD)
    }

    pub(super) fn is_held(self) -> bool {
        self.0 & HELD != 0
    }

    /// The last frame that was not taken back, of those before.
    pub(super) fn from(self) -> u64 {
        (self.0 & !HELD) >> LEN
    }

    /// The last frame that was.
    pub(super) fn to(self) -> u64 {
        self.from() + (self.0 & ((1 << LEN) - 1))
    }
}

/// The reader's fence: a cheap one where the writer has the other kind.
#[inline(always)]
pub(super) fn fence_of_reader(cheap: bool) {
    #[cfg(not(loom))]
    if cheap {
        return compiler_fence(SeqCst);
    }
    let _ = cheap;
    fence(SeqCst);
}

/// The writer's fence, for readers as well if theirs are cheap; whether it was one.
pub(super) fn fence_of_writer(for_readers: bool) -> bool {
    fence(SeqCst);
    #[cfg(not(loom))]
    if for_readers {
        return crate::sys::fence_elsewhere();
    }
    let _ = for_readers;
    true
}
