//! A mailbox in a ring: the region belongs to the parent and outlives the children that read it.
//!
//! The parent keeps the producer, and with it its own view of how far the reader is. When a child
//! dies the next one reads the same ring on from a position that the parent decides.

use std::ops::Range;
use std::sync::Arc;

use ipc_channel::ipc::{self, IpcSender};

use super::channel::socket_of_receiver;
use super::codec::Encoder;
use super::heirloom::{Heirloom, Late};
use super::lane::{
    Fault, Known, LaneReceiver, Pool, Receiving, SPILLED, Short, Spill, Tag, Unlent,
};
use super::region::Region;
use super::ring::{CONTROL, Consumer, Producer, Shared, WaitingRoom};
use crate::sys;

const PAGE: usize = 4096;
const DATA: Range<usize> = PAGE..PAGE + (64 << 10);
const _: () = assert!(CONTROL <= PAGE);

/// The owner's side of a mailbox.
pub(crate) struct MailboxSender {
    region: Arc<Region>,
    ring: Producer,
    pool: Pool,
    spills: Option<IpcSender<Spill>>,
}

/// What a child needs to read a mailbox.
#[derive(Debug)]
pub(crate) struct MailboxEnds {
    memory: Heirloom,
    spills: Heirloom,
    from: u64,
    timed: bool,
    /// The owner's fences are for the child as well, which then has cheap ones.
    fenced: bool,
}

/// Why a message did not go into a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotNow {
    /// There is no room until the reader is done up to there.
    Until(u64),
    /// It will not do later either.
    Never(Fault),
}

impl MailboxSender {
    /// An empty mailbox that nobody reads.
    pub(crate) fn new() -> Result<Self, Fault> {
        let room = sys::make_room(4).ok_or(Short::Descriptors)?;
        let region = Arc::new(Region::new(DATA.end, &room)?);
        let ring = Producer::new(Shared::in_region(&region, 0, DATA));
        Ok(MailboxSender { region, ring, pool: Pool::default(), spills: None })
    }

    /// Nobody reads it any more, and the next one is to begin at a position.
    pub(crate) fn rewind(&mut self, to: u64) {
        self.ring.rewind(to);
    }

    /// Hands the mailbox to a child, which reads on from a position. No other reads it any more.
    pub(crate) fn hand_over(&mut self, from: u64, timed: bool) -> Result<MailboxEnds, Fault> {
        let room = sys::make_room(8).ok_or(Short::Descriptors)?;
        let (sender, spills) = ipc::channel::<Spill>().map_err(|_| Short::Descriptors)?;
        let (memory, spills) =
            (self.region.heirloom()?, Heirloom::of(socket_of_receiver(&spills), &room)?);
        self.pool.announce_all(&sender)?;
        self.spills = Some(sender);
        self.ring.rewind(from);
        Ok(MailboxEnds { memory, spills, from, timed, fenced: sys::has_fences_elsewhere() })
    }

    /// Puts a message in, and says where it ends.
    #[inline]
    pub(crate) fn put(&mut self, tag: Tag, row: &Encoder<'_>) -> Result<u64, NotNow> {
        if row.len() <= self.ring.longest() {
            self.make_sure(row.len())?;
            let pushed = match row.one_piece() {
                Some(row) => self.ring.push_now(tag as u32, row.len(), [row].into_iter()),
                None => self.ring.push_now(tag as u32, row.len(), row.pieces()),
            };
            pushed.map_err(|error| NotNow::Never(error.into()))?;
            return Ok(self.ring.position());
        }
        self.make_sure(PLACE)?;
        let done = self.ring.done().map_err(|_| NotNow::Never(Fault::Rubbish))?;
        let at = (done, self.ring.position());
        let loan = self.pool.lend(row.len(), at, self.spills.as_ref());
        let loan = loan.map_err(|unlent| match unlent {
            Unlent::Until(position) => NotNow::Until(position),
            Unlent::Fault(fault) => NotNow::Never(fault),
        })?;
        let place = loan.fill(row);
        let pushed = self.ring.push_now(tag as u32 | SPILLED, PLACE, [&place[..]].into_iter());
        pushed.map_err(|error| NotNow::Never(error.into()))?;
        Ok(self.ring.position())
    }

    /// Puts a message of a few words in if that can be done at once, and says where it ends.
    #[inline(always)]
    pub(crate) fn put_words(&mut self, tag: Tag, len: usize, words: &[[u8; 8]]) -> Option<u64> {
        let is_there = self.ring.push_words(tag as u32, len, words);
        is_there.then(|| self.ring.position())
    }

    fn make_sure(&mut self, len: usize) -> Result<(), NotNow> {
        match self.ring.room(len) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => Err(NotNow::Until(until)),
            Err(violation) => Err(NotNow::Never(super::ring::PushError::from(violation).into())),
        }
    }

    /// What lies between two positions that [`put`](MailboxSender::put) gave: the bytes of one message.
    pub(crate) fn contents(&self, start: u64, end: u64) -> Vec<u8> {
        let (tag, bytes) = self.ring.read_back(start, end);
        if tag & SPILLED == 0 { bytes } else { self.pool.contents(&bytes).unwrap_or_default() }
    }

    /// Up to where the reader is done, and up to where it has taken messages.
    pub(crate) fn progress(&mut self) -> Result<(u64, u64), Fault> {
        let taken = self.ring.taken().map_err(|_| Fault::Rubbish)?;
        let done = self.ring.done().map_err(|_| Fault::Rubbish)?;
        Ok((done, taken.max(done)))
    }

    /// Up to where the reader was done when it last made sense.
    pub(crate) fn last_done(&self) -> u64 {
        self.ring.last_done()
    }

    /// When the reader took the message that it has in hand.
    pub(crate) fn began(&self) -> u64 {
        self.ring.began()
    }

    /// Where to wait for room.
    pub(crate) fn waiting_room(&self) -> WaitingRoom {
        self.ring.waiting_room()
    }

    /// Says that nothing will follow what is there.
    pub(crate) fn finish(&mut self) {
        self.ring.finish();
    }
}

/// What a frame says in place of a message.
const PLACE: usize = 16;

impl MailboxEnds {
    /// As numbers, for the child.
    pub(super) fn words(&self) -> [u64; 5] {
        let MailboxEnds { memory, spills, from, timed, fenced } = self;
        [memory.word(), spills.word(), *from, (*timed).into(), (*fenced).into()]
    }

    #[inline]
    pub(super) fn of_words([memory, spills, from, timed, fenced]: [u64; 5]) -> Self {
        let [memory, spills] = [memory, spills].map(Heirloom::of_word);
        MailboxEnds { memory, spills, from, timed: timed != 0, fenced: fenced != 0 }
    }

    /// What the child inherits of it.
    pub(crate) fn heirlooms(&mut self) -> [&mut Heirloom; 2] {
        [&mut self.memory, &mut self.spills]
    }

    /// Has this process pass the owner's fences. Called while it has one thread: with more, the system
    /// waits for a moment in which all of them were elsewhere, and that is some ten milliseconds.
    pub(crate) fn pass_fences(&mut self) {
        self.fenced = self.fenced && sys::pass_fences();
    }

    /// Opens the reader's side, and what wakes it from elsewhere.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn open(self, limit: usize) -> Result<(LaneReceiver, Shared), Fault> {
        let MailboxEnds { memory, spills, from, timed, fenced } = self;
        let region = Region::inherited(memory)?;
        if region.len() < DATA.end {
            return Err(Fault::Rubbish);
        }
        // What a wild pointer of the user spoils must not be what waits for the next child.
        region.read_only(DATA);
        let shared = Shared::in_region(&Arc::new(region), 0, DATA);
        let mut ring = Consumer::at(shared.clone(), from);
        ring.fence_cheaply(fenced);
        if timed {
            ring.note_times();
        }
        let spills = Late::new(spills)?;
        let carrier = Receiving::Ring { ring, known: Known::default(), spills };
        Ok((LaneReceiver::new(carrier, limit), shared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader of the same ring.
    fn reader(owner: &MailboxSender, from: u64) -> (Shared, Consumer) {
        let shared = Shared::in_region(&owner.region, 0, DATA);
        (shared.clone(), Consumer::at(shared, from))
    }

    #[test]
    fn what_a_reader_wrote_over_all_that_both_sides_see_does_not_reach_the_next_one() {
        for word in [0, 1, 8, 1 << 40, u64::MAX] {
            for finished in [false, true] {
                let mut owner = MailboxSender::new().unwrap();
                let row = Encoder::of_row(b"one message");
                let first = owner.put(Tag::Value, &row).unwrap();
                let second = owner.put(Tag::Value, &row).unwrap();
                if finished {
                    owner.finish();
                }

                (0..PAGE).step_by(8).for_each(|at| owner.region.write_word(at, word));
                assert_eq!(owner.progress(), Err(Fault::Rubbish), "{word:#x}");
                owner.rewind(first);

                assert_eq!(owner.progress().unwrap(), (first, first));
                let (shared, mut reader) = reader(&owner, first);
                assert_eq!(shared.is_finished(), finished, "{word:#x}");
                assert!(reader.try_pop().unwrap().is_some());
                assert!(reader.try_pop().unwrap().is_none());
                reader.release();
                assert_eq!(owner.progress().unwrap(), (second, second));
                assert_eq!(owner.put(Tag::Value, &row).unwrap(), second + (second - first));
                assert!(reader.try_pop().unwrap().is_some());
            }
        }
    }
}
