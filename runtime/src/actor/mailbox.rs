//! Where an actor takes its messages from.

use std::fmt;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::context::Context;
use super::reading::{Unread, decode};
use super::reply;
use crate::error::{RecvError, RecvTimeoutError, TryRecvError, Undelivered};
use crate::id::Place;
use crate::route::{self, Aside, Fed, Slot, Taken, Unanswered};
use crate::sys::{SetOnce, is_copy};
use crate::wire::{Body, Decoder, Fault, LaneReceiver, Tag, Word};
use crate::worker::{self, Tray, stop_flag};

/// The messages of one actor, one at a time.
///
/// A function that has a parameter of this type is an actor: `spawn` gives an
/// [`Actor`](crate::Actor), to which messages are sent. The messages of one sender come in the
/// order in which it sent them. The mailbox belongs to the process that spawned the actor, and
/// survives this one: taking a message says that the one before is done, and when this process dies,
/// only the message that it has in hand is in doubt.
///
/// It ends when the actor is asked to stop, whatever still waits in it, and after
/// [`drain`](crate::Actor::drain) when it is empty.
///
/// # Examples
///
/// ```
/// use procession::{Mailbox, Reply, process};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum Count {
///     Add(i64),
///     Get(Reply<i64>),
/// }
///
/// #[process]
/// fn counter(start: i64, mailbox: Mailbox<Count>) {
///     let mut total = start;
///     for message in mailbox {
///         match message {
///             Count::Add(n) => total += n,
///             Count::Get(reply) => reply.send(total),
///         }
///     }
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let counter = counter::spawn(10)?;
/// counter.tell(Count::Add(5))?;
/// assert_eq!(counter.ask(Count::Get)?, 15);
/// # Ok(())
/// # }
/// ```
#[must_use = "an actor that drops its mailbox takes no messages"]
pub struct Mailbox<M> {
    source: Source,
    context: Context<M>,
    retried: Retried,
}

/// Where the message is that was in hand when the process before this one died.
#[derive(PartialEq, Eq)]
enum Retried {
    /// There is none, or this one is done with it.
    None,
    First,
    InHand,
}

impl Retried {
    /// A message was taken.
    #[inline]
    fn taken(&mut self) {
        *self = match self {
            Retried::None => return,
            Retried::First => Retried::InHand,
            Retried::InHand => {
                worker::set_attempt(1);
                Retried::None
            }
        };
    }
}

enum Source {
    Ring(Box<LaneReceiver>),
    /// Messages come as words; so far they are done up to there, and taken up to there.
    Words(u64, u64),
    Here(Arc<Slot>),
}

/// The slot that this process serves, if it has taken its mailbox.
pub(super) fn own_place() -> Option<&'static Place> {
    OWN.get()
}

static OWN: SetOnce<Place> = SetOnce::new();

static TRAY: Tray<Fed> = Tray::new();

/// Takes what the parent says of the slot that this process serves.
fn hear(bytes: Vec<u8>) {
    match route::read_aside(&bytes) {
        Some(Aside::Fed(fed)) => TRAY.put(fed),
        Some(Aside::Closing) => TRAY.close(),
        _ => {}
    }
}

impl<M> Mailbox<M> {
    /// The mailbox that this worker was started for.
    pub(super) fn of_worker(limit: usize) -> Result<Self, String> {
        route::ready();
        let none = || "its mailbox was not handed over".to_owned();
        let mut serves = worker::take_serves().ok_or_else(none)?;
        let name = worker::worker().map(|worker| worker.name.clone()).unwrap_or_default();
        let source = match worker::open_ring(&mut serves, limit) {
            Some(Ok(ring)) => Source::Ring(Box::new(ring)),
            Some(Err(_)) => return Err("its mailbox cannot be opened".to_owned()),
            None => {
                static ONCE: Once = Once::new();
                ONCE.call_once(|| {
                    worker::hear_local(hear);
                    worker::at_stop(|| TRAY.close());
                    // ipc-channel takes 200 KiB to receive anything, and that was all it has received.
                    crate::sys::give_back();
                });
                Source::Words(0, 0)
            }
        };
        OWN.set(serves.place.clone());
        let context = Context::new(serves.place, name, serves.incarnation);
        let retried = match serves.crashes {
            0 => Retried::None,
            crashes => {
                worker::set_attempt(crashes.saturating_add(1));
                Retried::First
            }
        };
        Ok(Mailbox { source, context, retried })
    }

    /// A mailbox of this process.
    pub(super) fn here(slot: Arc<Slot>, place: Place) -> Self {
        let context = Context::new(place, slot.terms.name.clone(), 1);
        Mailbox { source: Source::Here(slot), context, retried: Retried::None }
    }

    /// What the actor knows of itself: its own address, and which incarnation it is.
    pub fn context(&self) -> Context<M> {
        self.context.clone()
    }

    /// Is done with the message that was taken last.
    fn done(&mut self) {
        if is_copy() {
            return;
        }
        match &mut self.source {
            Source::Ring(ring) => ring.release(),
            Source::Words(done, taken) => {
                if done < taken {
                    *done = *taken;
                    acknowledge(*done, *taken);
                }
            }
            Source::Here(slot) => {
                slot.done();
            }
        }
    }
}

impl<M: DeserializeOwned + 'static> Mailbox<M> {
    /// Takes the next message, and waits for it.
    ///
    /// A message that cannot be decoded is passed over: it becomes a [dead letter](crate::dead_letters),
    /// and whoever asked with it is told.
    ///
    /// # Errors
    ///
    /// If the actor is to end.
    pub fn recv(&mut self) -> Result<M, RecvError> {
        let mut place = None;
        self.next_until(true, None, &mut place).map_err(|_| RecvError)?;
        place.ok_or(RecvError)
    }

    /// Takes the next message, and waits that long for it at the most.
    ///
    /// # Errors
    ///
    /// If none came in time, or the actor is to end.
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<M, RecvTimeoutError> {
        let (mut place, deadline) = (None, Instant::now().checked_add(limit));
        self.next_until(true, deadline, &mut place).map_err(|error| match error {
            TryRecvError::Empty => RecvTimeoutError::TimedOut(limit),
            TryRecvError::Closed => RecvTimeoutError::Closed,
        })?;
        place.ok_or(RecvTimeoutError::Closed)
    }

    /// Takes the next message if there is one.
    ///
    /// # Errors
    ///
    /// If there is none, or the actor is to end.
    pub fn try_recv(&mut self) -> Result<M, TryRecvError> {
        let mut place = None;
        self.next_until(false, None, &mut place)?;
        place.ok_or(TryRecvError::Closed)
    }

    /// Waits for a message, and takes it and those that wait behind it, so many at the most.
    ///
    /// The first is taken when this returns, and is done when the batch is dropped even if nobody has
    /// looked at it. The others are taken one by one as the batch is iterated, so that a crash puts only
    /// the one in hand in doubt. Those that are not taken stay in the mailbox. A batch of 0 waits for
    /// nothing.
    ///
    /// # Errors
    ///
    /// If the actor is to end.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), procession::Error> {
    /// let (address, mut mailbox) = procession::mailbox::<u32>();
    /// (1..=5).try_for_each(|n| address.tell(n))?;
    /// assert_eq!(mailbox.recv_batch(3).unwrap().sum::<u32>(), 6);
    /// assert_eq!(mailbox.recv_batch(3).unwrap().count(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_batch(&mut self, most: usize) -> Result<Batch<'_, M>, RecvError> {
        let first = if most == 0 { None } else { Some(self.recv()?) };
        Ok(Batch { mailbox: self, first, left: most.saturating_sub(1) })
    }

    /// Takes the next message to where it stays: there is one when this succeeds.
    #[inline]
    fn next_until(
        &mut self,
        wait: bool,
        deadline: Option<Instant>,
        place: &mut Option<M>,
    ) -> Result<(), TryRecvError> {
        if is_copy() {
            // The messages are the original's.
            return Err(TryRecvError::Closed);
        }
        reply::survived();
        loop {
            match self.take(wait, deadline, place)? {
                Ok(()) => return Ok(()),
                Err(unread) => self.refuse(*unread),
            }
        }
    }

    /// Takes the next message if it is at hand and there are no rights in it.
    #[inline(always)]
    fn at_hand(&mut self) -> Option<&[u8]> {
        let Source::Ring(ring) = &mut self.source else { return None };
        if is_copy() || stop_flag().is_raised() || self.retried != Retried::None {
            return None;
        }
        reply::survived();
        ring.receive_at_hand()
    }

    /// Reads the message in hand, which could not be read, once more to tell why; or takes the next.
    #[cold]
    fn once_more(&mut self, row: &[u8]) -> Option<M> {
        let mut place = None;
        match decode(Tag::Value, &Body::Bytes(row), &mut place) {
            Ok(()) => place,
            Err(unread) => {
                self.refuse(*unread);
                self.recv().ok()
            }
        }
    }

    /// Takes the next message, or what cannot be read as one.
    #[inline]
    fn take(
        &mut self,
        wait: bool,
        deadline: Option<Instant>,
        place: &mut Option<M>,
    ) -> Result<Result<(), Box<Unread>>, TryRecvError> {
        if !matches!(self.source, Source::Here(_)) && stop_flag().is_raised() {
            self.done();
            return Err(TryRecvError::Closed);
        }
        let Source::Ring(ring) = &mut self.source else {
            let (tag, row) = self.take_row(wait, deadline).map_err(no_message)?;
            self.retried.taken();
            return Ok(decode(tag, &Body::Bytes(&row), place));
        };
        let taken = if wait { ring.receive(deadline) } else { ring.receive_now() };
        match &taken {
            Ok(message) => {
                self.retried.taken();
                Ok(decode(message.tag, &message.body, place))
            }
            Err(fault) => Err(no_message(*fault)),
        }
    }

    /// Takes the next message that is not in a ring.
    fn take_row(&mut self, wait: bool, deadline: Option<Instant>) -> Result<(Tag, Vec<u8>), Fault> {
        match &mut self.source {
            Source::Ring(_) => Err(Fault::Gone),
            Source::Words(done, taken) => {
                let before = (*done, *taken);
                *done = *taken;
                let now = Some(Instant::now());
                let mut fed = TRAY.take(now);
                if wait && matches!(fed, Ok(None)) {
                    if before != (*done, *taken) {
                        acknowledge(*done, *taken);
                    }
                    fed = TRAY.take(deadline);
                } else if !matches!(fed, Ok(Some(_))) && before != (*done, *taken) {
                    acknowledge(*done, *taken);
                }
                let fed = fed?.ok_or(Fault::TimedOut)?;
                *taken = fed.end;
                acknowledge(*done, *taken);
                Ok((if fed.asks { Tag::Passed } else { Tag::Value }, fed.row))
            }
            Source::Here(slot) => match slot.take(wait, deadline) {
                // Answers come from hand to hand here, over no lane.
                Taken::Mail(Tag::Ask, row) => Ok((Tag::Passed, row)),
                Taken::Mail(tag, row) => Ok((tag, row)),
                Taken::Empty => Err(Fault::TimedOut),
                Taken::Closed => Err(Fault::Gone),
            },
        }
    }

    /// Makes a message that is not handled a dead letter.
    #[cold]
    fn refuse(&self, unread: Unread) {
        let Unread { why, rights, row } = unread;
        for right in rights {
            let why = match &why {
                Undelivered::Expired if !right.passed => Unanswered::Late,
                why => Unanswered::NotDelivered(why.clone()),
            };
            route::answer(right, Err(why));
        }
        let bytes = route::aside(&Aside::Refused { why, row });
        match &self.source {
            Source::Here(slot) => route::heard(slot, &bytes),
            _ => {
                // A parent that has gone has no use for it.
                let _ = worker::up(&Word::Local(bytes));
            }
        }
    }
}

fn acknowledge(done: u64, taken: u64) {
    // A parent that has gone has no use for it.
    let _ = worker::up(&Word::Local(route::aside(&Aside::Acknowledged(done, taken))));
}

#[cold]
fn no_message(fault: Fault) -> TryRecvError {
    match fault {
        Fault::TimedOut => TryRecvError::Empty,
        Fault::Gone => TryRecvError::Closed,
        // The message is lost to this process, and must not be for whoever sent it.
        Fault::NoRoom(_) | Fault::Lost => panic!("there is no descriptor or memory for a message"),
        Fault::Rubbish => panic!("what is in the mailbox makes no sense"),
    }
}

/// Messages until the actor is to end.
impl<M: DeserializeOwned + 'static> Iterator for Mailbox<M> {
    type Item = M;

    #[inline]
    fn next(&mut self) -> Option<M> {
        let Some(bytes) = self.at_hand() else { return self.recv().ok() };
        // There are no rights in it, so nothing has to know that it is a message that is read.
        if let Some(message) = Decoder::of_bytes(bytes).section_at_once() {
            return Some(message);
        }
        let row = bytes.to_vec();
        self.once_more(&row)
    }
}

impl<M> Drop for Mailbox<M> {
    fn drop(&mut self) {
        if is_copy() {
            return;
        }
        // What a panic interrupts is not done.
        if !std::thread::panicking() {
            self.done();
        }
        if let Source::Here(slot) = &self.source {
            slot.give_up(&Undelivered::Ended(crate::outcome::ExitReason::Finished));
            route::close(slot);
        }
    }
}

impl<M> fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("actor", &self.context.name()).finish_non_exhaustive()
    }
}

/// Some messages of a mailbox, taken one by one: see [`Mailbox::recv_batch`].
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), procession::Error> {
/// let (address, mut mailbox) = procession::mailbox::<u32>();
/// (1..=3).try_for_each(|n| address.tell(n))?;
/// assert_eq!(mailbox.recv_batch(2).unwrap().collect::<Vec<_>>(), [1, 2]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Batch<'a, M> {
    mailbox: &'a mut Mailbox<M>,
    first: Option<M>,
    left: usize,
}

impl<M: DeserializeOwned + 'static> Iterator for Batch<'_, M> {
    type Item = M;

    fn next(&mut self) -> Option<M> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        self.left = self.left.checked_sub(1)?;
        let next = self.mailbox.try_recv().ok();
        if next.is_none() {
            self.left = 0;
        }
        next
    }
}

/// What `#[mailbox]` marks: a [`Mailbox`], whatever it is called.
#[doc(hidden)]
#[diagnostic::on_unimplemented(message = "`{Self}` is not a `procession::Mailbox`")]
pub trait AnyMailbox {
    /// The type of its messages.
    type Message;
}

impl<M> AnyMailbox for Mailbox<M> {
    type Message = M;
}
