//! Why there is no message.

use std::time::Duration;

/// The mailbox gives no more messages: the actor was asked to stop, or nobody can send to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mailbox is closed")]
pub struct RecvError;

/// There is no message now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryRecvError {
    /// The mailbox is empty.
    #[error("the mailbox is empty")]
    Empty,
    /// The mailbox gives no more messages.
    #[error("the mailbox is closed")]
    Closed,
}

/// No message came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecvTimeoutError {
    /// None came within this time.
    #[error("no message came within {0:?}")]
    TimedOut(Duration),
    /// The mailbox gives no more messages.
    #[error("the mailbox is closed")]
    Closed,
}
