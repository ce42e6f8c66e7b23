//! Telling and asking, wherever the actor's mailbox is.

use std::mem::take;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::mailbox::own_place;
use super::reply::Reply;
use crate::error::{AskError, SendError, Undelivered};
use crate::id::{Place, Right};
use crate::route::{self, Arrival, Asking, Mail, Slot, Told, Unanswered, Woken};
use crate::sys::{moment, monotonic_nanos};
use crate::wire::{Claims, Encoder, ShortRow, Tag, asking, begin_lending, lending};
use crate::worker::longest;

/// Whom to send to.
pub(super) struct Addressee<'a> {
    pub(super) name: &'a str,
    pub(super) place: &'a Place,
    /// Where its mailbox is, if that is in this process.
    pub(super) slot: Option<&'a Arc<Slot>>,
}

/// How long to wait for room.
#[derive(Clone, Copy)]
pub(super) enum Room {
    Now,
    Within(Duration),
    /// Not at all, but have somebody else wait.
    Elsewhere,
}

impl Addressee<'_> {
    /// Sends a message.
    #[inline]
    pub(super) fn tell<M: Serialize + 'static>(
        &self,
        message: M,
        room: Room,
    ) -> Result<(), SendError<M>> {
        // By reference: moved from hand to hand it would be copied by each.
        match self.tell_of(&message, room) {
            Ok(()) => Ok(()),
            Err(why) => Err(SendError::new(self.name, why, message)),
        }
    }

    /// Sends a message, which as a rule is short and has nothing special about it.
    #[inline]
    fn tell_of<M: Serialize + 'static>(&self, message: &M, room: Room) -> Result<(), Undelivered> {
        let (Some(slot), true) = (self.slot, ShortRow::is_for::<M>()) else {
            return self.send(message, room, None);
        };
        if crate::sys::is_copy() {
            return Err(Undelivered::Forked);
        }
        let limit = slot.terms.max_message;
        let mut row = ShortRow::new();
        let lending = begin_lending();
        row.write(message, limit)?;
        let claims = lending.end();
        if claims.is_none()
            && let Some((words, len)) = row.words()
            && slot.send_at_once(len, words)
        {
            return Ok(());
        }
        self.deliver_slowly::<M>(row.into_encoder(limit), claims, room)
    }

    /// Sends a message that was encoded, and maybe waits.
    #[cold]
    fn deliver_slowly<M>(
        &self,
        row: Encoder<'_>,
        claims: Option<Claims>,
        room: Room,
    ) -> Result<(), Undelivered> {
        let mut mail = Mail { tag: Tag::Value, row, rights: Vec::new() };
        self.deliver::<M>(&mut mail, claims, room, None)
    }

    /// Sends a message, which may be one that asks.
    fn tell_as<M: Serialize + 'static>(
        &self,
        message: M,
        room: Room,
        asks: Option<u64>,
    ) -> Result<(), SendError<M>> {
        match self.send(&message, room, asks) {
            Ok(()) => Ok(()),
            Err(why) => Err(SendError::new(self.name, why, message)),
        }
    }

    fn send<M: Serialize + 'static>(
        &self,
        message: &M,
        room: Room,
        asks: Option<u64>,
    ) -> Result<(), Undelivered> {
        if crate::sys::is_copy() {
            return Err(Undelivered::Forked);
        }
        let limit = self.slot.map_or_else(longest, |slot| slot.terms.max_message);
        // Written where it stays: to move it would cost as much as to write it.
        let mut mail = Mail { tag: Tag::Value, row: Encoder::new(limit), rights: Vec::new() };
        let (encoded, claims) = asking(asks, || lending(|| mail.row.section(message)));
        encoded?;
        self.deliver::<M>(&mut mail, claims, room, asks)
    }

    /// Sends a message that was encoded, with the rights in it.
    #[inline]
    fn deliver<M>(
        &self,
        mail: &mut Mail<'_>,
        mut claims: Option<Claims>,
        room: Room,
        asks: Option<u64>,
    ) -> Result<(), Undelivered> {
        mail.rights = claims.as_mut().map_or_else(Vec::new, |claims| take(&mut claims.rights));
        mail.tag = match mail.rights.as_slice() {
            [] => Tag::Value,
            [right] if asks == Some(right.number) => Tag::Ask,
            _ => Tag::Passed,
        };
        if mail.tag != Tag::Value {
            mail.row.written(&mail.rights)?;
        }
        let given = std::any::type_name::<M>();
        match (self.slot, room) {
            (Some(slot), Room::Now) => slot.try_send(mail)?,
            (Some(slot), Room::Within(limit)) => slot.send(mail, limit)?,
            (Some(slot), Room::Elsewhere) => {
                let from = route::here().clone();
                let (row, rights) = (mail.row.to_vec(), take(&mut mail.rights));
                slot.arrive(Arrival { from, tag: mail.tag, row, rights });
            }
            (None, Room::Now) => {
                route::send_far(
                    self.place,
                    given,
                    mail.row.to_vec(),
                    take(&mut mail.rights),
                    None,
                )?;
            }
            (None, Room::Within(limit)) => {
                route::send_far(
                    self.place,
                    given,
                    mail.row.to_vec(),
                    take(&mut mail.rights),
                    Some(limit),
                )?;
            }
            (None, Room::Elsewhere) => {
                let (row, rights) = (mail.row.to_vec(), take(&mut mail.rights));
                route::send_later(self.place, given, row, rights, super::PATIENCE)?;
            }
        }
        // Its rights are elsewhere now, so that dropping the message drops none of them.
        if let Some(claims) = claims {
            claims.commit();
        }
        Ok(())
    }

    /// Sends a message with the right to answer in it, and waits for the answer.
    pub(super) fn ask<M, R>(
        &self,
        message: impl FnOnce(Reply<R>) -> M,
        limit: Duration,
    ) -> Result<R, AskError<M>>
    where
        M: Serialize + 'static,
        R: DeserializeOwned + 'static,
    {
        let own = self.slot.is_some_and(|slot| slot.in_hand_here());
        let asking = self.begin(route::begin_here)?;
        let until = end_of(limit);
        self.send_asking(&asking, message, Room::Within(limit), until, own)?;
        let deadline = moment(until);
        let told = match self.slot {
            Some(slot) => slot.answers.wait(&asking, deadline),
            None => sleep(&asking, deadline),
        };
        if told.is_none()
            && let Some(slot) = self.slot
        {
            // Somebody has to take the answer out of the lane when it comes.
            let _ = slot.answers.unattend_sent(&asking);
        }
        conclude(told, self.name, limit)
    }

    /// Begins an ask; not in a copy made by `fork`, where nothing could be locked.
    fn begin<M>(&self, begin: fn() -> Asking) -> Result<Asking, AskError<M>> {
        if crate::sys::is_copy() {
            let (actor, reason) = (self.name.to_owned(), Undelivered::Forked);
            return Err(AskError::NotDelivered { actor, reason, message: None });
        }
        route::ready();
        Ok(begin())
    }

    fn send_asking<M, R>(
        &self,
        asking: &Asking,
        message: impl FnOnce(Reply<R>) -> M,
        room: Room,
        until: u64,
        own: bool,
    ) -> Result<(), AskError<M>>
    where
        M: Serialize + 'static,
    {
        let right = Right::new(asking.number, route::here().clone(), until);
        let message = message(Reply::new(right, false));
        if own || own_place() == Some(self.place) {
            let why = Undelivered::Itself;
            return Err(SendError::new(self.name, why, message).into());
        }
        Ok(self.tell_as(message, room, Some(asking.number))?)
    }

    /// The same as a future's first step and what follows.
    pub(super) fn begin_asking<M, R>(
        &self,
        message: impl FnOnce(Reply<R>) -> M,
        limit: Duration,
    ) -> Result<Asking, AskError<M>>
    where
        M: Serialize + 'static,
    {
        let asking = self.begin(route::begin)?;
        // Before there can be an answer: without somebody to read it there is to be none.
        if let Some(slot) = self.slot
            && let Err(error) = slot.answers.unattend(&asking)
        {
            let reason = Undelivered::System(error.to_string());
            let actor = self.name.to_owned();
            return Err(AskError::NotDelivered { actor, reason, message: None });
        }
        let sent = self.send_asking(&asking, message, Room::Elsewhere, end_of(limit), false);
        if let (Err(_), Some(slot)) = (&sent, self.slot) {
            slot.answers.strike_out(asking.number);
        }
        sent?;
        if let Some(slot) = self.slot {
            // Once more: a crash before the message was there has forgotten it. There is a thread.
            let _ = slot.answers.unattend(&asking);
        }
        Ok(asking)
    }
}

/// When a time is up that begins now, by the clock of all processes.
fn end_of(limit: Duration) -> u64 {
    monotonic_nanos().saturating_add(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))
}

fn sleep(asking: &Asking, deadline: Instant) -> Option<Told> {
    loop {
        match asking.ask.sleep(deadline) {
            Woken::Told(told) => return Some(told),
            Woken::Turn => {}
            Woken::Late => return None,
        }
    }
}

/// What an asker makes of what it was told.
pub(super) fn conclude<M, R: DeserializeOwned + 'static>(
    told: Option<Told>,
    name: &str,
    limit: Duration,
) -> Result<R, AskError<M>> {
    let why = match told {
        None => return Err(AskError::TimedOut { actor: name.to_owned(), after: limit }),
        Some(Told::Value(body)) => {
            let read = body.body().decode(|mut row| {
                row.skip::<u64>()?;
                let value = row.section::<R>()?;
                row.finish::<R>()?;
                Ok(value)
            });
            return read.map_err(|error: crate::error::DecodeError| AskError::Undeliverable {
                actor: name.to_owned(),
                why: error.to_string(),
            });
        }
        Some(Told::Not(why)) => why,
    };
    let actor = name.to_owned();
    Err(match why {
        Unanswered::Dropped => AskError::NoReply { actor },
        Unanswered::Undeliverable(why) => AskError::Undeliverable { actor, why },
        Unanswered::NotDelivered(reason) => AskError::NotDelivered { actor, reason, message: None },
        Unanswered::Died { actor, pid, reason } => AskError::MaybeExecuted { actor, pid, reason },
        Unanswered::Late => AskError::TimedOut { actor, after: limit },
    })
}

/// Has the asker told that it is too late, in time.
pub(super) fn in_time(asking: &Asking, limit: Duration) -> Option<route::Timer> {
    let number = asking.number;
    let when = Instant::now().checked_add(limit)?;
    route::at(when, move || {
        route::tell(number, Told::Not(Unanswered::Late));
    })
}
