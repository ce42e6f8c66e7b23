//! Tasks to a worker and its results back, many at a time, over two rings of their own.
//!
//! The lanes of the worker's process stay for its last word, and carry the regions that large tasks
//! and results lie in.
//!
//! ```text
//! control words, both rings │ tasks │ results
//! ```

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use ipc_channel::ipc::IpcSharedMemory;
use serde::{Deserialize, Serialize};

use super::batch::{add_frame, first_frame};
use super::codec::Encoder;
use super::gong::{Gong, GongEnd, Sleeper};
use super::lane::{Body, Fault, LaneReceiver, LaneSender, OwnedBody, SPILLED, Tag, Unlent};
use super::region::Region;
use super::ring::{
    CONTROL, Claimer, Consumer, Feeder, Producer, PushError, Shared, Violation, Wait, footprint,
};

pub(super) const PAGE: usize = 4096;
const TASKS: Range<usize> = PAGE..PAGE + (128 << 10);
pub(super) const RESULTS: Range<usize> = TASKS.end..TASKS.end + (128 << 10);
const _: () = assert!(2 * CONTROL <= PAGE);

fn rings(region: &Arc<Region>) -> (Shared, Shared) {
    let tasks = Shared::in_region(region, 0, TASKS);
    (tasks, Shared::in_region(region, CONTROL, RESULTS))
}

impl From<Violation> for Fault {
    fn from(_: Violation) -> Self {
        Fault::Rubbish
    }
}

/// The memory of a belt.
#[derive(Clone)]
pub(crate) struct BeltRegion(Arc<Region>);

impl BeltRegion {
    pub(crate) fn new() -> Result<Self, Fault> {
        let room = crate::sys::make_room(4).ok_or(Fault::NoRoom)?;
        let region = Region::zeroed(RESULTS.end, &room).map_err(|_| Fault::NoRoom)?;
        region.give_back();
        Ok(BeltRegion(Arc::new(region)))
    }

    /// Writes into it whatever a worker may.
    #[cfg(any(test, fuzzing))]
    pub(super) fn write(&self, at: usize, bytes: &[u8]) {
        self.0.write(at, bytes);
    }

    /// What is sent to the worker, at once: the copies are not close-on-exec.
    pub(crate) fn ends(&self, gong: &Gong) -> Result<BeltEnds, Fault> {
        let memory = self.0.copy().map_err(|_| Fault::NoRoom)?;
        Ok(BeltEnds { memory, gong: gong.copy()? })
    }

    /// The pool's end, and the lanes of the worker's process.
    pub(crate) fn belt(&self, lanes: LanePair) -> Belt {
        let (tasks, results) = rings(&self.0);
        let (tasks, results) = (Feeder::new(tasks), Consumer::new(results));
        Belt { tasks, results, lanes, collected: 0, short: false, fault: None }
    }
}

/// The lanes of a process whose last word somebody else waits for.
#[derive(Clone)]
pub(crate) struct LanePair(Arc<Mutex<(LaneSender, LaneReceiver)>>);

impl LanePair {
    pub(crate) fn new(to: LaneSender, from: LaneReceiver) -> Self {
        LanePair(Arc::new(Mutex::new((to, from))))
    }

    /// What the process said last, once it is dead.
    pub(crate) fn last_word(&self) -> Result<(Tag, OwnedBody), Fault> {
        let mut lanes = self.lock();
        let message = lanes.1.receive(Some(Instant::now()))?;
        Ok((message.tag, message.body.into_owned()))
    }

    fn lock(&self) -> MutexGuard<'_, (LaneSender, LaneReceiver)> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The pool's end.
pub(crate) struct Belt {
    tasks: Feeder,
    results: Consumer,
    lanes: LanePair,
    /// How many results there were.
    collected: u64,
    /// There was no room for all tasks.
    short: bool,
    /// What was wrong with the worker: nothing that it says is believed any more.
    fault: Option<Fault>,
}

/// The longest body that goes into a ring itself.
const LONGEST: usize = 16 << 10;

impl Belt {
    /// Hands over the frames at the front of `frames` as far as there is room. How many bytes of
    /// `frames` those are, and how many frames.
    pub(crate) fn put(&mut self, frames: &[u8]) -> Result<(usize, u64), Fault> {
        self.sound()?;
        let mut room = self.tasks.room(frames.len() as u64).map_err(|_| self.distrust())?;
        let (mut at, mut written, mut count) = (0, 0, 0);
        let mut failed = None;
        while let Some((tag, body, size)) = first_frame(&frames[at..]) {
            let small = body.len() <= LONGEST;
            let needed = if small { size as u64 } else { footprint(PLACE) };
            if needed > room {
                break;
            }
            if !small {
                self.tasks.write(&frames[written..at]);
                match self.put_large(tag, body) {
                    Ok(()) => written = at + size,
                    Err(fault) => {
                        written = at;
                        failed = fault;
                        break;
                    }
                }
            }
            room -= needed;
            at += size;
            count += 1;
            self.tasks.note(needed);
        }
        self.tasks.write(&frames[written..at]);
        self.tasks.publish();
        self.short = at < frames.len();
        match failed {
            Some(fault) if count == 0 => Err(fault),
            _ => Ok((at, count)),
        }
    }

    /// Writes a frame that says in which region the task lies. Without a fault there is none now.
    fn put_large(&mut self, tag: u32, body: &[u8]) -> Result<(), Option<Fault>> {
        let done = self.tasks.done().map_err(|_| Some(self.distrust()))?;
        let position = self.tasks.position();
        let place = self.lanes.lock().0.spill(&Encoder::of_row(body), done, position);
        let place = place.map_err(|unlent| match unlent {
            Unlent::Until(_) => None,
            Unlent::Fault(fault) => Some(fault),
        })?;
        let mut frame = Vec::with_capacity(24);
        add_frame(&mut frame, tag | SPILLED, &place);
        self.tasks.write(&frame);
        Ok(())
    }

    /// Nothing will follow.
    pub(crate) fn finish(&mut self) {
        self.tasks.finish();
    }

    /// Moves all results behind those in `into`: how many. What is wrong with the worker is told
    /// after the last result that makes sense.
    pub(crate) fn collect(&mut self, into: &mut Vec<u8>) -> Result<u64, Fault> {
        self.sound()?;
        if self.short {
            // Whoever collects has looked, and puts what there is room for.
            self.tasks.done().map_err(|_| self.distrust())?;
        }
        let start = into.len();
        let from = self.results.copy_all(into).map_err(|_| self.distrust())?;
        let (mut at, mut count) = (start, 0);
        let mut fault = None;
        let mut end = None;
        while at < into.len() {
            match first_frame(&into[at..]) {
                Some((tag, _, size)) if is_result(tag) => {
                    at += size;
                    count += 1;
                }
                Some((tag, ..)) if is_result(tag & !SPILLED) => {
                    let rest = into.split_off(at);
                    let (read, more, wrong) = self.unspill(&rest, into);
                    end = Some(at - start + read);
                    count += more;
                    fault = wrong;
                    break;
                }
                _ => {
                    into.truncate(at);
                    fault = Some(Fault::Rubbish);
                    break;
                }
            }
        }
        self.results.take_to(from + end.unwrap_or(at - start) as u64);
        self.collected += count;
        // Each was published after its task was taken.
        if count > 0 && self.taken()? < self.collected {
            into.truncate(start);
            return Err(self.distrust());
        }
        match fault {
            Some(Fault::Rubbish) => drop(self.distrust()),
            Some(fault) if count == 0 => return Err(fault),
            _ => {}
        }
        if count == 0 { self.sound().map(|()| 0) } else { Ok(count) }
    }

    /// Copies frames of which some lie in regions: up to where, how many, and why not all.
    fn unspill(&mut self, frames: &[u8], into: &mut Vec<u8>) -> (usize, u64, Option<Fault>) {
        let (mut at, mut count) = (0, 0);
        let mut lanes = self.lanes.lock();
        while at < frames.len() {
            let Some((tag, body, size)) = first_frame(&frames[at..]) else {
                return (at, count, Some(Fault::Rubbish));
            };
            if is_result(tag) {
                into.extend_from_slice(&frames[at..at + size]);
            } else if is_result(tag & !SPILLED) {
                match lanes.1.spilled(body) {
                    Ok(body) => add_frame(into, tag & !SPILLED, &body.into_owned().into_bytes()),
                    Err(fault) => return (at, count, Some(fault)),
                }
            } else {
                return (at, count, Some(Fault::Rubbish));
            }
            at += size;
            count += 1;
        }
        (at, count, None)
    }

    /// How many tasks the worker has taken.
    pub(crate) fn taken(&mut self) -> Result<u64, Fault> {
        self.sound()?;
        self.tasks.taken().map_err(|_| self.distrust())
    }

    /// When it took the last one, by its own word.
    pub(crate) fn began(&self) -> u64 {
        self.tasks.began()
    }

    /// Takes back what it has not taken: how many.
    pub(crate) fn recall(&mut self) -> Result<u64, Fault> {
        self.sound()?;
        self.tasks.recall().map_err(|_| self.distrust())
    }

    /// Says that the next result is to ring the gong. [`has_news`](Belt::has_news) is asked after a
    /// fence.
    pub(crate) fn arm(&self, sleeper: Sleeper) {
        self.results.shared().arm(sleeper.number());
    }

    pub(crate) fn disarm(&self) {
        self.results.shared().disarm();
    }

    pub(crate) fn has_news(&self) -> bool {
        self.fault.is_some() || self.results.has_more() || self.short && self.tasks.has_moved()
    }

    fn sound(&self) -> Result<(), Fault> {
        self.fault.map_or(Ok(()), Err)
    }

    #[cold]
    fn distrust(&mut self) -> Fault {
        *self.fault.insert(Fault::Rubbish)
    }
}

/// How long the body is of a frame that names a region.
const PLACE: u64 = 16;

/// Whether a frame with this tag says what became of a task.
pub(crate) fn is_result(tag: u32) -> bool {
    const RESULTS: [Tag; 5] =
        [Tag::Value, Tag::Unencodable, Tag::BadArguments, Tag::Panicked, Tag::Sync];
    RESULTS.iter().any(|&result| result as u32 == tag)
}

/// Whoever sleeps.
const ANYBODY: u32 = u32::MAX;

/// What a worker is handed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BeltEnds {
    memory: IpcSharedMemory,
    gong: GongEnd,
}

impl BeltEnds {
    /// Opens the worker's ends; what closes the first from elsewhere.
    pub(crate) fn open(
        self,
        from: &mut LaneReceiver,
        to: LaneSender,
    ) -> Result<(Tasks<'_>, Results, Shared), Fault> {
        let region = Region::of(self.memory);
        if region.len() < RESULTS.end {
            return Err(Fault::Rubbish);
        }
        // What a wild pointer of the user spoils must not be what is to be done next.
        region.read_only(TASKS);
        let (tasks, results) = rings(&Arc::new(region));
        let closer = tasks.clone();
        let tasks = Tasks { claimer: Claimer::new(tasks), from };
        let bell = results.clone();
        let results =
            Results { producer: Producer::new(results), bell, gong: self.gong.open()?, to };
        Ok((tasks, results, closer))
    }
}

/// Where a worker takes its tasks from.
pub(crate) struct Tasks<'a> {
    claimer: Claimer,
    from: &'a mut LaneReceiver,
}

impl Tasks<'_> {
    /// Takes the next task if there is one, at this time: its tag and its row.
    #[inline]
    pub(crate) fn take(&mut self, now: u64) -> Result<Option<(u32, Body<'_>)>, Fault> {
        let Some(claimed) = self.claimer.claim(now)? else { return Ok(None) };
        let body = &self.claimer.bytes()[claimed.body];
        if claimed.tag & SPILLED == 0 {
            return Ok(Some((claimed.tag, Body::Bytes(body))));
        }
        Ok(Some((claimed.tag & !SPILLED, self.from.spilled(body)?)))
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
}

impl Results {
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
            return Ok(());
        }
        self.give_large(tag, row)
    }

    #[cold]
    fn give_large(&mut self, tag: Tag, row: &Encoder<'_>) -> Result<(), Fault> {
        let Results { producer, bell, gong, to } = self;
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

#[cfg(test)]
mod tests;
