//! Where a worker finds its tasks and leaves its results: its end of a belt.

use std::sync::Arc;

use super::belt::{LONGEST, RESULTS, TASKS, rings};
use super::codec::{Decoder, Encoder};
use super::gong::{Gong, GongEnd, Sleeper};
use super::heirloom::Heirloom;
use super::lane::{Body, Fault, LaneReceiver, LaneSender, SPILLED, Tag, Unlent};
use super::region::Region;
use super::ring::{Claimer, Producer, PushError, Shared, Wait};
use crate::sys;

/// What a worker is handed.
#[derive(Debug)]
pub(crate) struct BeltEnds {
    pub(super) memory: Heirloom,
    pub(super) gong: GongEnd,
    /// The pool's fences are for the worker as well, which then has cheap ones.
    pub(super) fenced: bool,
}

/// Both ends of a worker.
pub(crate) struct Workbench<'a> {
    pub(crate) tasks: Tasks<'a>,
    pub(crate) results: Results,
    /// When it last looked whether the pool waits for results; nanoseconds.
    told: u64,
}

/// How many numbers go at the most without a look at the clock, which takes as long as a few of them.
/// They do only where as many just now took no tick of it.
const STINT: u64 = 16;

/// How long results may be there at the most before the worker looks whether the pool waits for
/// them, in nanoseconds.
const UNHEARD: u64 = 2_000_000;

impl BeltEnds {
    /// As numbers, for the worker.
    pub(super) fn words(&self) -> [u64; 3] {
        [self.memory.word(), self.gong.0.word(), self.fenced.into()]
    }

    #[inline]
    pub(super) fn of_words([memory, gong, fenced]: [u64; 3]) -> Self {
        let [memory, gong] = [memory, gong].map(Heirloom::of_word);
        BeltEnds { memory, gong: GongEnd(gong), fenced: fenced != 0 }
    }

    /// What the worker inherits of it.
    pub(crate) fn heirlooms(&mut self) -> [&mut Heirloom; 2] {
        [&mut self.memory, &mut self.gong.0]
    }

    /// Has this process pass the pool's fences. Called while it has one thread: with more, the system
    /// waits for a moment in which all of them were elsewhere, and that is some ten milliseconds.
    pub(crate) fn pass_fences(&mut self) {
        self.fenced = self.fenced && sys::pass_fences();
    }

    /// Opens the worker's ends; what closes the first from elsewhere.
    pub(crate) fn open(
        self,
        from: &mut LaneReceiver,
        to: LaneSender,
    ) -> Result<(Workbench<'_>, Shared), Fault> {
        let region = Region::inherited(self.memory)?;
        if region.len() < RESULTS.end {
            return Err(Fault::Rubbish);
        }
        // What a wild pointer of the user spoils must not be what is to be done next.
        region.read_only(TASKS);
        let (tasks, results) = rings(&Arc::new(region));
        let closer = tasks.clone();
        let claimer = Claimer::new(tasks, self.fenced);
        let tasks = Tasks { claimer, from };
        let bell = results.clone();
        let (producer, gong) = (Producer::new(results), self.gong.open()?);
        let results = Results { producer, bell, gong, to, given: 0, scratch: Vec::new() };
        Ok((Workbench { tasks, results, told: 0 }, closer))
    }
}

impl Workbench<'_> {
    /// The time, by a coarse clock. The pool hears of results that lie there for too long.
    #[inline]
    pub(crate) fn now(&mut self) -> u64 {
        let now = sys::coarse_nanos();
        if now.saturating_sub(self.told) >= UNHEARD {
            self.told = now;
            self.tasks.release();
            self.results.tell();
        }
        now
    }

    /// Takes the next task if it has this very tag and is at hand.
    #[inline(always)]
    pub(crate) fn take_alike(&mut self, tag: u32) -> Result<Option<Decoder<'_>>, Fault> {
        let now = self.now();
        let Some(body) = self.tasks.claimer.claim_alike(tag, now)? else { return Ok(None) };
        Ok(Some(Decoder::of_bytes(&self.tasks.claimer.bytes()[body])))
    }

    /// Takes the tasks that follow as long as they are numbers of the same frame as the
    /// [last](Tasks::numbers), each when the one before was done.
    #[inline(always)]
    pub(crate) fn take_numbers(
        &mut self,
        mut each: impl FnMut(&mut Results, u64) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let (mut stint, mut last) = (1, 0);
        while self.tasks.is_in_numbers() {
            let now = self.now();
            stint = if now == last { (2 * stint).min(STINT) } else { 1 };
            last = now;
            let Workbench { tasks, results, .. } = self;
            tasks.claimer.claim_numbers(now, stint, |number| each(results, number))?;
        }
        Ok(())
    }

    /// Whether a task was taken that has no result.
    pub(crate) fn owes(&self) -> bool {
        self.tasks.claimer.got() != self.results.given
    }
}

/// Where a worker takes its tasks from.
pub(crate) struct Tasks<'a> {
    claimer: Claimer,
    from: &'a mut LaneReceiver,
}

impl Tasks<'_> {
    /// Takes the next task if there is one, at this time: its tag and its row. None where
    /// [numbers](Tasks::numbers) are next.
    #[inline]
    pub(crate) fn take(&mut self, now: u64) -> Result<Option<(u32, Body<'_>)>, Fault> {
        let Some(claimed) = self.claimer.claim(now)? else { return Ok(None) };
        let body = &self.claimer.bytes()[claimed.body];
        if claimed.tag & SPILLED == 0 {
            return Ok(Some((claimed.tag, Body::Bytes(body))));
        }
        Ok(Some((claimed.tag & !SPILLED, self.from.spilled(body)?)))
    }

    /// Whether the next task is a number: the tag of its frame then.
    pub(crate) fn numbers(&mut self) -> Result<Option<u32>, Fault> {
        Ok(self.claimer.numbers()?)
    }

    /// Whether the next task is a number of the same frame as the last one.
    #[inline]
    pub(crate) fn is_in_numbers(&self) -> bool {
        self.claimer.is_in_numbers()
    }

    /// Takes one of them.
    #[cfg(test)]
    pub(crate) fn take_number(&mut self) -> Result<Option<u64>, Fault> {
        let mut taken = None;
        self.claimer.claim_numbers::<Fault>(0, 1, |number| {
            taken = Some(number);
            Ok(())
        })?;
        Ok(taken)
    }

    /// Is done with those that were taken.
    #[inline]
    pub(crate) fn release(&mut self) {
        self.claimer.release();
    }

    /// Waits for the next one; whether there will be any. Before it sleeps it says so.
    pub(crate) fn wait(&mut self, idle: impl FnOnce()) -> Result<bool, Fault> {
        Ok(self.claimer.wait(idle)? == Wait::Over)
    }
}

/// Where a worker puts its results.
pub(crate) struct Results {
    producer: Producer,
    bell: Shared,
    gong: Gong,
    to: LaneSender,
    given: u64,
    /// Memory for the next row.
    scratch: Vec<u8>,
}

/// Whoever sleeps.
const ANYBODY: u32 = u32::MAX;

impl Results {
    /// An empty row. Its memory comes back by [`put_back`](Results::put_back).
    #[inline]
    pub(crate) fn row<'a>(&mut self, limit: usize) -> Encoder<'a> {
        Encoder::behind(std::mem::take(&mut self.scratch), limit)
    }

    #[inline(always)]
    pub(crate) fn put_back(&mut self, row: &mut Encoder<'_>) {
        self.scratch = row.take_scratch();
    }

    /// Publishes a result. The pool hears of it by [`tell`](Results::tell), or if there is no room
    /// for it.
    #[inline]
    pub(crate) fn give(&mut self, tag: Tag, row: &Encoder<'_>) -> Result<(), Fault> {
        let Results { producer, bell, gong, .. } = self;
        if row.len() <= LONGEST {
            let blocked = || bell.tell_reader(ANYBODY, |number| gong.ring_number(number));
            let (tag, len) = (tag as u32, row.len());
            match row.one_piece() {
                Some(row) => producer.push_quietly(tag, len, [row].into_iter(), blocked)?,
                None => producer.push_quietly(tag, len, row.pieces(), blocked)?,
            }
        } else {
            self.give_large(tag, row)?;
        }
        self.given += 1;
        Ok(())
    }

    /// Publishes a number that a task returned.
    #[inline(always)]
    pub(crate) fn number(&mut self, word: u64) -> Result<(), Fault> {
        let Results { producer, bell, gong, .. } = self;
        let blocked = || bell.tell_reader(ANYBODY, |number| gong.ring_number(number));
        producer.push_number(Tag::Value as u32, word, blocked)?;
        self.given += 1;
        Ok(())
    }

    /// Publishes what a task returned.
    #[inline(always)]
    pub(crate) fn value(&mut self, row: &Encoder<'_>) -> Result<(), Fault> {
        match self.give(Tag::Value, row) {
            Err(Fault::NoRoom(_)) => {
                let why = format!("no descriptor or memory for its {} bytes", row.len());
                self.say(Tag::Unencodable, &why)
            }
            given => given,
        }
    }

    /// Publishes why there is no value.
    #[cold]
    pub(crate) fn say(&mut self, tag: Tag, why: &str) -> Result<(), Fault> {
        let why = why.to_owned();
        let mut row = Encoder::new(usize::MAX);
        // A text is bytes: there is nothing in it that could fail.
        let _ = row.section(&why);
        self.give(tag, &row)
    }

    #[cold]
    fn give_large(&mut self, tag: Tag, row: &Encoder<'_>) -> Result<(), Fault> {
        let Results { producer, bell, gong, to, .. } = self;
        // Where the frame will lie is told with it.
        producer.end_numbers();
        let place = loop {
            let done = producer.done()?;
            match to.spill(row, done, producer.position()) {
                Ok(place) => break place,
                Err(Unlent::Until(position)) => {
                    bell.tell_reader(ANYBODY, |number| gong.ring_number(number));
                    producer.wait_until_done(position, None)?;
                }
                Err(Unlent::Fault(fault)) => return Err(fault),
            }
        };
        let blocked = || bell.tell_reader(ANYBODY, |number| gong.ring_number(number));
        let tag = tag as u32 | SPILLED;
        let pieces = [place.as_slice()].into_iter();
        producer.push_quietly(tag, place.len(), pieces, blocked).map_err(PushError::into)
    }

    /// Wakes the pool if it waits for results.
    #[inline]
    pub(crate) fn tell(&self) {
        self.bell.tell_reader(ANYBODY, |number| self.gong.ring_number(number));
    }

    /// Wakes whoever waits for results and has nothing else to do. The keeper does it for others, who
    /// most likely come back before anybody runs out of work.
    #[inline]
    pub(crate) fn tell_pump(&self) {
        self.bell.tell_reader(Sleeper::Pump.number(), |number| self.gong.ring_number(number));
    }

    /// The last word of this process.
    pub(crate) fn leave(&mut self) -> Result<(), Fault> {
        self.to.send(Tag::Value, &Encoder::new(0), None)
    }
}
