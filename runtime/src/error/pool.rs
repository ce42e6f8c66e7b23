//! Why there is no pool, and why a pool did not take a task.

use std::fmt;
use std::io;

use super::{EncodeError, SpawnError};

/// A pool was not made, or did not end as it should.
///
/// # Examples
///
/// ```
/// use procession::{Pool, PoolError};
///
/// assert!(matches!(Pool::new(0), Err(PoolError::NoWorkers)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// A pool of no workers would never do anything.
    #[error("a pool needs at least one worker")]
    NoWorkers,

    /// A worker was not started. Those that were started before it have been ended again.
    #[error("a worker of the pool was not started")]
    Start(#[source] SpawnError),

    /// The initializer gave no worker that could begin a task.
    #[error("the initializer `{function}` failed: {text}")]
    #[non_exhaustive]
    Initializer {
        /// The name of the function.
        function: String,
        /// What happened to it.
        text: String,
    },

    /// A worker ended before it could begin a task.
    #[error("worker `{worker}` (pid {pid}) ended before its first task: {text}")]
    #[non_exhaustive]
    Worker {
        /// Its name.
        worker: String,
        /// Its pid.
        pid: u32,
        /// How it ended.
        text: String,
    },

    /// A callback of the pool waits for the pool, and so for itself; or the input or the progress hook of
    /// one of its maps does.
    #[error("a callback, input or hook of the pool cannot wait for the pool, which waits for it")]
    InCallback,

    /// The program was forked, and this is the copy: the workers belong to the original.
    #[error("the pool belongs to the process that this one was forked from")]
    Forked,

    /// The system refused.
    #[error("the pool cannot go on: {action} failed")]
    #[non_exhaustive]
    System {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl PoolError {
    pub(crate) fn worker(worker: &str, pid: u32, text: &str) -> Self {
        PoolError::Worker { worker: worker.to_owned(), pid, text: text.to_owned() }
    }

    pub(crate) fn initializer(function: &str, text: &str) -> Self {
        PoolError::Initializer { function: function.to_owned(), text: text.to_owned() }
    }

    pub(crate) fn system(source: io::Error) -> Self {
        PoolError::System { action: "making room for its workers", source }
    }

    /// The whole story in a line, for those who only get a text.
    pub(crate) fn story(&self) -> String {
        super::story(self)
    }
}

impl From<SpawnError> for PoolError {
    fn from(error: SpawnError) -> Self {
        PoolError::Start(error)
    }
}

/// Why a pool did not take a task. No worker has seen it, and none will.
///
/// # Examples
///
/// ```
/// # use procession::{Pool, Refused, process};
/// # #[process]
/// # fn square(n: u64) -> u64 {
/// #     n * n
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let pool = Pool::new(1)?;
/// pool.close();
/// let error = pool.submit::<square>(7).unwrap_err();
/// assert_eq!(*error.reason(), Refused::Closed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The pool was closed, joined or aborted.
    #[error("the pool is closed")]
    Closed,
    /// As many tasks wait as may.
    #[error("the pool's queue is full")]
    Full,
    /// The input cannot be encoded, or is too large.
    #[error("its input cannot be sent: {0}")]
    Encode(#[from] EncodeError),
    /// The program was forked, and this is the copy: the pool belongs to the original.
    #[error("this process is a fork, and the pool belongs to the one it was forked from")]
    Forked,
}

/// A task that a pool did not take, and why.
///
/// The input is in it, whatever its type: [`into_input`](SubmitError::into_input) gives it back.
///
/// # Examples
///
/// ```
/// # use procession::{Pool, Refused, process};
/// # #[process]
/// # fn square(n: u64) -> u64 {
/// #     n * n
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let pool = Pool::new(2)?;
/// pool.close();
/// let refused = pool.submit::<square>(12).unwrap_err();
/// assert_eq!(*refused.reason(), Refused::Closed);
/// assert_eq!(refused.into_input(), 12);
/// # Ok(())
/// # }
/// ```
pub struct SubmitError<I = ()> {
    /// Boxed, so that the error is hardly larger than the input.
    why: Box<(String, Refused)>,
    input: I,
}

impl<I> SubmitError<I> {
    pub(crate) fn new(task: &str, why: Refused, input: I) -> Self {
        SubmitError { why: Box::new((task.to_owned(), why)), input }
    }

    /// The name of the function.
    pub fn task(&self) -> &str {
        &self.why.0
    }

    /// Why it was not taken.
    pub fn reason(&self) -> &Refused {
        &self.why.1
    }

    /// The input, as it was.
    pub fn into_input(self) -> I {
        self.input
    }

    /// The same without the input.
    pub fn without_input(self) -> SubmitError {
        SubmitError { why: self.why, input: () }
    }
}

impl<I> fmt::Display for SubmitError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task `{}` was not taken: {}", self.task(), self.reason())
    }
}

impl<I> fmt::Debug for SubmitError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<I> std::error::Error for SubmitError<I> {}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::error::{Error, TaskError, TaskFailure};

    /// Neither `Debug` nor `Clone`.
    struct Opaque(u8);

    #[test]
    fn the_input_comes_back_whatever_its_type() {
        let error = SubmitError::new("halve", Refused::Full, Opaque(7));

        assert_eq!(error.to_string(), "task `halve` was not taken: the pool's queue is full");
        assert_eq!(*error.reason(), Refused::Full);
        assert_eq!(error.into_input().0, 7);
    }

    #[test]
    fn every_error_of_a_pool_becomes_the_general_one_and_keeps_its_text() {
        let refused = Refused::Encode(EncodeError::TooLarge { limit: 9 });
        let error = Error::from(SubmitError::new("halve", refused, Opaque(7)));
        assert!(matches!(&error, Error::Submit(inner) if inner.task() == "halve"), "{error}");
        assert!(error.to_string().contains("cannot be sent: the message is larger"), "{error}");

        let failed = TaskError::new("halve", None, None, 1, TaskFailure::Cancelled, String::new());
        assert_eq!(Error::from(failed.clone()).to_string(), failed.to_string());
        let error = Error::from(PoolError::NoWorkers);
        assert_eq!(error.to_string(), "a pool needs at least one worker");
    }

    #[test]
    fn why_a_worker_was_not_started_is_the_source() {
        let error = PoolError::Start(SpawnError::Forked { process: "worker-1".to_owned() });

        assert!(!error.to_string().contains("fork"), "{error}");
        assert!(error.source().is_some_and(|source| source.to_string().contains("worker-1")));
    }
}
