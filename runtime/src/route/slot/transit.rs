//! Messages that come from other processes.
//!
//! The thread that brings one never waits: where there is no room, the message is parked, and a
//! thread of the slot's own puts it in when there is. It has its place in the line of those who wait for
//! room, so that nothing that is sent after it overtakes it. A sender has a credit, so that what is parked
//! is bounded; it asks for more when that is used up, and is told when all it sent has found room.

use std::sync::Arc;
use std::time::Instant;

use super::send::FAR;
use super::{Mail, Refusal, Slot, State, Status};
use crate::error::{EncodeError, Loss, Undelivered};
use crate::id::{ProcessId, Right};
use crate::route::asks::Unanswered;
use crate::route::{letters, post};
use crate::wire::{Encoder, Patience, Tag};

/// How many messages a process may have on their way to one slot.
pub(crate) const CREDIT: u32 = 32;

/// A message from another process.
pub(crate) struct Arrival {
    pub(crate) from: ProcessId,
    pub(crate) tag: Tag,
    pub(crate) row: Vec<u8>,
    pub(crate) rights: Vec<Right>,
}

impl Arrival {
    fn mail(&self) -> Mail<'_> {
        Mail { tag: self.tag, row: Encoder::of_row(&self.row), rights: self.rights.clone() }
    }
}

/// One for which there was no room.
pub(super) struct Parked {
    pub(super) arrival: Arrival,
    /// Its place among those who wait.
    ticket: u64,
}

impl Slot {
    /// Takes a message in; never waits.
    pub(crate) fn arrive(self: &Arc<Self>, arrival: Arrival) {
        // A sender in this process is told so before its message is sent.
        let limit = self.terms.max_message;
        if arrival.row.len() > limit {
            let why = Undelivered::Decode(EncodeError::TooLarge { limit }.to_string());
            return self.refuse_arrival(arrival, &why);
        }
        let mut state = self.state();
        let put = if state.queue.is_empty() {
            self.put(&mut state, &mut arrival.mail())
        } else {
            Err(Refusal::Later(0))
        };
        match put {
            Ok(()) => {}
            Err(Refusal::Never(why)) => {
                drop(state);
                self.refuse_arrival(arrival, &why);
            }
            Err(Refusal::Later(_)) => {
                if let Status::Over(why) = state.status.clone() {
                    drop(state);
                    return self.refuse_arrival(arrival, &why);
                }
                let of_sender = state.parked().filter(|other| other.from == arrival.from);
                // Nobody sends more than its credit.
                if of_sender.count() >= 2 * CREDIT as usize {
                    drop(state);
                    return self.refuse_arrival(arrival, &Undelivered::Full);
                }
                let ticket = state.draw_ticket();
                state.parked.push_back(Parked { arrival, ticket });
                if !std::mem::replace(&mut state.pumping, true) {
                    drop(state);
                    self.start_pump();
                }
            }
        }
    }

    /// Tells a sender when all that it sent has found room.
    pub(crate) fn make_room(&self, from: ProcessId, right: Right) {
        let mut state = self.state();
        if let Status::Over(why) = state.status.clone() {
            drop(state);
            return post::answer(right, Err(Unanswered::NotDelivered(why)));
        }
        if state.parked().any(|arrival| arrival.from == from) {
            return state.senders.push((from, right));
        }
        drop(state);
        post::answer(right, Ok(Vec::new()));
    }

    pub(super) fn refuse_arrival(&self, arrival: Arrival, why: &Undelivered) {
        letters::post(letters::Letter {
            actor: self.terms.name.clone(),
            message_type: self.terms.message_type.to_owned(),
            incarnation: self.incarnation(),
            attempt: 0,
            loss: Loss::NotDelivered(why.clone()),
            row: arrival.row,
        });
        for right in arrival.rights {
            self.answers.strike_out(right.number);
            post::answer(right, Err(Unanswered::NotDelivered(why.clone())));
        }
    }

    fn start_pump(self: &Arc<Self>) {
        let slot = Arc::clone(self);
        let started = crate::sys::run_aside("procession-mailbox", move || {
            slot.pump();
        });
        if let Err(error) = started {
            let why = Undelivered::System(format!("there is no thread left for it: {error}"));
            let mut state = self.state();
            state.pumping = false;
            let parked = state.take_parked();
            drop(state);
            self.changed.notify_all();
            parked.into_iter().for_each(|arrival| self.refuse_arrival(arrival, &why));
            self.tell_senders();
        }
    }

    /// Puts in what is parked, in order, until nothing is.
    fn pump(self: &Arc<Self>) {
        while self.put_parked() {
            self.tell_senders();
        }
    }

    /// Puts the first message in that is parked; whether there was one. It stays where it is until
    /// there is room: what its sender has sent after it must not overtake it.
    fn put_parked(self: &Arc<Self>) -> bool {
        let mut patience = Patience::new();
        let mut state = self.state();
        loop {
            let Some(ticket) = state.parked.front().map(|parked| parked.ticket) else {
                state.pumping = false;
                return false;
            };
            // Those who wait in this process have their turns in between.
            if state.queue.front() != Some(&ticket) {
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
                continue;
            }
            let Some(Parked { arrival, .. }) = state.parked.pop_front() else { continue };
            let put = self.put(&mut state, &mut arrival.mail());
            if let Err(Refusal::Later(position)) = put {
                state.parked.push_front(Parked { arrival, ticket });
                state = self.wait_for_room(state, position, Instant::now() + FAR, &mut patience);
                continue;
            }
            state.queue.pop_front();
            let others_wait = !state.queue.is_empty();
            drop(state);
            if others_wait {
                self.changed.notify_all();
            }
            if let Err(Refusal::Never(why)) = put {
                self.refuse_arrival(arrival, &why);
            }
            return true;
        }
    }

    /// Tells those who wait that nothing of theirs is parked any more.
    fn tell_senders(&self) {
        let mut guard = self.state();
        let state = &mut *guard;
        let parked = &state.parked;
        let waits = |(from, _): &(ProcessId, Right)| {
            parked.iter().any(|parked| parked.arrival.from == *from)
        };
        let (wait, told): (Vec<_>, Vec<_>) = state.senders.drain(..).partition(waits);
        state.senders = wait;
        drop(guard);
        for (_, right) in told {
            post::answer(right, Ok(Vec::new()));
        }
    }
}

impl State {
    /// What is parked, in order.
    pub(super) fn parked(&self) -> impl Iterator<Item = &Arrival> {
        self.parked.iter().map(|parked| &parked.arrival)
    }

    /// Takes out all that is parked. Those who wait behind it have to be told.
    pub(super) fn take_parked(&mut self) -> Vec<Arrival> {
        let parked = std::mem::take(&mut self.parked);
        let first = self.queue.len();
        // Both are in the order in which the tickets were drawn.
        let mut tickets = parked.iter().map(|parked| parked.ticket).peekable();
        self.queue.retain(|ticket| tickets.next_if_eq(ticket).is_none());
        debug_assert_eq!(self.queue.len() + parked.len(), first);
        parked.into_iter().map(|parked| parked.arrival).collect()
    }
}
