//! The handle on an actor that was spawned.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::PATIENCE;
use super::address::Address;
use super::ask::{Addressee, Room};
use super::reply::Reply;
use crate::error::{AskError, DecodeError, Error, JoinError, SendError};
use crate::outcome::ExitReason;
use crate::process::{Begun, Child, JoinFuture};
use crate::route::Slot;
use crate::wire::Decoder;

/// An actor that was spawned: it takes messages of type `M`, and its function returns a `T`.
///
/// It is a [`Child`] as well: `pid`, `wait`, `kill`, `stop`, `output_tail` and the rest are those of
/// its process. Dropping it kills the process; messages that wait become
/// [dead letters](crate::dead_letters). An actor that was spawned is not started again when it ends:
/// that is what a [`Supervisor`](crate::Supervisor) does.
///
/// # Examples
///
/// ```
/// use procession::{Mailbox, Reply, process};
///
/// #[process]
/// fn doubler(mailbox: Mailbox<(u32, Reply<u32>)>) -> usize {
///     mailbox.map(|(n, reply)| reply.send(2 * n)).count()
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let doubler = doubler::spawn()?;
/// assert_eq!(doubler.ask(|reply| (21, reply))?, 42);
/// doubler.drain(); // no more messages
/// assert_eq!(doubler.join()?, 1);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping the handle kills the actor"]
pub struct Actor<M, T = ()> {
    // Before the slot: the process is killed first.
    child: Child<T>,
    slot: Owned,
    address: Address<M>,
}

/// The slot of an actor that nobody will start again: it is forgotten when its process has ended.
struct Owned(Arc<Slot>);

impl Drop for Owned {
    fn drop(&mut self) {
        if !crate::sys::is_copy() {
            self.0.orphan();
        }
    }
}

impl<M: 'static, T> Actor<M, T> {
    pub(super) fn new(
        begun: Begun,
        slot: Arc<Slot>,
        decode: fn(&mut Decoder<'_>) -> Result<T, DecodeError>,
    ) -> Self {
        let address = Address::of(&slot);
        Actor { child: Child::new(begun, decode), slot: Owned(slot), address }
    }

    /// Its address, for others.
    pub fn address(&self) -> Address<M> {
        self.address.clone()
    }

    pub(super) fn place(&self) -> &Address<M> {
        &self.address
    }

    /// Its own slot, which need not be looked for.
    #[inline]
    fn addressee(&self) -> Addressee<'_> {
        let slot = Some(&self.slot.0);
        Addressee { name: self.address.name(), place: self.address.place(), slot }
    }

    /// How many messages wait in its mailbox, the one in hand included, and those from other
    /// processes that wait for room in it.
    pub fn waiting(&self) -> usize {
        if crate::sys::is_copy() {
            return 0;
        }
        self.slot.0.waiting()
    }

    /// Has it take no more messages. It handles those that wait, and then its mailbox ends. Whoever
    /// sends to it from now on hears [`Undelivered::Stopping`](crate::Undelivered::Stopping).
    ///
    /// Senders in other processes hear of it a little later. What they have on its way, or waiting for
    /// room beside a full mailbox, becomes a [dead letter](crate::dead_letters), although their `tell`
    /// has succeeded; who asked is told.
    pub fn drain(&self) {
        if crate::sys::is_copy() {
            return;
        }
        self.slot.0.drain();
    }

    /// Stops it: asks it to take no further message, waits that long, sends SIGTERM and waits 2
    /// seconds, sends SIGKILL. What waits becomes dead letters.
    ///
    /// # Errors
    ///
    /// If the system refuses, or this process is a fork.
    pub fn stop(&self, grace: Duration) -> Result<ExitReason, Error> {
        self.child.stop(grace)
    }

    /// Waits for its function to return, and gives what it returned: see [`Child::join`]. A function
    /// that goes on as long as its mailbox does has to be told: by [`drain`](Actor::drain) before, or
    /// by [`stop`](Actor::stop), after which there may be a value as well.
    ///
    /// # Errors
    ///
    /// If there is no value: the actor crashed, was killed, or left without returning.
    pub fn join(self) -> Result<T, JoinError> {
        self.child.join()
    }

    /// Lets the actor go on without a handle. It still ends with the program.
    pub fn detach(self) {
        self.child.detach();
    }
}

impl<M: Serialize + 'static, T> Actor<M, T> {
    /// Sends a message, and waits up to 30 seconds while its mailbox is full.
    ///
    /// Returns when the message is in the mailbox. It is handled once at the most: if the process
    /// ends before, it is a [dead letter](crate::dead_letters).
    ///
    /// # Errors
    ///
    /// If it was not sent; the message is in the error.
    #[inline]
    pub fn tell(&self, message: M) -> Result<(), SendError<M>> {
        self.tell_timeout(message, PATIENCE)
    }

    /// Sends a message if there is room in its mailbox now.
    ///
    /// # Errors
    ///
    /// If it was not sent; the message is in the error.
    /// [`Undelivered::Full`](crate::Undelivered::Full) says that there was no room.
    #[inline]
    pub fn try_tell(&self, message: M) -> Result<(), SendError<M>> {
        self.addressee().tell(message, Room::Now)
    }

    /// Sends a message, and waits that long at the most while its mailbox is full.
    ///
    /// # Errors
    ///
    /// If it was not sent; the message is in the error.
    #[inline]
    pub fn tell_timeout(&self, message: M, limit: Duration) -> Result<(), SendError<M>> {
        self.addressee().tell(message, Room::Within(limit))
    }

    /// Sends a message with the right to answer in it, and waits up to 30 seconds for the answer.
    ///
    /// The message is made from its [`Reply`]: `ask(Count::Get)`, or
    /// `ask(|reply| Count::Find(key, reply))` where there is more in it.
    ///
    /// # Errors
    ///
    /// If there is no answer. [`AskError::NotDelivered`] says that the message was not handled;
    /// [`AskError::MaybeExecuted`] and [`AskError::TimedOut`] say that nobody can know;
    /// [`AskError::NoReply`], that the actor dropped the [`Reply`].
    pub fn ask<R: DeserializeOwned + 'static>(
        &self,
        message: impl FnOnce(Reply<R>) -> M,
    ) -> Result<R, AskError<M>> {
        self.ask_timeout(message, PATIENCE)
    }

    /// Sends a message with the right to answer in it, and waits that long for the answer.
    ///
    /// # Errors
    ///
    /// As [`ask`](Actor::ask).
    pub fn ask_timeout<R: DeserializeOwned + 'static>(
        &self,
        message: impl FnOnce(Reply<R>) -> M,
        limit: Duration,
    ) -> Result<R, AskError<M>> {
        self.addressee().ask(message, limit)
    }

    /// Asks without blocking a thread: the answer is a future, for any executor.
    ///
    /// The message is sent when the future is first polled: what this process sends to it after that
    /// gets there after it. It waits up to 30 seconds. While the mailbox is full, up to 64 such
    /// messages wait for room; more are refused as full.
    ///
    /// # Errors
    ///
    /// As [`ask`](Actor::ask).
    ///
    /// # Examples
    ///
    /// ```
    /// # use procession::{Mailbox, Reply, process};
    /// #[process]
    /// fn doubler(mailbox: Mailbox<(u32, Reply<u32>)>) {
    ///     mailbox.for_each(|(n, reply)| reply.send(2 * n));
    /// }
    ///
    /// # fn main() -> Result<(), procession::Error> {
    /// # pollster::block_on(async {
    /// let doubler = doubler::spawn()?;
    /// assert_eq!(doubler.ask_async(|reply| (21, reply)).await?, 42);
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    pub fn ask_async<R, F>(
        &self,
        message: F,
    ) -> impl Future<Output = Result<R, AskError<M>>> + use<M, T, R, F>
    where
        R: DeserializeOwned + 'static,
        F: FnOnce(Reply<R>) -> M,
    {
        self.address.ask_async(message)
    }

    /// The same with a limit of its own.
    ///
    /// # Errors
    ///
    /// As [`ask`](Actor::ask).
    pub fn ask_async_timeout<R, F>(
        &self,
        message: F,
        limit: Duration,
    ) -> impl Future<Output = Result<R, AskError<M>>> + use<M, T, R, F>
    where
        R: DeserializeOwned + 'static,
        F: FnOnce(Reply<R>) -> M,
    {
        self.address.ask_async_timeout(message, limit)
    }
}

impl<M, T> Deref for Actor<M, T> {
    type Target = Child<T>;

    fn deref(&self) -> &Child<T> {
        &self.child
    }
}

impl<M: 'static, T> IntoFuture for Actor<M, T> {
    type Output = Result<T, JoinError>;
    type IntoFuture = JoinFuture<T>;

    fn into_future(self) -> JoinFuture<T> {
        self.child.into_future()
    }
}

impl<M, T> fmt::Debug for Actor<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor").field("address", &self.address).field("child", &self.child).finish()
    }
}
