//! Why there is no message.

use std::time::Duration;

/// The mailbox gives no more messages: the actor was asked to stop, or nobody can send to it.
///
/// # Examples
///
/// ```
/// use procession::RecvError;
///
/// let (address, mut mailbox) = procession::mailbox::<u32>();
/// drop(address);
/// assert_eq!(mailbox.recv(), Err(RecvError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mailbox is closed")]
pub struct RecvError;

/// There is no message now.
///
/// # Examples
///
/// ```
/// use procession::TryRecvError;
///
/// let (address, mut mailbox) = procession::mailbox::<u32>();
/// assert_eq!(mailbox.try_recv(), Err(TryRecvError::Empty));
/// drop(address);
/// assert_eq!(mailbox.try_recv(), Err(TryRecvError::Closed));
/// ```
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
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use procession::RecvTimeoutError;
///
/// let limit = Duration::from_millis(5);
/// let (address, mut mailbox) = procession::mailbox::<u32>();
/// assert_eq!(mailbox.recv_timeout(limit), Err(RecvTimeoutError::TimedOut(limit)));
/// drop(address);
/// assert_eq!(mailbox.recv_timeout(limit), Err(RecvTimeoutError::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecvTimeoutError {
    /// None came within this time.
    #[error("no message came within {0:?}")]
    TimedOut(Duration),
    /// The mailbox gives no more messages.
    #[error("the mailbox is closed")]
    Closed,
}
