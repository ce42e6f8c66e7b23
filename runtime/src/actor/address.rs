//! Addresses: where an actor's mailbox is, as plain data.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::PATIENCE;
use super::ask::{Addressee, Room};
use super::awaited::AskFuture;
use super::reply::Reply;
use crate::error::{AskError, SendError, Undelivered};
use crate::id::Place;
use crate::process::tree;
use crate::route::{self, Asking, Slot};

/// Where to send messages to an actor: plain data, for any process of the program.
///
/// It may be cloned, sent in messages, arguments and results, and written as JSON. It names the
/// actor, not its process: it stays valid when the actor is restarted. It costs no descriptor, and
/// holding one keeps nothing alive. Whoever uses it in another run of the program, or after the actor
/// is gone, or makes one up, gets an error that says so.
///
/// Messages between processes that are not parent and child pass through those in between. The first
/// message of a process to an actor elsewhere waits for that actor's owner to say that it exists. Then
/// 32 messages, or fewer large ones, may be on their way until they have found room in its mailbox.
///
/// # Examples
///
/// ```
/// use procession::{Address, Mailbox, process};
///
/// #[process]
/// fn sum(mailbox: Mailbox<u64>) -> u64 {
///     mailbox.sum()
/// }
///
/// #[process]
/// fn count_to(most: u64, to: Address<u64>) {
///     (1..=most).for_each(|n| to.tell(n).unwrap());
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let sum = sum::spawn()?;
/// count_to::call(4, sum.address())?; // a sibling of the actor
/// sum.drain();
/// assert_eq!(sum.join()?, 10);
/// # Ok(())
/// # }
/// ```
pub struct Address<M> {
    place: Place,
    name: String,
    /// The slot, where it is in this process and was found.
    near: OnceLock<Weak<Slot>>,
    message: PhantomData<fn(M)>,
}

impl<M: 'static> Address<M> {
    pub(super) fn new(place: Place, name: String) -> Self {
        Address { place, name, near: OnceLock::new(), message: PhantomData }
    }

    /// The address of a slot of this process.
    pub(super) fn of(slot: &Arc<Slot>) -> Self {
        let place = Place { tree: tree(), owner: route::here().clone(), target: slot.target };
        let address = Self::new(place, slot.terms.name.clone());
        let _ = address.near.set(Arc::downgrade(slot));
        address
    }

    /// An address for tests that send nothing.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        let target = crate::id::Target { number: 0, key: 0, fingerprint: 0 };
        let owner = crate::id::ProcessId::root();
        Self::new(Place { tree: 0, owner, target }, "nobody".to_owned())
    }

    /// The name of the actor.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The slot, if it is in this process.
    fn find(&self) -> Result<Option<Arc<Slot>>, Undelivered> {
        if crate::sys::is_copy() {
            return Err(Undelivered::Forked);
        }
        if self.place.tree != tree() {
            return Err(Undelivered::Foreign);
        }
        if self.place.owner != *route::here() {
            return Ok(None);
        }
        if let Some(slot) = self.near.get().and_then(Weak::upgrade) {
            return Ok(Some(slot));
        }
        let slot = route::find(self.place.target, std::any::type_name::<M>())?;
        let _ = self.near.set(Arc::downgrade(&slot));
        Ok(Some(slot))
    }

    /// Asks, if it can be told where.
    fn asking<T>(
        &self,
        ask: impl FnOnce(Addressee<'_>) -> Result<T, AskError<M>>,
    ) -> Result<T, AskError<M>> {
        match self.find() {
            Ok(slot) => {
                ask(Addressee { name: &self.name, place: &self.place, slot: slot.as_ref() })
            }
            Err(reason) => {
                Err(AskError::NotDelivered { actor: self.name.clone(), reason, message: None })
            }
        }
    }
}

impl<M: Serialize + 'static> Address<M> {
    /// Sends a message, and waits up to 30 seconds while its mailbox is full.
    ///
    /// Returns when the message is in the mailbox; or, where that is in another process, when it is on
    /// its way there. That it was handled is told by an [`ask`](Address::ask) only.
    ///
    /// # Errors
    ///
    /// If it was not sent; the message is in the error.
    pub fn tell(&self, message: M) -> Result<(), SendError<M>> {
        self.tell_timeout(message, PATIENCE)
    }

    /// Sends a message if there is room in its mailbox now.
    ///
    /// The first message of a process to an actor elsewhere waits all the same, for a second at the
    /// most, until that actor's owner has said that it exists. After that there is room as long as
    /// not too many messages are on their way.
    ///
    /// # Errors
    ///
    /// If it was not sent; the message is in the error. [`Undelivered::Full`] says that there was no
    /// room.
    pub fn try_tell(&self, message: M) -> Result<(), SendError<M>> {
        self.send(message, Room::Now)
    }

    /// Sends a message, and waits that long at the most while its mailbox is full.
    ///
    /// # Errors
    ///
    /// If it was not sent; the message is in the error.
    pub fn tell_timeout(&self, message: M, limit: Duration) -> Result<(), SendError<M>> {
        self.send(message, Room::Within(limit))
    }

    fn send(&self, message: M, room: Room) -> Result<(), SendError<M>> {
        match self.find() {
            Ok(slot) => Addressee { name: &self.name, place: &self.place, slot: slot.as_ref() }
                .tell(message, room),
            Err(why) => Err(SendError::new(&self.name, why, message)),
        }
    }

    /// Sends a message with the right to answer in it, and waits up to 30 seconds for the answer.
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
    /// As [`ask`](Address::ask).
    pub fn ask_timeout<R: DeserializeOwned + 'static>(
        &self,
        message: impl FnOnce(Reply<R>) -> M,
        limit: Duration,
    ) -> Result<R, AskError<M>> {
        self.asking(|addressee| addressee.ask(message, limit))
    }

    /// Asks without blocking a thread: the answer is a future, for any executor.
    ///
    /// The message is sent when the future is first polled: what this process sends to the actor after
    /// that gets there after it. It waits up to 30 seconds. While the mailbox is full, up to 64 such
    /// messages wait for room; more are refused as full.
    ///
    /// # Errors
    ///
    /// As [`ask`](Address::ask).
    pub fn ask_async<R, F>(
        &self,
        message: F,
    ) -> impl Future<Output = Result<R, AskError<M>>> + use<M, R, F>
    where
        R: DeserializeOwned + 'static,
        F: FnOnce(Reply<R>) -> M,
    {
        self.ask_async_timeout(message, PATIENCE)
    }

    /// The same with a limit of its own.
    ///
    /// # Errors
    ///
    /// As [`ask`](Address::ask).
    pub fn ask_async_timeout<R, F>(
        &self,
        message: F,
        limit: Duration,
    ) -> impl Future<Output = Result<R, AskError<M>>> + use<M, R, F>
    where
        R: DeserializeOwned + 'static,
        F: FnOnce(Reply<R>) -> M,
    {
        let address = self.clone();
        async move { AskFuture::new(&address, message, limit).await }
    }

    /// Sends a message with the right to answer in it, and does not wait.
    pub(super) fn begin_asking<R>(
        &self,
        message: impl FnOnce(Reply<R>) -> M,
        limit: Duration,
    ) -> Result<Asking, AskError<M>> {
        self.asking(|addressee| addressee.begin_asking(message, limit))
    }
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Address {
            place: self.place.clone(),
            name: self.name.clone(),
            near: self.near.clone(),
            message: PhantomData,
        }
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// The actor's name, and where it is.
impl<M> fmt::Display for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}#{})", self.name, self.place.owner, self.place.target.number)
    }
}

impl<M> PartialEq for Address<M> {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl<M> Eq for Address<M> {}

impl<M> Hash for Address<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place.hash(state);
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Address")]
struct Written {
    place: Place,
    name: String,
}

impl<M> Serialize for Address<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written { place: self.place.clone(), name: self.name.clone() }.serialize(serializer)
    }
}

impl<'de, M: 'static> Deserialize<'de> for Address<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { place, name } = Written::deserialize(deserializer)?;
        Ok(Address::new(place, name))
    }
}
