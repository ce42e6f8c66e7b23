//! What can go wrong, by question: did it start, did it give a value, and everything else.

mod crossing;
mod detail;
mod failure;
mod join;
mod pool;
mod receive;
mod send;
mod spawn;
mod supervise;
mod task;

pub use crossing::{DecodeError, EncodeError};
pub use failure::Failure;
pub use join::JoinError;
pub use pool::{PoolError, Refused, SubmitError};
pub use receive::{RecvError, RecvTimeoutError, TryRecvError};
pub use send::{AskError, Loss, SendError, Undelivered};
pub use spawn::SpawnError;
pub use supervise::SuperviseError;
pub use task::{TaskError, TaskFailure};

/// Any error of this crate, for functions that use several of its parts.
///
/// # Examples
///
/// ```
/// use procession::{Error, process};
///
/// #[process]
/// fn half(n: u32) -> u32 {
///     n / 2
/// }
///
/// fn quarter(n: u32) -> Result<u32, Error> {
///     let half = half::spawn(n)?.join()?; // a `SpawnError`, a `JoinError`
///     half::call(half)
/// }
///
/// assert_eq!(quarter(12).unwrap(), 3);
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A process was not started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),

    /// A process gave no value.
    #[error(transparent)]
    Join(#[from] JoinError),

    /// A message was not sent.
    #[error(transparent)]
    Send(SendError),

    /// An actor did not answer.
    #[error(transparent)]
    Ask(AskError),

    /// A supervisor did not do what it was told.
    #[error(transparent)]
    Supervise(#[from] SuperviseError),

    /// A task gave no value.
    #[error(transparent)]
    Task(#[from] TaskError),

    /// A pool could not be made, or did not end well.
    #[error(transparent)]
    Pool(#[from] PoolError),

    /// A pool did not take a task.
    #[error(transparent)]
    Submit(SubmitError),

    /// The program was forked, and this is the copy: its processes belong to the original.
    #[error("this process is a fork, and the processes belong to the one it was forked from")]
    Forked,

    /// The system refused.
    #[error("process `{process}` (pid {pid}): {action} failed")]
    #[non_exhaustive]
    System {
        /// The process it was about.
        process: String,
        /// Its pid.
        pid: u32,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// The whole story, which is what a `main` that returns this prints.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&story(self))
    }
}

/// An error and its causes in a line, for those who only get a text.
fn story(error: &dyn std::error::Error) -> String {
    let mut story = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        story = format!("{story}: {cause}");
        source = cause.source();
    }
    story
}

impl<M> From<SendError<M>> for Error {
    fn from(error: SendError<M>) -> Self {
        Error::Send(error.without_message())
    }
}

impl<M> From<AskError<M>> for Error {
    fn from(error: AskError<M>) -> Self {
        Error::Ask(error.without_message())
    }
}

impl<I> From<SubmitError<I>> for Error {
    fn from(error: SubmitError<I>) -> Self {
        Error::Submit(error.without_input())
    }
}
