//! What an actor knows of itself.

use std::fmt;
use std::marker::PhantomData;

use super::address::Address;
use crate::id::Place;

/// What an actor knows of itself: see [`Mailbox::context`](crate::Mailbox::context).
///
/// # Examples
///
/// ```
/// use procession::{Address, Mailbox, Reply, process};
///
/// #[process]
/// fn guest(book: Address<String>, mailbox: Mailbox<Reply<u32>>) {
///     let me = mailbox.context();
///     book.tell(format!("{}, at {}", me.name(), me.address())).unwrap();
///     mailbox.for_each(|reply| reply.send(me.incarnation()));
/// }
///
/// # #[process]
/// # fn book(mailbox: Mailbox<String>) -> Vec<String> {
/// #     mailbox.take(1).collect()
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let book = book::spawn()?;
/// let guest = guest::builder().name("Ada").spawn(book.address())?;
/// assert_eq!(guest.ask(|reply| reply)?, 1); // the first process of this actor
/// assert!(book.join()?[0].starts_with("Ada, at "));
/// # Ok(())
/// # }
/// ```
pub struct Context<M> {
    place: Place,
    name: String,
    incarnation: u32,
    message: PhantomData<fn() -> M>,
}

impl<M> Context<M> {
    pub(super) fn new(place: Place, name: String, incarnation: u32) -> Self {
        Context { place, name, incarnation, message: PhantomData }
    }

    /// Which process of this actor this one is: 1, and one more with each restart.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// The name of the actor.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<M: 'static> Context<M> {
    /// The actor's own address, to be given to others. It stays valid across restarts.
    pub fn address(&self) -> Address<M> {
        Address::new(self.place.clone(), self.name.clone())
    }
}

impl<M> Clone for Context<M> {
    fn clone(&self) -> Self {
        Context::new(self.place.clone(), self.name.clone(), self.incarnation)
    }
}

impl<M> fmt::Debug for Context<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("name", &self.name)
            .field("incarnation", &self.incarnation)
            .finish_non_exhaustive()
    }
}
