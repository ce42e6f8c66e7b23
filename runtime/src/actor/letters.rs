//! Messages that no actor will handle, where they can be seen.

use std::fmt;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::error::{DecodeError, Loss};
use crate::route::{Letter, next_letter};
use crate::wire::{Decoder, receiving};

/// A message that was sent and that no actor will handle.
///
/// It is kept by the process that owned the mailbox: the one that had spawned the actor. A message
/// that its sender got back in an error is none. See [`dead_letters`] for an example.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use procession::{Loss, Mailbox, dead_letters, process};
/// # #[process]
/// # fn fragile(mailbox: Mailbox<u32>) {
/// #     mailbox.for_each(|_| std::process::abort());
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let mut letters = dead_letters();
/// let fragile = fragile::spawn()?;
/// fragile.tell(7)?;
/// let letter = letters.recv_timeout(Duration::from_secs(5)).unwrap();
/// assert_eq!((letter.actor(), letter.attempt()), ("fragile", 1));
/// assert!(matches!(letter.loss(), Loss::Crashed { .. }));
/// assert_eq!(letter.decode::<u32>().unwrap(), 7);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DeadLetter(Letter);

impl DeadLetter {
    /// The name of the actor that it was for.
    pub fn actor(&self) -> &str {
        &self.0.actor
    }

    /// The type of the message.
    pub fn message_type(&self) -> &str {
        &self.0.message_type
    }

    /// Why it is lost.
    pub fn loss(&self) -> &Loss {
        &self.0.loss
    }

    /// Which process of the actor was the last before it was lost: 1 for the first, 0 for none.
    pub fn incarnation(&self) -> u32 {
        self.0.incarnation
    }

    /// How many processes have had it in hand: more than 1 only where it was
    /// [tried again](crate::Spec::retry).
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// The message as it was encoded.
    pub fn payload(&self) -> &[u8] {
        &self.0.row
    }

    /// The message. A [`Reply`](crate::Reply) in it reaches nobody: whoever asked has been told.
    ///
    /// `M` is to be the type that the actor takes, [`message_type`](DeadLetter::message_type) in words.
    /// Another type is not always noticed.
    ///
    /// # Errors
    ///
    /// If it is not an `M`.
    pub fn decode<M: DeserializeOwned + 'static>(&self) -> Result<M, DecodeError> {
        receiving(false, || Decoder::new(&mut self.0.row.as_slice()).section()).0
    }
}

impl fmt::Display for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Letter { actor, message_type, loss, .. } = &self.0;
        write!(f, "a message of type `{message_type}` to actor `{actor}` is lost: {loss}")
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeadLetter({self})")
    }
}

/// Reads the dead letters of this process, from the oldest that is kept on.
///
/// They are those of the actors that this process has spawned or supervises. The last 4096 are kept,
/// up to 16 MiB. Each reader has a place of its own and sees all of them.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use procession::{Mailbox, dead_letters, process};
///
/// #[process]
/// fn fragile(mailbox: Mailbox<String>) {
///     mailbox.for_each(|_| std::process::abort());
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let mut letters = dead_letters();
/// let fragile = fragile::spawn()?;
/// fragile.tell("hello".to_owned())?;
/// fragile.wait();
/// let letter = letters.recv_timeout(Duration::from_secs(5)).unwrap();
/// assert_eq!(letter.actor(), "fragile");
/// assert_eq!(letter.decode::<String>().unwrap(), "hello");
/// # Ok(())
/// # }
/// ```
pub fn dead_letters() -> DeadLetters {
    DeadLetters { at: 0, missed: 0 }
}

/// A reader of dead letters: see [`dead_letters`].
///
/// # Examples
///
/// ```
/// let mut letters = procession::dead_letters();
/// while let Some(letter) = letters.try_recv() {
///     eprintln!("lost: {letter}");
/// }
/// assert_eq!(letters.missed(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct DeadLetters {
    at: u64,
    missed: u64,
}

impl DeadLetters {
    /// Waits for the next letter, for as long as there is none.
    pub fn recv(&mut self) -> DeadLetter {
        loop {
            if let Some(letter) = self.next_until(None) {
                return letter;
            }
        }
    }

    /// The next letter, if there is one within this time.
    pub fn recv_timeout(&mut self, limit: Duration) -> Option<DeadLetter> {
        self.next_until(Instant::now().checked_add(limit))
    }

    /// The next letter, if it is there.
    pub fn try_recv(&mut self) -> Option<DeadLetter> {
        self.next_until(Some(Instant::now()))
    }

    /// How many letters were thrown away before this reader came to them.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    fn next_until(&mut self, deadline: Option<Instant>) -> Option<DeadLetter> {
        let (number, letter) = next_letter(self.at, deadline)?;
        self.missed += number - self.at;
        self.at = number + 1;
        Some(DeadLetter(letter))
    }
}
