//! The processes that serve a slot, one after the other, and what becomes of messages between them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::watch::End;
use super::{Left, Line, Serving, Slot, State, Status};
use crate::error::{Loss, Undelivered};
use crate::outcome::ExitReason;
use crate::route::asks::Unanswered;
use crate::route::edge::Edge;
use crate::route::post::Aside;
use crate::route::{Life, letters, post};
use crate::wire::{Fault, LaneReceiver, MailboxEnds, Tag, Word};

/// A message on its way to a process that shares no memory.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fed {
    /// Where it ends.
    pub(crate) end: u64,
    pub(crate) asks: bool,
    #[serde(with = "crate::wire::bytes")]
    pub(crate) row: Vec<u8>,
}

/// What a mailbox finds in a slot of its own process.
pub(crate) enum Taken {
    Mail(Tag, Vec<u8>),
    Empty,
    Closed,
}

/// How many messages are on their way to such a process, and how many bytes.
const WINDOW: u64 = 16;
const BYTES: usize = 1 << 20;

impl Slot {
    /// Makes what the next process needs to serve it, and says which one that is, and how many have died
    /// with the first message in hand.
    pub(crate) fn hand_over(&self) -> Result<(Option<MailboxEnds>, u32, u32), Fault> {
        let mut state = self.state();
        let from = state.resume();
        let ends = state.line.hand_over(from, self.terms.deadline.is_some())?;
        state.incarnation += 1;
        Ok((ends, state.incarnation, state.kept.crashes()))
    }

    /// Begins with a process, before that can say anything. What waits is its own from now on.
    pub(crate) fn serve(
        self: &Arc<Self>,
        edge: Arc<Edge>,
        life: Arc<Life>,
        lane: Option<LaneReceiver>,
    ) {
        let mut state = self.state();
        for right in state.kept.rights() {
            let _ = edge.lend(right.clone());
        }
        if let Some(lane) = lane {
            self.answers.begin(lane, Arc::clone(&life));
        }
        state.serving = Some(Serving { edge: Some(edge), life: Some(life) });
        self.feed(&mut state);
    }

    /// The process that was to serve it never hears what to do: its start failed. What waits is for the
    /// next one, and so are the rights in it.
    pub(crate) fn unserved(&self, edge: &Edge) {
        let mut state = self.state();
        state.serving = None;
        edge.take_rights();
    }

    /// Serves it from this very process.
    pub(crate) fn serve_here(&self) {
        let mut state = self.state();
        state.incarnation = 1;
        state.serving = Some(Serving { edge: None, life: None });
        self.here.store(true, Ordering::Relaxed);
    }

    /// Whether this very thread has a message of it in hand: then nobody would answer it.
    pub(crate) fn in_hand_here(&self) -> bool {
        self.here.load(Ordering::Relaxed) && self.state().hand == Some(std::thread::current().id())
    }

    /// The process that serves it has ended like this, and its lane was read to the end.
    /// Where it is the last one, nothing is taken in any more.
    pub(crate) fn ended(&self, edge: &Edge, reason: &ExitReason, last: bool) {
        let mut state = self.state();
        if last {
            state.status = Status::Over(Undelivered::Ended(reason.clone()));
        }
        let pid = state.serving.take().and_then(|serving| serving.life).map_or(0, |life| life.pid);
        let incarnation = state.incarnation;
        state.last_end = Some(End { pid, incarnation, reason: reason.clone() });
        let suspects = state.take_suspects(self.terms.retries, reason);
        let parked = state.parked().flat_map(|arrival| &arrival.rights);
        let kept = state.kept.rights().chain(parked);
        let kept: HashSet<u64> = kept.map(|right| right.number).collect();
        self.answers.retain(|number| kept.contains(&number));
        let rights = edge.take_rights().into_iter();
        let lost: Vec<_> = rights.filter(|right| !kept.contains(&right.number)).collect();
        let watchers = std::mem::take(&mut state.watchers);
        for suspect in suspects {
            let loss = Loss::Crashed { pid, reason: reason.clone() };
            letters::post(self.letter(&state, suspect, loss));
        }
        let from = state.resume();
        state.line.forget_reader(from);
        self.look_for_room(&state);
        drop(state);
        for right in lost {
            post::answer(right, Err(self.died(pid, reason)));
        }
        watchers.into_values().for_each(|right| post::down(right, incarnation, reason));
        if last {
            self.wind_up(&Undelivered::Ended(reason.clone()));
        }
    }

    fn died(&self, pid: u32, reason: &ExitReason) -> Unanswered {
        Unanswered::Died { actor: self.terms.name.clone(), pid, reason: reason.clone() }
    }

    /// There will be no further process: what waits is lost, and whoever sends hears why.
    pub(crate) fn give_up(&self, why: &Undelivered) {
        let mut state = self.state();
        if matches!(state.status, Status::Over(_)) {
            return;
        }
        state.status = Status::Over(why.clone());
        drop(state);
        self.wind_up(why);
    }

    /// Sees to what is left in a slot that is over.
    fn wind_up(&self, why: &Undelivered) {
        let mut state = self.state();
        state.prune();
        let parked = state.take_parked();
        let watchers = std::mem::take(&mut state.watchers);
        let mut rights: Vec<_> = state.senders.drain(..).map(|(_, right)| right).collect();
        // What was in hand when a process ended is in doubt, however long it waited to be tried again.
        let end = state.last_end.clone();
        let (last_pid, last_reason) = match &end {
            Some(end) => (end.pid, end.reason.clone()),
            None => {
                let lost = "its mailbox was dropped meanwhile".to_owned();
                (std::process::id(), ExitReason::Lost(lost))
            }
        };
        let in_hand = match &state.line {
            Line::Held(held) if state.serving.is_some() => held.taken,
            _ => 0,
        };
        let mut doubtful = Vec::new();
        while let Some(mut left) = state.kept.pop() {
            let more = &mut left.more;
            let loss = if more.crashes > 0 || left.end <= in_hand {
                doubtful.append(&mut more.rights);
                more.crashes = more.crashes.saturating_sub(1);
                Loss::Crashed { pid: last_pid, reason: last_reason.clone() }
            } else {
                rights.append(&mut more.rights);
                Loss::NotDelivered(why.clone())
            };
            letters::post(self.letter(&state, left, loss));
        }
        if let Some(room) = state.line.waiting_room() {
            room.close();
        }
        let incarnation = state.incarnation;
        let orphan = state.orphan;
        drop(state);
        if orphan {
            super::close(self);
        }
        for right in rights {
            post::answer(right, Err(Unanswered::NotDelivered(why.clone())));
        }
        for right in doubtful {
            post::answer(right, Err(self.died(last_pid, &last_reason)));
        }
        parked.into_iter().for_each(|arrival| self.refuse_arrival(arrival, why));
        let reason = match (end, why) {
            (Some(end), _) => end.reason,
            (None, Undelivered::Ended(reason)) => reason.clone(),
            (None, why) => ExitReason::Lost(why.to_string()),
        };
        watchers.into_values().for_each(|right| post::down(right, incarnation, &reason));
        self.answers.end();
        self.changed.notify_all();
    }

    /// Nobody holds its handle any more.
    pub(crate) fn orphan(&self) {
        let mut state = self.state();
        state.orphan = true;
        let over = matches!(state.status, Status::Over(_));
        drop(state);
        if over {
            super::close(self);
        }
    }

    /// Takes no more messages, and has the mailbox end after those that are there.
    pub(crate) fn drain(&self) {
        let mut state = self.state();
        if matches!(state.status, Status::Open) {
            state.status = Status::Draining;
            state.line.finish();
            // Who waits for room hears that there will be none, also if it is only about to sleep.
            self.drained.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            self.look_for_room(&state);
            self.feed(&mut state);
        }
    }

    /// Has those who wait for room look again. They sleep where the messages are: at the ring, or here.
    fn look_for_room(&self, state: &State) {
        if let Some(room) = state.line.waiting_room() {
            room.toll();
        }
        self.changed.notify_all();
    }

    /// Sends on what the process that shares no memory may have.
    pub(super) fn feed(&self, state: &mut State) {
        let Line::Held(held) = &mut state.line else { return };
        let Some(serving) = &state.serving else { return };
        let Some(edge) = &serving.edge else {
            self.changed.notify_all();
            return;
        };
        let mut bytes = 0;
        for (end, (tag, row)) in state.kept.mails() {
            if end <= held.sent {
                bytes += row.len();
                continue;
            }
            if held.sent - held.done >= WINDOW || bytes >= BYTES {
                break;
            }
            let fed = Fed { end, asks: *tag != Tag::Value, row: row.clone() };
            if edge.send(&Word::Local(post::aside(&Aside::Fed(fed)))).is_err() {
                break;
            }
            bytes += row.len();
            held.sent = end;
        }
        let is_last = matches!(state.status, Status::Draining) && held.sent == held.written;
        if is_last && !std::mem::replace(&mut held.closed, true) {
            // If it has ended, there is nobody to be told.
            let _ = edge.send(&Word::Local(post::aside(&Aside::Closing)));
        }
    }

    /// The process says how far it is.
    pub(crate) fn acknowledged(&self, done: u64, taken: u64) {
        let mut state = self.state();
        let Line::Held(held) = &mut state.line else { return };
        // A process counts from where it began, which it is not told.
        let done = done.max(held.done);
        // What cannot be is not believed.
        if taken < done || taken > held.sent {
            return;
        }
        if taken > held.taken {
            held.began = crate::sys::monotonic_nanos();
        }
        (held.done, held.taken) = (done, taken);
        state.prune();
        self.feed(&mut state);
        drop(state);
        self.changed.notify_all();
    }

    /// The mailbox of this process is done with what it took.
    pub(crate) fn done(&self) {
        let mut state = self.state();
        if state.put_down() {
            self.changed.notify_all();
        }
    }

    /// Takes the next message for a mailbox of this process, and is done with the one before.
    pub(crate) fn take(&self, wait: bool, deadline: Option<Instant>) -> Taken {
        let mut state = self.state();
        loop {
            let over = matches!(state.status, Status::Over(_));
            let draining = matches!(state.status, Status::Draining);
            let made_room = state.put_down();
            if over {
                return Taken::Closed;
            }
            let next = state.kept.mails().next().map(|(end, mail)| (end, mail.clone()));
            if let Some((end, (tag, row))) = next {
                if let Line::Held(held) = &mut state.line {
                    held.taken = end;
                }
                state.hand = Some(std::thread::current().id());
                drop(state);
                self.changed.notify_all();
                return Taken::Mail(tag, row);
            }
            if draining {
                return Taken::Closed;
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if made_room {
                // A sender may have waited for that, and what it sends is what there is to wait for.
                self.changed.notify_all();
            }
            if !wait || left.is_some_and(|left| left.is_zero()) {
                return Taken::Empty;
            }
            state = match left {
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
                None => self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner()),
            };
        }
    }
}

impl State {
    /// A mailbox of this process is done with what it has in hand; whether there was something.
    fn put_down(&mut self) -> bool {
        self.hand = None;
        let Line::Held(held) = &mut self.line else { return false };
        let had_some = held.done < held.taken;
        held.done = held.taken;
        self.prune();
        had_some
    }

    /// Takes out the messages that the process that has ended may have begun, unless they are to be
    /// tried again: the one in hand, or all where it lies about which one that is.
    fn take_suspects(&mut self, retries: u32, reason: &ExitReason) -> Vec<Left> {
        self.prune();
        // Nobody is done with a part of a message.
        let progress = self.line.progress().ok().filter(|(done, _)| *done <= self.kept.start());
        let Some((done, taken)) = progress else {
            let done = self.line.last_done();
            self.kept.forget(done);
            return std::iter::from_fn(|| self.kept.pop()).collect();
        };
        if taken <= done {
            return Vec::new();
        }
        let Some(first) = self.kept.first_more() else { return Vec::new() };
        first.crashes += 1;
        // A function that returned with a message in hand has handled it in its own way.
        let finished = *reason == ExitReason::Finished;
        if first.crashes <= retries && !finished {
            return Vec::new();
        }
        first.crashes -= 1;
        self.kept.pop().filter(|_| !finished).into_iter().collect()
    }

    /// Where the next process begins: at the first message that is not done.
    fn resume(&self) -> u64 {
        self.kept.start()
    }
}
