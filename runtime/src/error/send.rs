//! Why a message was not delivered, or an ask not answered.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::EncodeError;
use crate::outcome::ExitReason;

/// Why an actor did not get a message. The message was not handled, and is not going to be.
///
/// # Examples
///
/// ```
/// # use procession::{ExitReason, Mailbox, Undelivered, process};
/// # #[process]
/// # fn idle(mailbox: Mailbox<u32>) {
/// #     mailbox.for_each(drop);
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let idle = idle::spawn()?;
/// idle.kill()?;
/// idle.wait();
/// let error = idle.tell(7).unwrap_err();
/// assert_eq!(*error.reason(), Undelivered::Ended(ExitReason::Killed));
/// assert_eq!(error.into_message(), 7);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Undelivered {
    /// Its mailbox is full.
    #[error("its mailbox is full")]
    Full,
    /// Its mailbox stayed full for so long.
    #[error("there was no room in its mailbox within {0:?}")]
    TimedOut(Duration),
    /// It has ended like this, and is not started again.
    #[error("it has ended: {0}")]
    Ended(ExitReason),
    /// It handles what it has, and takes no more.
    #[error("it was asked to stop and takes no more messages")]
    Stopping,
    /// Nobody has this address: the process that had spawned the actor has ended, or there never was
    /// one, or it ended long ago (how the last 1024 of a process ended is remembered).
    #[error("there is no actor of this address (any more)")]
    Unknown,
    /// The address was made by another run of the program, or by another program.
    #[error("its address belongs to another run of the program")]
    Foreign,
    /// The actor takes messages of another type than the address says.
    #[error("it takes messages of type `{takes}`, not `{given}`")]
    #[non_exhaustive]
    WrongType {
        /// What the actor takes.
        takes: String,
        /// What it was to be given.
        given: String,
    },
    /// An actor that asks itself would wait for ever.
    #[error("an actor cannot ask itself")]
    Itself,
    /// It is an [`ask`](crate::Actor::ask) whose time was up before the actor came to it.
    #[error("nobody waited for the answer any more when the actor came to it")]
    Expired,
    /// The message arrived and could not be decoded, for this reason.
    #[error("it could not be decoded: {0}")]
    Decode(String),
    /// The system has no descriptor, memory or thread for it.
    #[error("the system has no room for it: {0}")]
    System(String),
    /// The program was forked, and this is the copy: the actor belongs to the original.
    #[error("this process is a fork, and the actor belongs to the one it was forked from")]
    Forked,
    /// The message cannot be encoded, or is too large.
    // It never crosses, and stays last: what is skipped is not counted when a variant is read.
    #[error("{0}")]
    #[serde(skip)]
    Encode(#[from] EncodeError),
}

/// A message that was not sent, and why.
///
/// The message is in it, whatever its type: [`into_message`](SendError::into_message) gives it back.
///
/// # Examples
///
/// ```
/// use procession::{Mailbox, Undelivered, process};
///
/// #[process]
/// fn slow(mailbox: Mailbox<String>) {
///     mailbox.for_each(|_| std::thread::park());
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let slow = slow::builder().mailbox(1).spawn(())?;
/// slow.tell("one".to_owned())?; // in its hands, or waiting
/// let refused = loop {
///     match slow.try_tell("another".to_owned()) {
///         Ok(()) => continue,
///         Err(refused) => break refused,
///     }
/// };
/// assert_eq!(*refused.reason(), Undelivered::Full);
/// assert_eq!(refused.into_message(), "another");
/// # Ok(())
/// # }
/// ```
pub struct SendError<M = ()> {
    /// Boxed, so that the error is hardly larger than the message.
    why: Box<(String, Undelivered)>,
    message: M,
}

impl<M> SendError<M> {
    pub(crate) fn new(actor: &str, why: Undelivered, message: M) -> Self {
        SendError { why: Box::new((actor.to_owned(), why)), message }
    }

    /// The name of the actor.
    pub fn actor(&self) -> &str {
        &self.why.0
    }

    /// Why it was not sent.
    pub fn reason(&self) -> &Undelivered {
        &self.why.1
    }

    /// The message, as it was.
    pub fn into_message(self) -> M {
        self.message
    }

    /// The same without the message.
    pub fn without_message(self) -> SendError {
        SendError { why: self.why, message: () }
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a message to actor `{}` was not sent: {}", self.actor(), self.reason())
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<M> std::error::Error for SendError<M> {}

/// An ask that was not answered, and why.
///
/// # Examples
///
/// ```
/// use procession::{AskError, Mailbox, Reply, process};
///
/// #[process]
/// fn fragile(mailbox: Mailbox<Reply<u32>>) {
///     for _ in mailbox {
///         std::process::abort();
///     }
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let fragile = fragile::spawn()?;
/// match fragile.ask(|reply| reply) {
///     Err(AskError::MaybeExecuted { reason, .. }) => println!("it died of it: {reason}"),
///     other => panic!("{other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
pub enum AskError<M = ()> {
    /// The actor did not get it, and will not: it is safe to ask again.
    #[non_exhaustive]
    NotDelivered {
        /// The name of the actor.
        actor: String,
        /// Why it did not.
        reason: Undelivered,
        /// The message, unless it was lost on the way.
        message: Option<Box<M>>,
    },
    /// The actor's process ended while it had the message in hand, or the right to answer it: what
    /// was asked for may have been done, or not.
    #[non_exhaustive]
    MaybeExecuted {
        /// The name of the process that ended.
        actor: String,
        /// Its pid.
        pid: u32,
        /// How it ended.
        reason: ExitReason,
    },
    /// The actor dropped the right to answer.
    #[non_exhaustive]
    NoReply {
        /// The name of the actor.
        actor: String,
    },
    /// No answer came in time. If the actor has the message in hand it may still handle it, and its
    /// answer is thrown away then. If it comes to it only now, it does not handle it: that is a [dead
    /// letter](crate::dead_letters).
    #[non_exhaustive]
    TimedOut {
        /// The name of the actor.
        actor: String,
        /// How long was waited.
        after: Duration,
    },
    /// There is an answer, and it cannot be encoded or decoded.
    #[non_exhaustive]
    Undeliverable {
        /// The name of the actor.
        actor: String,
        /// What is wrong with it.
        why: String,
    },
}

impl<M> AskError<M> {
    /// The name of the actor, or of the process that held the right to answer.
    pub fn actor(&self) -> &str {
        match self {
            AskError::NotDelivered { actor, .. }
            | AskError::MaybeExecuted { actor, .. }
            | AskError::NoReply { actor }
            | AskError::TimedOut { actor, .. }
            | AskError::Undeliverable { actor, .. } => actor,
        }
    }

    /// The message, where it was not sent.
    pub fn into_message(self) -> Option<M> {
        match self {
            AskError::NotDelivered { message, .. } => message.map(|message| *message),
            _ => None,
        }
    }

    /// The same without the message.
    pub fn without_message(self) -> AskError {
        match self {
            AskError::NotDelivered { actor, reason, .. } => {
                AskError::NotDelivered { actor, reason, message: None }
            }
            AskError::MaybeExecuted { actor, pid, reason } => {
                AskError::MaybeExecuted { actor, pid, reason }
            }
            AskError::NoReply { actor } => AskError::NoReply { actor },
            AskError::TimedOut { actor, after } => AskError::TimedOut { actor, after },
            AskError::Undeliverable { actor, why } => AskError::Undeliverable { actor, why },
        }
    }
}

impl<M> From<SendError<M>> for AskError<M> {
    fn from(error: SendError<M>) -> Self {
        let SendError { why, message } = error;
        let (actor, reason) = *why;
        AskError::NotDelivered { actor, reason, message: Some(Box::new(message)) }
    }
}

impl<M> fmt::Display for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "actor `{}` did not answer: ", self.actor())?;
        match self {
            AskError::NotDelivered { reason, .. } => {
                write!(f, "it did not get the message: {reason}")
            }
            AskError::MaybeExecuted { pid, reason, .. } => {
                write!(f, "its process (pid {pid}) ended while it may have been at it: {reason}")
            }
            AskError::NoReply { .. } => f.write_str("it dropped the right to answer"),
            AskError::TimedOut { after, .. } => write!(f, "nothing came within {after:?}"),
            AskError::Undeliverable { why, .. } => write!(f, "its answer is undeliverable: {why}"),
        }
    }
}

impl<M> fmt::Debug for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<M> std::error::Error for AskError<M> {}

/// Why a message became a [dead letter](crate::DeadLetter).
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use procession::{Loss, Mailbox, Undelivered, dead_letters, process};
/// # #[process]
/// # fn fragile(mailbox: Mailbox<u32>) {
/// #     mailbox.for_each(|_| std::process::abort());
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let mut letters = dead_letters();
/// let fragile = fragile::builder().mailbox(8).spawn(())?;
/// // Some may be refused instead: it may have ended by then.
/// (0..8).for_each(|n| drop(fragile.try_tell(n)));
/// let letter = letters.recv_timeout(Duration::from_secs(5)).unwrap();
/// match letter.loss() {
///     Loss::Crashed { pid, reason, .. } => println!("{pid} had it in hand: {reason}"),
///     Loss::NotDelivered(why) => println!("nobody has seen it: {why}"),
///     _ => {}
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Loss {
    /// The process that was handling it ended: it may have been handled in part.
    #[error("the process that was handling it (pid {pid}) ended: {reason}")]
    #[non_exhaustive]
    Crashed {
        /// The pid of the process.
        pid: u32,
        /// How it ended.
        reason: ExitReason,
    },
    /// No process ever had it in hand.
    #[error("{0}")]
    NotDelivered(Undelivered),
}
