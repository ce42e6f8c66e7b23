//! Putting messages into a slot.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use super::{Line, More, Slot, State, Status};
use crate::error::Undelivered;
use crate::id::Right;
use crate::outcome::Intent;
use crate::route::clock;
use crate::wire::{Encoder, Fault, NotNow, Patience, Tag};

/// A message, ready to be put into a slot.
pub(crate) struct Mail<'a> {
    pub(crate) tag: Tag,
    pub(crate) row: Encoder<'a>,
    pub(crate) rights: Vec<Right>,
}

impl Mail<'_> {
    /// What is kept of it besides where it lies.
    fn more(&mut self, held: bool) -> More {
        let mail = held.then(|| (self.tag, self.row.to_vec()));
        More { rights: std::mem::take(&mut self.rights), crashes: 0, mail }
    }
}

/// Why a message was not put into a slot.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no room until messages up to there are done.
    Later(u64),
    Never(Undelivered),
}

impl Slot {
    /// Puts a message in if there is room; never waits.
    pub(crate) fn try_send(self: &Arc<Self>, mail: &mut Mail<'_>) -> Result<(), Undelivered> {
        let mut state = self.state();
        // Who waits for room is first.
        if !state.queue.is_empty() && matches!(state.status, Status::Open) {
            return Err(Undelivered::Full);
        }
        self.put(&mut state, mail).map_err(|refusal| match refusal {
            Refusal::Later(_) => Undelivered::Full,
            Refusal::Never(why) => why,
        })
    }

    /// Puts a short message without rights in if that can be done at once; whether it was.
    pub(crate) fn send_at_once(&self, len: usize, words: &[[u8; 8]]) -> bool {
        let mut guard = self.state();
        let state = &mut *guard;
        // Who waits for room is first, and somebody has to look after a message in hand.
        let is_plain = matches!(state.status, Status::Open)
            && state.queue.is_empty()
            && state.kept.len() < self.terms.bound
            && (state.timed || self.terms.deadline.is_none());
        let Line::Ring(ring) = &mut state.line else { return false };
        if !is_plain {
            return false;
        }
        let Some(end) = ring.put_words(Tag::Value, len, words) else { return false };
        state.kept.push(end);
        true
    }

    /// Puts a message in, and waits for room.
    pub(crate) fn send(
        self: &Arc<Self>,
        mail: &mut Mail<'_>,
        limit: Duration,
    ) -> Result<(), Undelivered> {
        let mut state = self.state();
        // Who waits for room waits in line: nobody overtakes them for ever.
        if state.queue.is_empty() {
            match self.put(&mut state, mail) {
                Ok(()) => return Ok(()),
                Err(Refusal::Never(why)) => return Err(why),
                Err(Refusal::Later(_)) => {}
            }
        }
        drop(state);
        let now = Instant::now();
        let deadline = now.checked_add(limit).unwrap_or(now + FAR);
        self.send_in_turn(mail, deadline).map_err(|why| match why {
            Undelivered::Full => Undelivered::TimedOut(limit),
            why => why,
        })
    }

    #[cold]
    fn send_in_turn(
        self: &Arc<Self>,
        mail: &mut Mail<'_>,
        deadline: Instant,
    ) -> Result<(), Undelivered> {
        let _turn = self.stand_in_line(deadline)?;
        let mut patience = Patience::new();
        let mut state = self.state();
        loop {
            let position = match self.put(&mut state, mail) {
                Ok(()) => return Ok(()),
                Err(Refusal::Never(why)) => return Err(why),
                Err(Refusal::Later(position)) => position,
            };
            if deadline <= Instant::now() {
                return Err(Undelivered::Full);
            }
            state = self.wait_for_room(state, position, deadline, &mut patience);
        }
    }

    /// Waits until it is one's turn to wait for room.
    pub(super) fn stand_in_line(&self, deadline: Instant) -> Result<Turn<'_>, Undelivered> {
        let mut state = self.state();
        let ticket = state.draw_ticket();
        let turn = Turn { slot: self, ticket };
        while state.queue.front() != Some(&ticket) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                return Err(Undelivered::Full);
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        drop(state);
        Ok(turn)
    }

    /// Waits until there may be room, the slot may have ended, or it is too late.
    pub(super) fn wait_for_room<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        position: u64,
        deadline: Instant,
        patience: &mut Patience,
    ) -> MutexGuard<'a, State> {
        if let Some(room) = state.line.waiting_room() {
            drop(state);
            let drained = || self.drained.load(Ordering::Relaxed);
            room.wait(position, Some(deadline), patience, drained);
            return self.state();
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout(state, left);
        waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
    }

    #[inline]
    pub(super) fn put(
        self: &Arc<Self>,
        state: &mut State,
        mail: &mut Mail<'_>,
    ) -> Result<(), Refusal> {
        match &state.status {
            Status::Open => {}
            Status::Draining => return Err(Refusal::Never(Undelivered::Stopping)),
            Status::Over(why) => return Err(Refusal::Never(why.clone())),
        }
        if state.kept.len() >= self.terms.bound {
            state.prune();
            if state.line.progress().is_err() {
                return Err(self.refuse(state, NotNow::Never(Fault::Rubbish)));
            }
            if state.kept.len() >= self.terms.bound {
                return Err(Refusal::Later(state.kept.first_end().unwrap_or(0)));
            }
        }
        if state.kept.has_many() {
            state.prune();
        }
        if mail.row.len() > LARGE
            && let Some(position) = state.too_much()
        {
            return Err(Refusal::Later(position));
        }
        // Before the message is there: its answer must not come before the right is known.
        let edge = state.serving.as_ref().and_then(|serving| serving.edge.as_ref());
        if let Some(edge) = edge {
            mail.rights.iter().for_each(|right| {
                // Where it has ended already, the slot is about to hear of it.
                let _ = edge.lend(right.clone());
            });
        }
        match state.line.put(mail.tag, &mail.row) {
            Ok(end) => {
                if matches!(state.line, Line::Held(_)) {
                    state.kept.push_with(end, mail.more(true));
                    self.feed(state);
                } else if mail.rights.is_empty() {
                    state.kept.push(end);
                } else {
                    state.kept.push_with(end, mail.more(false));
                }
                if let Some(limit) = self.terms.deadline {
                    self.watch_over(state, limit);
                }
                Ok(())
            }
            Err(not_now) => {
                if let Some(edge) = edge {
                    mail.rights.iter().for_each(|right| {
                        edge.settle(right.number);
                    });
                }
                Err(self.refuse(state, not_now))
            }
        }
    }

    #[cold]
    fn refuse(&self, state: &State, not_now: NotNow) -> Refusal {
        let room = |what: &str| Refusal::Never(Undelivered::System(what.to_owned()));
        match not_now {
            NotNow::Until(position) => Refusal::Later(position),
            NotNow::Never(Fault::NoRoom(_)) => room("there is no descriptor or memory for it"),
            NotNow::Never(Fault::Rubbish) => {
                let why = "what it wrote over its mailbox makes no sense".to_owned();
                if let Some(life) = state.serving.as_ref().and_then(|serving| serving.life.as_ref())
                {
                    let _ = life.kill(Intent::Distrust(why.clone()));
                }
                room(&why)
            }
            NotNow::Never(_) => room("its mailbox is closed"),
        }
    }

    /// Has the clock look after the message in hand, where it may be there for so long only.
    fn watch_over(self: &Arc<Self>, state: &mut State, limit: Duration) {
        if !state.timed {
            // Without a thread for that now, the next message tries again.
            state.timed = self.look_again(limit);
        }
    }

    fn look_again(self: &Arc<Self>, after: Duration) -> bool {
        let slot = Arc::downgrade(self);
        let Some(when) = Instant::now().checked_add(after) else { return true };
        let timer = clock::at(when, move || {
            if let Some(slot) = slot.upgrade() {
                slot.look();
            }
        });
        let set = timer.is_some();
        // It happens once whatever becomes of us.
        std::mem::forget(timer);
        set
    }

    /// Kills a process that has had a message in hand for too long.
    fn look(self: &Arc<Self>) {
        let Some(limit) = self.terms.deadline else { return };
        let mut state = self.state();
        state.prune();
        if state.kept.is_empty() || matches!(state.status, Status::Over(_)) {
            state.timed = false;
            return;
        }
        let now = crate::sys::monotonic_nanos();
        let in_hand = match state.line.progress() {
            Ok((done, taken)) if taken > done && state.serving.is_some() => state.line.began(),
            // Between two messages, or between two processes.
            _ => now,
        };
        let for_so_long = Duration::from_nanos(now.saturating_sub(in_hand));
        let Some(left) = limit.checked_sub(for_so_long).filter(|left| !left.is_zero()) else {
            if let Some(life) = state.serving.as_ref().and_then(|serving| serving.life.clone()) {
                let _ = life.kill(Intent::TimeOut(limit));
            }
            state.timed = self.look_again(limit);
            return;
        };
        state.timed = self.look_again(left);
    }
}

impl State {
    /// The last place of those who wait for room.
    pub(super) fn draw_ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.queue.push_back(self.tickets);
        self.tickets
    }

    /// Where messages that this process holds itself are too many bytes for another large one: up to
    /// where they have to be done. A ring has a bound of its own.
    fn too_much(&mut self) -> Option<u64> {
        if matches!(self.line, Line::Ring(_)) {
            return None;
        }
        self.prune();
        let sizes = self.kept.mails().map(|(_, (_, row))| row.len());
        if sizes.sum::<usize>() < MOST { None } else { self.kept.first_end() }
    }
}

/// The size from which the bytes in a mailbox are counted.
const LARGE: usize = 16 << 10;

/// The most bytes of messages that wait, besides the last one.
const MOST: usize = 16 << 20;

/// As good as for ever.
pub(super) const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The place of one who waits for room, until this is dropped.
pub(super) struct Turn<'a> {
    slot: &'a Slot,
    ticket: u64,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.slot.state().queue.retain(|&ticket| ticket != self.ticket);
        self.slot.changed.notify_all();
    }
}
