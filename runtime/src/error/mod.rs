//! What can go wrong, by question: did it start, did it give a value, and everything else.

mod crossing;
mod failure;
mod join;
mod spawn;

pub use crossing::{DecodeError, EncodeError};
pub use failure::Failure;
pub use join::JoinError;
pub use spawn::SpawnError;

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
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A process was not started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),

    /// A process gave no value.
    #[error(transparent)]
    Join(#[from] JoinError),

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
