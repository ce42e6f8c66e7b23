//! One worker, and what it was given.

use std::collections::VecDeque;

use super::call::Block;
use super::chunk::{Chunk, Frames};
use super::desk::Desk;
use super::link::Link;
use super::state::HOSTAGE;
use crate::error::{PoolError, TaskFailure};
use crate::outcome::{ExitReason, Intent};
use crate::policy::{Fate, Trouble, fate};
use crate::wire::{self, Answers, Fault, Shape, Tag, WORD};

/// A worker that lives, or whose end was not heard of yet.
pub(super) struct Hand {
    pub(super) link: Link,
    /// What it was given and has not answered. The front one may be answered in part.
    pub(super) out: VecDeque<Chunk>,
    /// How many of the front one are answered.
    pub(super) answered: u64,
    /// How many frames it has answered since its start.
    pub(super) results: u64,
    /// What it has to answer before its first task.
    pub(super) preface: VecDeque<Preface>,
    /// How many tasks it was given since its start.
    pub(super) given: u64,
    /// When it was last heard of with nothing left to do, or given something then; nanoseconds.
    pub(super) mark: u64,
    /// It is given nothing more.
    pub(super) leaving: bool,
    /// When it was told that nothing more will come, so that it leaves; nanoseconds.
    told: Option<u64>,
    /// There was no room for its results, which are looked at again then; nanoseconds.
    pub(super) retry_at: Option<u64>,
    /// It sends what makes no sense, and was killed for that: nothing is heard of it but its end.
    pub(super) mad: bool,
    /// It was killed because of a task, and why.
    pub(super) killed: Option<Killed>,
    /// It counts among those that are up.
    up: bool,
    /// It has answered a task.
    worked: bool,
    /// When it last had to give back what it had not begun, in nanoseconds; 0 if it has answered since.
    /// Who never had to comes first, and who had to just now comes last.
    pub(super) late: u64,
}

/// How long a worker may take to leave, in nanoseconds: as long as any process that is to stop.
const LEAVE: u64 = 5_000_000_000;

/// How long a part of what it was given at once may lie there before it is heard, in nanoseconds.
const LULL: u64 = 250_000;

/// Why a worker was killed, and because of which task of which call. By then it may have begun the
/// next one, which is not to blame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Killed {
    trouble: Trouble,
    call: u64,
    task: u64,
}

/// What a worker has to answer before its first task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preface {
    Initializer,
    Ready,
}

impl Hand {
    pub(super) fn new(link: Link, preface: VecDeque<Preface>, now: u64) -> Self {
        Hand {
            link,
            out: VecDeque::new(),
            answered: 0,
            results: 0,
            preface,
            given: 0,
            mark: now,
            leaving: false,
            told: None,
            retry_at: None,
            mad: false,
            killed: None,
            up: true,
            worked: false,
            late: 0,
        }
    }

    /// It does not count among those that are up any more.
    fn down(&mut self, desk: &mut Desk) {
        if std::mem::take(&mut self.up) {
            desk.alive = desk.alive.saturating_sub(1);
        }
    }

    /// Whether it may be given tasks.
    pub(super) fn is_ready(&self) -> bool {
        self.preface.is_empty() && !self.leaving && self.killed.is_none()
    }

    /// Whether its initializer runs, or is about to.
    pub(super) fn is_initializing(&self) -> bool {
        self.preface.front() == Some(&Preface::Initializer) && !self.leaving
    }

    pub(super) fn is_idle(&self) -> bool {
        self.out.is_empty()
    }

    /// The first task that it has not answered, and its call.
    pub(super) fn front(&self) -> Option<(u64, u64)> {
        self.out.front().map(|front| (front.call.id, front.first + self.answered))
    }

    /// How many tasks it was given and has not answered.
    pub(super) fn outstanding(&self) -> u64 {
        self.out.iter().map(|chunk| chunk.count).sum::<u64>() - self.answered
    }

    /// How many tasks it has not even taken.
    pub(super) fn untaken(&mut self) -> u64 {
        let taken = self.link.taken().unwrap_or(self.results);
        self.outstanding().saturating_sub(taken.saturating_sub(self.results))
    }

    /// How many of the tasks that it has not taken belong to a chunk of that size that it has begun.
    pub(super) fn rest_of_chunk(&mut self, size: u64) -> u64 {
        let taken = self.link.taken().unwrap_or(self.results).saturating_sub(self.results);
        let Some(front) = self.out.front() else { return 0 };
        let next = front.first + self.answered + taken;
        (size - next % size) % size
    }

    /// Whether all is there that it was given at once, or other news: who comes for a part keeps it from
    /// doing the rest.
    pub(super) fn has_enough(&self) -> bool {
        let left = self.out.front().map_or(1, |front| front.count - self.answered);
        self.listens() && self.link.has_results(if self.preface.is_empty() { left } else { 1 })
    }

    /// When to hear what is there though it is not enough, if anything is.
    pub(super) fn patient_until(&self) -> Option<u64> {
        let waits = self.listens() && self.link.has_news();
        waits.then(|| self.mark.saturating_add(LULL))
    }

    /// Whether it is listened to.
    fn listens(&self) -> bool {
        !self.mad && self.retry_at.is_none()
    }

    /// When it began the task that it has in hand; `None` if it has none.
    pub(super) fn began(&mut self, now: u64) -> Option<u64> {
        let taken = self.link.taken().unwrap_or(self.results);
        if taken <= self.results || self.out.is_empty() {
            return None;
        }
        // It is its own word, which is believed if it can be.
        let began = self.link.began();
        Some(if (self.mark..=now).contains(&began) { began } else { self.mark })
    }

    /// Whether it has had its task in hand for so long that nothing should wait behind that.
    pub(super) fn holds(&mut self, now: u64) -> bool {
        self.began(now).is_some_and(|began| now.saturating_sub(began) >= HOSTAGE)
    }

    /// Has it leave when it has done what it has.
    pub(super) fn leave(&mut self, now: u64) {
        self.leaving = true;
        if self.told.is_none() {
            self.told = Some(now);
            self.link.finish();
        }
    }

    /// When one that was told to leave, and has nothing left to do, will have taken too long to do it.
    pub(super) fn overdue(&self) -> Option<u64> {
        let told = self.told.filter(|_| self.out.is_empty())?;
        Some(told.max(self.mark).saturating_add(LEAVE))
    }

    /// Kills it, which was to leave and did not.
    pub(super) fn dismiss(&mut self) {
        self.told = None;
        self.link.kill(Intent::Stop);
    }

    /// Kills it because of the first task that it has not answered.
    pub(super) fn kill(&mut self, trouble: Trouble, intent: Intent) {
        if let Some((call, task)) = self.front() {
            self.killed.get_or_insert(Killed { trouble, call, task });
        }
        self.leaving = true;
        self.link.kill(intent);
    }

    /// Gives it a chunk as far as there is room. What there was no room for is the answer; all of it if
    /// there is a fault.
    pub(super) fn give(&mut self, mut chunk: Chunk, now: u64) -> (Option<Chunk>, Option<Fault>) {
        let tasks = match self.link.put(chunk.call.tag(), chunk.frames()) {
            Ok((_, 0)) => return (Some(chunk), None),
            Ok((_, tasks)) => tasks,
            Err(fault) => return (Some(chunk), Some(fault)),
        };
        if self.out.is_empty() {
            self.mark = now;
        }
        self.given += tasks;
        let given = chunk.split_front(tasks);
        self.out.push_back(given);
        ((chunk.count > 0).then_some(chunk), None)
    }

    /// Takes back what it has not taken, the first tasks first.
    pub(super) fn recall(&mut self) -> Result<Vec<Chunk>, Fault> {
        let mut tasks = self.link.recall()?;
        self.given = self.given.saturating_sub(tasks);
        let mut back = Vec::new();
        while tasks > 0 {
            let Some(mut last) = self.out.pop_back() else { break };
            if last.count <= tasks {
                tasks -= last.count;
                back.push(last);
            } else {
                let kept = last.split_front(last.count - tasks);
                self.out.push_back(kept);
                tasks = 0;
                back.push(last);
            }
        }
        // What is left of the front one may be answered altogether.
        self.answer(0);
        back.reverse();
        Ok(back)
    }

    /// Hears what it has answered, and hands that on.
    pub(super) fn hear(&mut self, desk: &mut Desk, now: u64) -> Result<(), Fault> {
        let mut answers = Vec::new();
        let mut count = self.link.collect(&mut answers)?;
        self.results += count;
        if !self.up {
            // It failed to begin, and that is known. What it had said behind that is nothing.
            return Ok(());
        }
        let mut answers: VecDeque<_> = answers.into_iter().map(answered).collect();
        while count > 0
            && let Some(preface) = self.preface.pop_front()
        {
            let (frames, left) = answers.front_mut().ok_or(Fault::Rubbish)?;
            let answer = frames.split_front(1);
            let (tag, body) = answer.first().ok_or(Fault::Rubbish)?;
            if let Err(why) = desk.prefaced(preface, tag, body) {
                self.preface.push_front(preface);
                let (worker, pid) = (self.link.name(), self.link.pid());
                let error = match (preface, desk.initialized) {
                    (Preface::Initializer, Some((name, _))) => PoolError::initializer(name, &why),
                    _ => PoolError::worker(worker, pid, &why),
                };
                self.give_up(error, why, desk, now);
                return Ok(());
            }
            count -= 1;
            *left -= 1;
            if *left == 0 {
                answers.pop_front();
            }
            self.mark = now;
        }
        if count == 0 {
            return Ok(());
        }
        desk.worked();
        (self.worked, self.late) = (true, 0);
        if let Some(front) = self.out.front().map(|chunk| chunk.call.function)
            && self.out.iter().all(|chunk| chunk.call.function == front)
        {
            desk.measured(front, count, now.saturating_sub(self.mark));
        }
        self.mark = now;
        if self.link.has_lost() {
            // It will use again what did not get here.
            self.leave(now);
        }
        answers.into_iter().try_for_each(|(frames, count)| self.deliver(frames, count, desk))
    }

    /// Hands on answers to the tasks that it was given first.
    fn deliver(
        &mut self,
        mut frames: Frames,
        mut count: u64,
        desk: &mut Desk,
    ) -> Result<(), Fault> {
        while count > 0 {
            let front = self.out.front().ok_or(Fault::Rubbish)?;
            let most = count.min(front.count - self.answered);
            if frames.shape() == Shape::Numbers && !front.call.numbers {
                return Err(Fault::Rubbish);
            }
            let (len, values) = values(&frames, most);
            if values > 0 {
                self.hand_on(frames.split_at(len), values, desk);
            } else {
                self.hand_on_failure(frames.split_front(1), desk);
            }
            let answers = values.max(1);
            self.answer(answers);
            count -= answers;
        }
        Ok(())
    }

    fn block(&self, front: &Chunk, count: u64, frames: Frames) -> Block {
        let (first, attempts) = (front.first + self.answered, front.attempts.tries + 1);
        Block { first, count, frames, pid: self.link.pid(), attempts }
    }

    fn hand_on(&mut self, frames: Frames, count: u64, desk: &mut Desk) {
        if let Some(front) = self.out.front() {
            desk.answered(&front.call, self.block(front, count, frames), true);
        }
    }

    /// An answer without a value: the task may be tried again if it panicked.
    fn hand_on_failure(&mut self, frames: Frames, desk: &mut Desk) {
        let Some(front) = self.out.front() else { return };
        let tag = frames.first().map(|(tag, _)| Tag::of_frame(tag));
        let mut task = front.single(self.answered);
        task.attempts = task.attempts.after(Trouble::Panicked);
        let panicked = tag == Some(Ok(Tag::Panicked));
        if panicked && fate(task.attempts, Trouble::Panicked, task.call.terms.retry) == Fate::Again
        {
            return desk.again(task);
        }
        desk.answered(&front.call, self.block(front, 1, frames), false);
    }

    /// It cannot begin: that counts as a start that failed.
    pub(super) fn give_up(&mut self, error: PoolError, why: String, desk: &mut Desk, now: u64) {
        self.down(desk);
        desk.start_failed(error, false, now);
        self.leaving = true;
        self.link.kill(Intent::GiveUp(why));
    }

    /// So many more of its tasks are answered.
    fn answer(&mut self, tasks: u64) {
        self.answered += tasks;
        if self.out.front().is_some_and(|front| front.count == self.answered) {
            self.out.pop_front();
            self.answered = 0;
        }
    }

    /// Sees to what it was given: it has ended like this.
    pub(super) fn bury(mut self, reason: ExitReason, desk: &mut Desk, now: u64) {
        // What it had answered was answered, whatever else it did.
        let lost = self.hear_all(desk, now);
        self.down(desk);
        if !self.preface.is_empty() && !self.leaving {
            desk.ended_early(&self.link, &reason, now);
        }
        let taken = self.link.taken().unwrap_or(u64::MAX);
        let mut lost = if lost { taken.saturating_sub(self.results) } else { 0 };
        let mut in_hand = taken > self.results && self.preface.is_empty();
        if in_hand {
            desk.worked();
        } else if !self.worked && !self.leaving && !self.out.is_empty() {
            // It was given tasks, and ended before it began one.
            desk.ended_early(&self.link, &reason, now);
        }
        let reason = match reason {
            // It had started: that is what we say of those that we give up.
            ExitReason::StartFailed(why) if self.preface.is_empty() => ExitReason::Lost(why),
            reason => reason,
        };
        let mut rest = Vec::new();
        while let Some(mut chunk) = self.out.pop_front() {
            chunk.split_front(std::mem::take(&mut self.answered));
            if lost > 0 {
                let gone = chunk.split_front(lost);
                (lost, in_hand) = (lost - gone.count, false);
                self.lose(&gone, desk);
            } else if std::mem::take(&mut in_hand) {
                let suspect = chunk.split_front(1);
                let trouble = self.trouble(&suspect);
                rest.extend(self.after(suspect, trouble, &reason, desk));
            }
            if chunk.count > 0 {
                rest.push(chunk);
            }
        }
        desk.first(rest);
    }

    /// Hears all that it has left; whether there was no room for some of it.
    fn hear_all(&mut self, desk: &mut Desk, now: u64) -> bool {
        loop {
            let before = self.results;
            match self.hear(desk, now) {
                Ok(()) if self.results > before => {}
                heard => return matches!(heard, Err(Fault::NoRoom(_))),
            }
        }
    }

    /// Lets tasks fail whose results cannot be had: all but the last of them are there, and it may be, so
    /// none is run again.
    fn lose(&self, chunk: &Chunk, desk: &mut Desk) {
        let why = "its worker ended, and there was no descriptor or memory for what that had left";
        let (pid, tries) = (Some(self.link.pid()), chunk.attempts.tries + 1);
        for index in chunk.first..chunk.first + chunk.count {
            let failure = TaskFailure::Undeliverable(why.to_owned());
            let error = chunk.call.error(index, pid, tries, failure, String::new());
            desk.failed(&chunk.call, index, error);
        }
    }

    /// What went wrong with the task that it had in hand.
    fn trouble(&self, task: &Chunk) -> Trouble {
        match self.killed {
            None => Trouble::Crashed,
            Some(killed) if (killed.call, killed.task) == (task.call.id, task.first) => {
                killed.trouble
            }
            // It was killed for the one before, which was done all the same.
            Some(_) => Trouble::NotBegun,
        }
    }

    /// What becomes of a task whose worker ended with it in hand.
    fn after(
        &self,
        mut task: Chunk,
        trouble: Trouble,
        reason: &ExitReason,
        desk: &mut Desk,
    ) -> Option<Chunk> {
        task.attempts = task.attempts.after(trouble);
        let attempts = task.attempts;
        let failure = match fate(attempts, trouble, task.call.terms.retry) {
            Fate::Again => {
                if trouble != Trouble::NotBegun {
                    desk.retried(&task.call);
                }
                return Some(task);
            }
            Fate::Poison => {
                TaskFailure::Poisoned { crashes: attempts.crashes, last: reason.clone() }
            }
            Fate::Fail => match (trouble, task.call.terms.timeout) {
                (Trouble::TimedOut, Some(limit)) => TaskFailure::TimedOut(limit),
                (Trouble::Cancelled, _) => TaskFailure::Cancelled,
                _ => TaskFailure::Crashed(reason.clone()),
            },
        };
        let (pid, stderr) = (Some(self.link.pid()), self.link.stderr());
        let error = task.call.error(task.first, pid, attempts.tries, failure, stderr);
        desk.failed(&task.call, task.first, error);
        None
    }
}

/// What was collected at once: how many answers.
fn answered(answers: Answers) -> (Frames, u64) {
    (Frames::new(answers.bytes, answers.shape), answers.count)
}

/// How many bytes the first answers have that are values, so many at the most, and how many these are.
fn values(frames: &Frames, most: u64) -> (usize, u64) {
    let (mut rest, mut len, mut count) = (frames.bytes(), 0, 0);
    while count < most
        && let Some((tag, more, size)) = first(rest, frames.shape(), most - count)
        && tag == Tag::Value as u32
    {
        let more = more.min(most - count);
        count += more;
        len += more as usize * size;
        rest = &rest[more as usize * size..];
    }
    (len, count)
}

/// The tag of the first frames, how many have it, and the size of each.
fn first(frames: &[u8], shape: Shape, most: u64) -> Option<(u32, u64, usize)> {
    match shape {
        Shape::Mixed => wire::first_alike(frames),
        Shape::Alike(stride) => Some((wire::first_frame(frames)?.0, most, stride)),
        Shape::Numbers => Some((Tag::Value as u32, most, WORD as usize)),
    }
}
