//! The messages of a slot that are not known to be done.

use std::collections::VecDeque;

use crate::id::Right;
use crate::wire::Tag;

/// The messages that are not known to be done, in order, each behind the one before. There are as many
/// as wait, and one is put here with every message: so most are only a position.
#[derive(Default)]
pub(super) struct Kept {
    /// Where the first one begins, and where each ends.
    start: u64,
    ends: VecDeque<u64>,
    /// What most messages have nothing of, by where they end.
    more: VecDeque<(u64, More)>,
    /// How many of these are many.
    many: usize,
}

/// What is special has memory of its own, which is used again while it is near.
const MANY: usize = 32;

/// What is kept of a message besides where it lies.
#[derive(Default)]
pub(super) struct More {
    pub(super) rights: Vec<Right>,
    pub(super) crashes: u32,
    /// Where the line does not hold it.
    pub(super) mail: Option<(Tag, Vec<u8>)>,
}

/// A message that is kept no more.
pub(super) struct Left {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) more: More,
}

impl Kept {
    /// Keeps the next message, which ends there.
    #[inline]
    pub(super) fn push(&mut self, end: u64) {
        self.ends.push_back(end);
    }

    /// Keeps the next message, which ends there and is a special one.
    pub(super) fn push_with(&mut self, end: u64, more: More) {
        self.ends.push_back(end);
        self.more.push_back((end, more));
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it is time to look what is done. It will not be again soon, whatever is found.
    #[inline]
    pub(super) fn has_many(&self) -> bool {
        self.more.len() >= self.many.max(MANY)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Where the first message begins, or the next one if there is none.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Where the first message ends.
    pub(super) fn first_end(&self) -> Option<u64> {
        self.ends.front().copied()
    }

    /// How many processes have died with the first message in hand.
    pub(super) fn crashes(&self) -> u32 {
        let first = self.more.front().filter(|(end, _)| Some(*end) == self.first_end());
        first.map_or(0, |(_, more)| more.crashes)
    }

    /// What is kept of the first message besides, if there is one.
    pub(super) fn first_more(&mut self) -> Option<&mut More> {
        let first = self.first_end()?;
        if self.more.front().is_none_or(|(end, _)| *end != first) {
            self.more.push_front((first, More::default()));
        }
        self.more.front_mut().map(|(_, more)| more)
    }

    /// Forgets the messages that end there or before.
    pub(super) fn forget(&mut self, done: u64) {
        while let Some(end) = self.first_end().filter(|&end| end <= done) {
            self.start = end;
            self.ends.pop_front();
        }
        while self.more.front().is_some_and(|(end, _)| *end <= done) {
            self.more.pop_front();
        }
        self.many = 2 * self.more.len();
    }

    /// Takes the first message out.
    pub(super) fn pop(&mut self) -> Option<Left> {
        let end = self.ends.pop_front()?;
        let start = std::mem::replace(&mut self.start, end);
        let is_special = self.more.front().is_some_and(|(of, _)| *of == end);
        let more = if is_special { self.more.pop_front() } else { None };
        Some(Left { start, end, more: more.map_or_else(More::default, |(_, more)| more) })
    }

    /// The rights in all of them.
    pub(super) fn rights(&self) -> impl Iterator<Item = &Right> {
        self.more.iter().flat_map(|(_, more)| &more.rights)
    }

    /// Those that the line does not hold, and where each ends.
    pub(super) fn mails(&self) -> impl Iterator<Item = (u64, &(Tag, Vec<u8>))> {
        self.more.iter().filter_map(|(end, more)| Some((*end, more.mail.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Kept, More};

    fn crashed(crashes: u32) -> More {
        More { crashes, ..More::default() }
    }

    #[test]
    fn each_message_has_its_own_and_what_is_done_is_forgotten() {
        let mut kept = Kept::default();
        kept.push(16);
        kept.push_with(40, crashed(1));
        kept.push(56);
        kept.push_with(80, crashed(2));

        kept.forget(16);
        assert_eq!((kept.len(), kept.start(), kept.first_end()), (3, 16, Some(40)));
        let first = kept.pop().unwrap();
        assert_eq!((first.start, first.end, first.more.crashes), (16, 40, 1));
        assert_eq!(kept.crashes(), 0);
        kept.first_more().unwrap().crashes += 7;
        assert_eq!(kept.crashes(), 7);
        assert_eq!(kept.pop().unwrap().more.crashes, 7);
        assert_eq!(kept.pop().unwrap().more.crashes, 2);
        assert!(kept.pop().is_none() && kept.is_empty());
        assert_eq!(kept.start(), 80);
    }

    #[test]
    fn what_is_done_in_the_middle_of_a_message_keeps_it() {
        let mut kept = Kept::default();
        [8, 24, 40].into_iter().for_each(|end| kept.push_with(end, crashed(end as u32)));

        kept.forget(30);

        assert_eq!((kept.len(), kept.start()), (1, 24));
        assert_eq!(kept.first_more().unwrap().crashes, 40);
        kept.forget(u64::MAX);
        assert!(kept.is_empty() && kept.first_more().is_none());
    }
}
