//! The lane that answers come over, and who reads it.
//!
//! Whoever waits for an answer reads the lane itself: no thread in between, no hop. One reads at a
//! time; what it finds for others it hands them, and when it has its own it passes the turn on. For
//! asks that nobody waits for in this way, futures and those whose asker gave up, there is a thread
//! that reads while there are any: a lane that nobody reads would fill up and stop the actor.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::Instant;

use super::asks::{self, Ask, Asking, Random, Told, Unanswered, Woken};
use super::life::Life;
use crate::outcome::Intent;
use crate::wire::{Fault, LaneReceiver, OwnedBody, ReaderBell, Tag};

/// Who reads the lane of one slot's actor, incarnation after incarnation.
#[derive(Default)]
pub(crate) struct Answers {
    inner: Mutex<Inner>,
    changed: Condvar,
    /// Nobody is left for whom the thread would read.
    idle: AtomicBool,
}

#[derive(Default)]
struct Inner {
    /// The lane, where nobody has it in hand.
    lane: Option<Box<Reading>>,
    /// The process at the other end is dead: the rest is for its attendant.
    dead: bool,
    /// There will be no other process.
    over: bool,
    /// Answers come over lanes.
    ring: bool,
    waiting: Vec<Arc<Ask>>,
    unattended: HashSet<u64, BuildHasherDefault<Random>>,
    thread: bool,
    /// How many wait for a change.
    sleepers: usize,
    /// The process at the other end.
    life: Weak<Life>,
    /// Wakes whoever reads.
    bell: Option<Arc<ReaderBell>>,
}

/// The lane of one incarnation.
pub(crate) struct Reading {
    lane: LaneReceiver,
    life: Arc<Life>,
    last: Option<Last>,
}

/// What came that is no answer: the outcome, or why nothing more can come.
pub(crate) type Last = Result<(Tag, OwnedBody), Fault>;

impl Answers {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Begins with the lane of a new incarnation.
    pub(crate) fn begin(self: &Arc<Self>, lane: LaneReceiver, life: Arc<Life>) {
        life.edge().set_answers(self);
        let mut inner = self.inner();
        inner.life = Arc::downgrade(&life);
        inner.bell = lane.bell().map(Arc::new);
        inner.lane = Some(Box::new(Reading { lane, life, last: None }));
        inner.dead = false;
        inner.ring = true;
        self.pass_on(&mut inner);
    }

    /// Waits until the ask is told, reading the lane where nobody else does.
    pub(crate) fn wait(&self, asking: &Asking, deadline: Instant) -> Option<Told> {
        let ask = &asking.ask;
        loop {
            let mut inner = self.inner();
            let reads = !inner.dead && inner.lane.is_some();
            if let Some(told) = ask.take_or_read(inner.bell.as_ref().filter(|_| reads)) {
                if reads {
                    // It may have been given the turn just before.
                    self.pass_on(&mut inner);
                }
                return Some(told);
            }
            let free = if reads { inner.lane.take() } else { None };
            if let Some(mut reading) = free {
                drop(inner);
                let own = Some(asking.number);
                let found = self.read(&mut reading, own, Some(deadline), || ask.is_told());
                let mut inner = self.inner();
                inner.lane = Some(reading);
                match found {
                    Found::Own(value) => {
                        self.pass_on(&mut inner);
                        return Some(Told::Value(value));
                    }
                    Found::OwnNot => {
                        self.pass_on(&mut inner);
                        return Some(Told::Not(Unanswered::Dropped));
                    }
                    Found::Late => {
                        self.pass_on(&mut inner);
                        // The answer may have come another way.
                        return ask.take();
                    }
                    Found::Over => {
                        // Its attendant finds out the same, and then tells everyone why.
                        inner.dead = true;
                        self.changed.notify_all();
                    }
                }
            } else {
                inner.waiting.push(Arc::clone(ask));
                drop(inner);
                let woken = ask.sleep(deadline);
                let mut inner = self.inner();
                inner.waiting.retain(|other| !Arc::ptr_eq(other, ask));
                let told = match woken {
                    Woken::Turn => continue,
                    Woken::Told(told) => Some(told),
                    Woken::Late => None,
                };
                // It may have been given the turn meanwhile.
                if inner.lane.is_some() {
                    self.pass_on(&mut inner);
                }
                return told;
            }
        }
    }

    /// Has a thread read the answer of an ask for which nobody waits here any more.
    pub(crate) fn unattend_sent(self: &Arc<Self>, asking: &Asking) -> std::io::Result<()> {
        let mut inner = self.inner();
        let life = inner.life.upgrade().filter(|_| !inner.dead);
        if life.is_some_and(|life| !life.edge().holds(asking.number)) {
            // The right to answer has left this process: the answer comes another way.
            return Ok(());
        }
        self.add_unattended(&mut inner, asking)
    }

    /// Has a thread read the answer of an ask that is about to be sent, for which nobody will wait
    /// here.
    pub(crate) fn unattend(self: &Arc<Self>, asking: &Asking) -> std::io::Result<()> {
        self.add_unattended(&mut self.inner(), asking)
    }

    fn add_unattended(self: &Arc<Self>, inner: &mut Inner, asking: &Asking) -> std::io::Result<()> {
        // Whoever reads tells first and strikes out then.
        if inner.over || !inner.ring || asking.ask.is_told() {
            return Ok(());
        }
        inner.unattended.insert(asking.number);
        self.idle.store(false, Ordering::Release);
        if !inner.thread {
            let answers = Arc::clone(self);
            crate::sys::run_aside("procession-answers", move || {
                answers.serve();
            })?;
            inner.thread = true;
        }
        self.changed.notify_all();
        Ok(())
    }

    /// Forgets those that the next incarnation will not answer.
    pub(crate) fn retain(&self, kept: impl Fn(u64) -> bool) {
        let mut inner = self.inner();
        inner.unattended.retain(|&number| kept(number));
        self.look_idle(&inner);
    }

    /// The answer to an ask comes another way, if any comes.
    pub(crate) fn strike_out(&self, number: u64) {
        let mut inner = self.inner();
        if inner.unattended.remove(&number) {
            self.look_idle(&inner);
        }
    }

    fn look_idle(&self, inner: &Inner) {
        if inner.unattended.is_empty() {
            self.idle.store(true, Ordering::Release);
            if let Some(bell) = &inner.bell {
                bell.toll();
            }
        }
    }

    fn serve(&self) {
        let mut inner = self.inner();
        loop {
            if inner.over {
                return;
            }
            let wanted = !inner.unattended.is_empty() && !inner.dead;
            let free = if wanted { inner.lane.take() } else { None };
            let Some(mut reading) = free else {
                inner = self.sleep(inner);
                continue;
            };
            drop(inner);
            let found = self.read(&mut reading, None, None, || self.idle.load(Ordering::Acquire));
            inner = self.inner();
            inner.lane = Some(reading);
            if matches!(found, Found::Over) {
                inner.dead = true;
                self.changed.notify_all();
            }
            self.pass_on(&mut inner);
        }
    }

    fn sleep<'a>(&self, mut inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        inner.sleepers += 1;
        let mut inner = self.changed.wait(inner).unwrap_or_else(|poisoned| poisoned.into_inner());
        inner.sleepers -= 1;
        inner
    }

    /// Has the next one read who wants to.
    fn pass_on(&self, inner: &mut Inner) {
        // Who waits for an answer of the next process stays in line.
        let next = if inner.dead { None } else { inner.waiting.pop() };
        match next {
            Some(next) => next.your_turn(),
            // Without anybody asleep this would be a system call for nothing.
            None if inner.sleepers > 0 => self.changed.notify_all(),
            None => {}
        }
    }

    /// Reads until the answer that is asked for; without one, until nobody is left to read for.
    fn read(
        &self,
        reading: &mut Reading,
        own: Option<u64>,
        deadline: Option<Instant>,
        called_off: impl Fn() -> bool,
    ) -> Found {
        loop {
            let Reading { lane, life, last } = reading;
            let message = match lane.receive_unless(deadline, &called_off) {
                Ok(message) => message,
                Err(Fault::TimedOut) => return Found::Late,
                Err(Fault::Gone) => return Found::Over,
                Err(fault) => return fail(life, last, fault),
            };
            let tag = message.tag;
            if !matches!(tag, Tag::Answer | Tag::NoAnswer) {
                last.get_or_insert(Ok((tag, message.body.to_owned())));
                return Found::Over;
            }
            // Copied: the lane's regions are used again as soon as somebody reads on.
            let body = match message.body.to_owned() {
                body @ OwnedBody::Region(..) => OwnedBody::Bytes(body.into_bytes()),
                body => body,
            };
            let Ok(number) = body.body().decode(|mut row| row.section::<u64>()) else {
                return fail(life, last, Fault::Rubbish);
            };
            // What no right was lent for is nobody's answer.
            if !life.edge().settle(number) {
                continue;
            }
            if own == Some(number) {
                return if tag == Tag::Answer { Found::Own(body) } else { Found::OwnNot };
            }
            asks::tell(
                number,
                match tag {
                    Tag::Answer => Told::Value(body),
                    _ => Told::Not(Unanswered::Dropped),
                },
            );
            let mut inner = self.inner();
            inner.unattended.remove(&number);
            if own.is_none() && inner.unattended.is_empty() {
                return Found::Late;
            }
        }
    }

    /// Takes the lane of a process that is dead and whose lanes were closed, and hands out the
    /// answers that are still in it; the answer is what it said last.
    pub(crate) fn bury(&self) -> Option<Last> {
        let mut inner = self.inner();
        inner.dead = true;
        let mut reading = loop {
            // Whoever has it in hand was woken by the closing.
            match inner.lane.take() {
                Some(reading) => break reading,
                None => inner = self.sleep(inner),
            }
        };
        drop(inner);
        while reading.last.is_none() {
            match self.read(&mut reading, Some(0), Some(Instant::now()), || false) {
                Found::Own(_) | Found::OwnNot => {}
                Found::Late | Found::Over => break,
            }
        }
        reading.last
    }

    /// There will be no other process: whoever waits has been told.
    pub(crate) fn end(&self) {
        let mut inner = self.inner();
        inner.over = true;
        inner.unattended.clear();
        self.changed.notify_all();
    }
}

/// Nothing more can be read, and so no asker would hear: the process is ended, which all hear.
#[cold]
fn fail(life: &Life, last: &mut Option<Last>, fault: Fault) -> Found {
    last.get_or_insert(Err(fault));
    let why = match fault {
        Fault::NoRoom(_) | Fault::Lost => "there was no descriptor or memory for what it answered",
        _ => "what it wrote over its lane makes no sense",
    };
    let _ = life.kill(Intent::Distrust(why.to_owned()));
    Found::Over
}

enum Found {
    Own(OwnedBody),
    OwnNot,
    Late,
    Over,
}
