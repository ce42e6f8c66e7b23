//! A mailbox without a process, for unit tests.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::address::Address;
use super::fingerprint;
use super::mailbox::Mailbox;
use crate::id::Place;
use crate::process::tree;
use crate::route::{self, Held, Line, Slot, Terms};

/// Makes an address and a mailbox inside this process, so that an actor's function can be called and
/// tested as the plain function that it is.
///
/// Dropping the first closes the mailbox: it ends after the messages that are there. It has room for
/// 1024 messages; a thread that sends more before it takes any waits in vain.
///
/// To ask, run the actor's function on another thread. A panic there is a panic as any other.
///
/// # Examples
///
/// ```
/// use procession::{Mailbox, process};
///
/// #[process]
/// fn sum(mailbox: Mailbox<u32>) -> u32 {
///     mailbox.sum()
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let (address, mailbox) = procession::mailbox();
/// address.tell(1)?;
/// address.tell(2)?;
/// drop(address);
/// assert_eq!(sum(mailbox), 3);
/// # Ok(())
/// # }
/// ```
pub fn mailbox<M: Serialize + DeserializeOwned + 'static>() -> (InProcess<M>, Mailbox<M>) {
    route::ready();
    let terms = Terms {
        name: "mailbox".to_owned(),
        message_type: std::any::type_name::<M>(),
        bound: 1024,
        max_message: 1 << 30,
        retries: 0,
        deadline: None,
    };
    let slot = route::open(terms, fingerprint::<M>(), Line::Held(Held::default()));
    slot.serve_here();
    let address = Address::of(&slot);
    let place = Place { tree: tree(), owner: route::here().clone(), target: slot.target };
    let mailbox = Mailbox::here(Arc::clone(&slot), place);
    (InProcess { slot, address }, mailbox)
}

/// The address of a [`mailbox`] of this process, which ends when this is dropped.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), procession::Error> {
/// let (address, mut mailbox) = procession::mailbox::<u32>();
/// address.try_tell(1)?; // all that an address can do
/// drop(address);
/// assert_eq!(mailbox.by_ref().sum::<u32>(), 1);
/// assert!(mailbox.recv().is_err()); // nobody can send any more
/// # Ok(())
/// # }
/// ```
pub struct InProcess<M> {
    slot: Arc<Slot>,
    address: Address<M>,
}

impl<M: 'static> InProcess<M> {
    /// The address as such, to be given to others.
    pub fn address(&self) -> Address<M> {
        self.address.clone()
    }
}

impl<M> Deref for InProcess<M> {
    type Target = Address<M>;

    fn deref(&self) -> &Address<M> {
        &self.address
    }
}

impl<M> Drop for InProcess<M> {
    fn drop(&mut self) {
        if !crate::sys::is_copy() {
            self.slot.drain();
        }
    }
}

impl<M> fmt::Debug for InProcess<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.address, f)
    }
}
