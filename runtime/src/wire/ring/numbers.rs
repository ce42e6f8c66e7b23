//! Numbers that follow one another in one frame: each is a word of it, and a message of its own.
//!
//! ```text
//! │ tag, length │ number │ number │ …              of tasks: written at once, taken one by one
//! │ tag, length │ number │ number │ … │ how many │ of results: published one by one
//! ```
//!
//! A number has no header, no padding and no length of its own: there is nothing to look at but the word.
//!
//! Who publishes them one by one says the length first, so *written* may stand in the middle of such a
//! frame. If something else comes before it is full, that goes behind its end, and the last word says
//! how many numbers there are: nobody sees that before, nor what lies in between.

#[cfg(not(loom))]
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[cfg(loom)]
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::cut::fence_of_reader;
use super::{Claimer, Consumer, HEADER, Producer, PushError, Violation, footprint};

/// Set in a tag where each word of the body is a number that counts by itself.
pub(crate) const NUMBERS: u32 = 1 << 29;

/// How many bytes one has.
pub(crate) const WORD: u64 = 8;

/// How many go into one frame: with it they fill what is copied at once.
#[cfg(not(loom))]
pub(crate) const MOST: u64 = 1022;
#[cfg(loom)]
pub(crate) const MOST: u64 = 3;

/// Numbers of tasks that are at hand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AtHand {
    /// The tag of their frame, and how many of its words follow.
    tag: u32,
    left: u64,
}

/// Numbers that are claimed one after the other. How many were is noted at the end, even if that is a
/// panic.
struct Run<'c> {
    claimer: &'c mut Claimer,
    count: u64,
}

impl Run<'_> {
    #[inline(always)]
    fn note(&mut self) {
        let count = std::mem::take(&mut self.count);
        self.claimer.go_on(WORD * count);
        self.claimer.taken += count;
        self.claimer.got += count;
        self.claimer.numbers.left -= count;
    }

    /// Whether the next one is this side's after all.
    #[cold]
    fn settle(&mut self, next: u64) -> Result<bool, Violation> {
        self.note();
        let is_mine = self.claimer.settle(next)?;
        if is_mine {
            self.claimer.numbers.left -= 1;
            self.claimer.go_on(WORD);
        }
        Ok(is_mine)
    }
}

impl Drop for Run<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.note();
    }
}

/// What comes next.
pub(super) enum Head {
    /// A frame: its tag, the length of its body, and its size.
    Frame(u32, usize, usize),
    /// A number, and the tag of its frame.
    Number(u32),
}

impl Claimer {
    /// Whether what comes next is a number: the tag of its frame then.
    pub(crate) fn numbers(&mut self) -> Result<Option<u32>, Violation> {
        match self.come()? {
            Some(Head::Number(tag)) => Ok(Some(tag)),
            _ => Ok(None),
        }
    }

    /// Goes to what comes next, past what the writer took back. Nothing comes to who is not wanted any
    /// more, and leaves what is there to others.
    #[inline]
    pub(super) fn come(&mut self) -> Result<Option<Head>, Violation> {
        while !self.shared.is_closed() {
            if self.numbers.left > 0 {
                let over = self.skipped.min(self.numbers.left);
                self.skipped -= over;
                self.numbers.left -= over;
                self.go_on(WORD * over);
                if self.numbers.left > 0 {
                    return Ok(Some(Head::Number(self.numbers.tag)));
                }
            }
            match self.next() {
                Some((tag, len, _)) if tag & NUMBERS != 0 => {
                    self.numbers = AtHand { tag, left: len as u64 / WORD };
                    self.go_on(HEADER);
                }
                Some((_, len, size)) if self.skipped > 0 => {
                    self.skipped -= 1;
                    self.pass(size, len);
                }
                Some((tag, len, size)) => return Ok(Some(Head::Frame(tag, len, size))),
                None if self.fill()? => {}
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Takes the numbers that follow, of the same frame as the [last](Claimer::numbers) and so many at the
    /// most, one after the other as each is done, unless the writer takes them back first. The time is
    /// noted as that at which they were taken.
    #[inline(always)]
    pub(crate) fn claim_numbers<E: From<Violation>>(
        &mut self,
        now: u64,
        most: u64,
        mut each: impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.skipped > 0 {
            return Ok(());
        }
        let most = most.min(self.numbers.left);
        self.shared.control().read.0.began.store(now, Relaxed);
        let mut run = Run { claimer: self, count: 0 };
        let mut settled = false;
        // Behind one for which there was a contest the numbers may go on elsewhere.
        while run.count < most && !settled {
            let Run { claimer, count } = &mut run;
            let place = claimer.at + (WORD * *count) as usize;
            let word = claimer.block.get(place..).and_then(<[u8]>::first_chunk);
            let word = u64::from_le_bytes(*word.ok_or(Violation)?);
            if claimer.shared.is_closed() {
                break;
            }
            let (control, next) = (claimer.shared.control(), claimer.taken + *count + 1);
            control.read.0.taken.store(next, Release);
            fence_of_reader(claimer.cheap);
            if control.cut.load(Acquire) == claimer.cut.word() {
                *count += 1;
            } else if run.settle(next)? {
                settled = true;
            } else {
                break;
            }
            each(word)?;
        }
        Ok(())
    }

    /// Whether the next frame is a number that is at hand, of the same frame as the last one.
    #[inline]
    pub(crate) fn is_in_numbers(&self) -> bool {
        self.numbers.left > 0 && self.skipped == 0 && !self.shared.is_closed()
    }
}

impl Producer {
    /// Publishes a number, and wakes nobody. Where there is no room for those that may follow,
    /// `blocked` is called before it waits for some.
    #[inline(always)]
    pub(crate) fn push_number(
        &mut self,
        tag: u32,
        number: u64,
        blocked: impl FnOnce(),
    ) -> Result<(), PushError> {
        if self.numbers == 0 {
            self.begin_numbers(tag, blocked)?;
        }
        self.shared.data.write_word(self.written, number);
        self.numbers -= 1;
        // With the last one, how many there are.
        self.publish(if self.numbers == 0 { 2 * WORD } else { WORD });
        Ok(())
    }

    #[cold]
    fn begin_numbers(&mut self, tag: u32, blocked: impl FnOnce()) -> Result<(), PushError> {
        let len = WORD * (MOST + 1);
        let size = footprint(len);
        self.make_room(size, blocked)?;
        let data = &self.shared.data;
        data.write_word(self.written, u64::from(tag | NUMBERS) << 32 | len);
        data.write_word(self.written + size - WORD, MOST);
        // Published with the first of them.
        self.written += HEADER;
        self.numbers = MOST;
        Ok(())
    }

    /// Has something else follow the last number.
    #[inline]
    pub(crate) fn end_numbers(&mut self) {
        if self.numbers > 0 {
            let (left, rest) = (self.numbers, WORD * self.numbers);
            self.numbers = 0;
            self.shared.data.write_word(self.written + rest, MOST - left);
            self.publish(rest + WORD);
        }
    }
}

/// A frame of numbers that is being read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// How many words it has for numbers, and how many of these were taken.
    room: u64,
    taken: u64,
}

impl Reading {
    fn left(self) -> u64 {
        self.room - self.taken
    }
}

impl Consumer {
    /// Whether what comes next of what was seen is a number, in a frame with this tag.
    pub(crate) fn has_numbers(&mut self, tag: u32) -> Result<bool, Violation> {
        if self.numbers.room > 0 {
            return Ok(true);
        }
        if self.taken == self.seen {
            return Ok(false);
        }
        let header = self.shared.data.read_word(self.taken);
        if header >> 32 != u64::from(tag | NUMBERS) {
            return Ok(false);
        }
        let len = header & u64::from(u32::MAX);
        if !len.is_multiple_of(WORD) || !(2 * WORD..=WORD * (MOST + 1)).contains(&len) {
            return Err(Violation);
        }
        self.numbers = Reading { room: len / WORD - 1, taken: 0 };
        self.taken += HEADER;
        Ok(true)
    }

    /// Moves the numbers that were seen, of one frame, behind those in `into`: how many.
    /// [`release`](Consumer::release) says so.
    pub(crate) fn take_numbers(&mut self, into: &mut Vec<u8>) -> Result<u64, Violation> {
        let there = (self.seen - self.taken) / WORD;
        let left = self.numbers.left();
        let data = &self.shared.data;
        if there <= left {
            data.read(self.taken, (WORD * there) as usize, into);
            self.taken += WORD * there;
            self.numbers.taken += there;
            return Ok(there);
        }
        // The end is there, which says how many were written.
        let written = data.read_word(self.taken + WORD * left);
        let more = written.checked_sub(self.numbers.taken).filter(|&more| more <= left);
        let more = more.ok_or(Violation)?;
        data.read(self.taken, (WORD * more) as usize, into);
        self.taken += WORD * (left + 1);
        self.numbers = Reading::default();
        Ok(more)
    }
}
