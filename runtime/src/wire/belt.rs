//! Tasks to a worker and its results back, many at a time, over two rings of their own.
//!
//! Tasks and results that are numbers have no frames of their own there: see [`Shape::Numbers`].
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

use super::batch::{Shape, add_frame, first_alike, first_frame};
use super::codec::Encoder;
use super::gong::{Gong, Sleeper};
use super::lane::{Fault, LaneReceiver, LaneSender, OwnedBody, SPILLED, Short, Tag, Unlent, WAKE};
use super::region::Region;
use super::ring::{CONTROL, Consumer, Feeder, MOST, NUMBERS, Shared, Violation, WORD, footprint};
use super::workbench::BeltEnds;
use crate::sys;

pub(super) const PAGE: usize = 4096;
pub(super) const TASKS: Range<usize> = PAGE..PAGE + (256 << 10);
pub(super) const RESULTS: Range<usize> = TASKS.end..TASKS.end + (256 << 10);
const _: () = assert!(2 * CONTROL <= PAGE);

pub(super) fn rings(region: &Arc<Region>) -> (Shared, Shared) {
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
        let room = sys::make_room(4).ok_or(Short::Descriptors)?;
        let region = Region::new(RESULTS.end, &room)?;
        Ok(BeltRegion(Arc::new(region)))
    }

    /// Writes into it whatever a worker may.
    #[cfg(any(test, fuzzing))]
    pub(super) fn write(&self, at: usize, bytes: &[u8]) {
        self.0.write(at, bytes);
    }

    /// What the worker needs.
    pub(crate) fn ends(&self, gong: &Gong) -> Result<BeltEnds, Fault> {
        let (memory, gong) = (self.0.heirloom()?, gong.end()?);
        Ok(BeltEnds { memory, gong, fenced: sys::has_fences_elsewhere() })
    }

    /// The pool's end, and the lanes of the worker's process.
    pub(crate) fn belt(&self, lanes: LanePair) -> Belt {
        let (tasks, results) = rings(&self.0);
        let (tasks, results) =
            (Feeder::new(tasks, sys::has_fences_elsewhere()), Consumer::new(results));
        Belt { tasks, results, lanes, collected: 0, short: false, lost: false, fault: None }
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
        Ok((message.tag, message.body.to_owned()))
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
    /// A region of its did not get here, and will not.
    lost: bool,
    /// What was wrong with the worker: nothing that it says is believed any more.
    fault: Option<Fault>,
}

/// The longest body that goes into a ring itself.
pub(super) const LONGEST: usize = 16 << 10;

impl Belt {
    /// Hands over the frames at the front of `frames` as far as there is room; all of them have the
    /// size `stride`, if that is known. How many bytes of `frames` those are, and how many frames.
    pub(crate) fn put(&mut self, frames: &[u8], stride: usize) -> Result<(usize, u64), Fault> {
        self.sound()?;
        let room = self.tasks.room(frames.len() as u64).map_err(|_| self.distrust())?;
        let put = if (1..=LONGEST).contains(&stride) {
            let count = frames.len().min(room as usize) / stride;
            self.tasks.write(&frames[..count * stride], count as u64);
            Ok((count * stride, count as u64))
        } else {
            self.put_mixed(frames, room)
        };
        self.tasks.publish();
        self.short = put.is_ok_and(|(bytes, _)| bytes < frames.len());
        put
    }

    /// The same with numbers, each of which is a task. The worker looks for a sleeper after the last one.
    pub(crate) fn put_numbers(&mut self, tag: u32, words: &[u8]) -> Result<(usize, u64), Fault> {
        self.sound()?;
        let longest = (WORD * MOST) as usize;
        let headers = words.len().div_ceil(longest) as u64 * footprint(0);
        let wanted = words.len() as u64 + headers;
        let mut room = self.tasks.room(wanted).map_err(|_| self.distrust())?;
        let mut at = 0;
        while at < words.len() && room > footprint(0) {
            let fitting = (room - footprint(0)).min(WORD * MOST) as usize;
            let body = &words[at..words.len().min(at + fitting)];
            at += body.len();
            let wake = if at == words.len() { WAKE } else { 0 };
            let header = u64::from(tag | NUMBERS | wake) << 32 | body.len() as u64;
            self.tasks.write(&header.to_le_bytes(), 0);
            self.tasks.write(body, body.len() as u64 / WORD);
            room -= footprint(body.len() as u64);
        }
        self.tasks.publish();
        self.short = at < words.len();
        Ok((at, at as u64 / WORD))
    }

    fn put_mixed(&mut self, frames: &[u8], mut room: u64) -> Result<(usize, u64), Fault> {
        let (mut at, mut count) = (0, 0);
        // Up to where they are written, and how many those are.
        let (mut written, mut noted) = (0, 0);
        let mut failed = None;
        while let Some((tag, body, size)) = first_frame(&frames[at..]) {
            let small = body.len() <= LONGEST;
            let needed = if small { size as u64 } else { footprint(PLACE) };
            if needed > room {
                break;
            }
            if !small {
                self.tasks.write(&frames[written..at], count - noted);
                (written, noted) = (at, count);
                match self.put_large(tag, body) {
                    Ok(()) => (written, noted) = (at + size, count + 1),
                    Err(fault) => {
                        failed = fault;
                        break;
                    }
                }
            }
            room -= needed;
            at += size;
            count += 1;
        }
        self.tasks.write(&frames[written..at], count - noted);
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
        self.tasks.write(&frame, 1);
        Ok(())
    }

    /// Nothing will follow.
    pub(crate) fn finish(&mut self) {
        self.tasks.finish();
    }

    /// Moves all results behind those in `into`: how many. What is wrong with the worker is told after the
    /// last result that makes sense.
    pub(crate) fn collect(&mut self, into: &mut Vec<Answers>) -> Result<u64, Fault> {
        self.sound()?;
        if self.short {
            // Whoever collects has looked, and puts what there is room for.
            self.tasks.done().map_err(|_| self.distrust())?;
        }
        self.results.look_ahead().map_err(|_| self.distrust())?;
        let (start, before) = (into.len(), self.collected);
        let fault = self.collect_seen(into).err();
        self.results.release();
        let count = self.collected - before;
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

    fn collect_seen(&mut self, into: &mut Vec<Answers>) -> Result<(), Fault> {
        let start = into.len();
        // However a worker mixes them: the rest is news, and for the next time.
        while self.results.seen_more() > 0 && into.len() - start < MIXED {
            if self.results.has_numbers(Tag::Value as u32)? {
                self.collect_numbers(into)?;
            } else {
                // They ended before all that was seen did.
                into[start..].last_mut().into_iter().for_each(|last| last.bytes.shrink_to_fit());
                self.collect_frames(into)?;
            }
        }
        Ok(())
    }

    fn collect_numbers(&mut self, into: &mut Vec<Answers>) -> Result<(), Fault> {
        if into.last().is_none_or(|last| last.shape != Shape::Numbers) {
            let bytes = Vec::with_capacity(self.results.seen_more() as usize);
            into.push(Answers { bytes, count: 0, shape: Shape::Numbers });
        }
        if let Some(last) = into.last_mut() {
            let count = self.results.take_numbers(&mut last.bytes)?;
            last.count += count;
            self.collected += count;
        }
        Ok(())
    }

    /// Collects frames until there are none, or numbers follow.
    fn collect_frames(&mut self, into: &mut Vec<Answers>) -> Result<(), Fault> {
        let mut bytes = Vec::new();
        let from = self.results.copy_seen(&mut bytes);
        let (mut at, mut count, mut stride) = (0, 0, 0);
        let (mut end, mut fault) = (None, None);
        while at < bytes.len() {
            match first_alike(&bytes[at..]) {
                Some((tag, more, size)) if is_result(tag) => {
                    stride = if at == 0 { size } else { 0 };
                    at += more as usize * size;
                    count += more;
                }
                Some((tag, ..)) if is_result(tag & !SPILLED) => {
                    stride = 0;
                    let rest = bytes.split_off(at);
                    let (read, more, wrong) = self.unspill(&rest, &mut bytes);
                    end = Some(at + read);
                    count += more;
                    fault = wrong;
                    break;
                }
                _ => {
                    // Where they begin at once, it has just written something else there.
                    let numbers = at > 0 && begins_numbers(&bytes[at..]);
                    fault = (!numbers).then_some(Fault::Rubbish);
                    bytes.truncate(at);
                    break;
                }
            }
        }
        self.results.take_to(from + end.unwrap_or(at) as u64);
        self.collected += count;
        if count > 0 {
            into.push(Answers { bytes, count, shape: Shape::of_stride(stride) });
        }
        fault.map_or(Ok(()), Err)
    }

    /// Copies frames of which some lie in regions: up to where, how many, and why not all.
    fn unspill(&mut self, frames: &[u8], into: &mut Vec<u8>) -> (usize, u64, Option<Fault>) {
        let (mut at, mut count) = (0, 0);
        let mut lanes = self.lanes.lock();
        while at < frames.len() {
            if begins_numbers(&frames[at..]) {
                return (at, count, None);
            }
            let Some((tag, body, size)) = first_frame(&frames[at..]) else {
                return (at, count, Some(Fault::Rubbish));
            };
            if is_result(tag) {
                into.extend_from_slice(&frames[at..at + size]);
            } else if is_result(tag & !SPILLED) {
                match lanes.1.spilled(body) {
                    Ok(body) => add_frame(into, tag & !SPILLED, &body.to_owned().into_bytes()),
                    Err(Fault::Lost) => {
                        self.lost = true;
                        add_frame(into, Tag::Unencodable as u32, &lost());
                    }
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

    /// Whether a region of the worker's did not get here, and will not.
    pub(crate) fn has_lost(&self) -> bool {
        self.lost
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

    /// Says that the next result is to ring the gong. [`has_results`](Belt::has_results) is asked after a
    /// fence.
    pub(crate) fn arm(&self, sleeper: Sleeper) {
        self.results.shared().arm(sleeper.number());
    }

    pub(crate) fn disarm(&self) {
        self.results.shared().disarm();
    }

    /// Whether so many results may be there, or other news. None is shorter than a word.
    pub(crate) fn has_results(&self, count: u64) -> bool {
        let room = self.short && self.tasks.has_moved();
        self.fault.is_some() || room || self.results.waiting() >= WORD.saturating_mul(count)
    }

    fn sound(&self) -> Result<(), Fault> {
        self.fault.map_or(Ok(()), Err)
    }

    #[cold]
    fn distrust(&mut self) -> Fault {
        *self.fault.insert(Fault::Rubbish)
    }
}

/// Results that lie in one piece of memory, as they were collected.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: u64,
    pub(crate) shape: Shape,
}

/// So often, at the most, frames and numbers take turns in what is collected at once.
const MIXED: usize = 64;

/// Whether a frame of numbers comes next, not all of which need be there.
fn begins_numbers(frames: &[u8]) -> bool {
    frames.first_chunk().is_some_and(|header| {
        u64::from_le_bytes(*header) >> 32 == u64::from(Tag::Value as u32 | NUMBERS)
    })
}

/// What stands in the place of a result that lay in such a region.
fn lost() -> Vec<u8> {
    let why = "there was no descriptor for what it returned in just the moment in which that came";
    let why = why.to_owned();
    let mut row = Encoder::new(usize::MAX);
    // A text is bytes: there is nothing in it that could fail.
    let _ = row.section(&why);
    row.into_vec()
}

/// How long the body is of a frame that names a region.
const PLACE: u64 = 16;

/// Whether a frame with this tag says what became of a task.
pub(crate) fn is_result(tag: u32) -> bool {
    const RESULTS: [Tag; 5] =
        [Tag::Value, Tag::Unencodable, Tag::BadArguments, Tag::Panicked, Tag::Sync];
    RESULTS.iter().any(|&result| result as u32 == tag)
}

#[cfg(test)]
mod tests;
