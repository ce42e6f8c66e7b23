//! Why a supervisor did not do what it was told.

use std::io;

use super::SpawnError;

/// A supervisor could not start, or not do what it was told.
///
/// # Examples
///
/// ```
/// # use procession::{Mailbox, SuperviseError, Supervisor, process};
/// # #[process]
/// # fn words(mailbox: Mailbox<String>) {
/// #     mailbox.for_each(drop);
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let tree = Supervisor::builder().child(words::spec()).start()?;
/// let error = tree.address::<String>("numbers").unwrap_err();
/// assert!(matches!(error, SuperviseError::NoSuchChild { .. }));
/// assert_eq!(error.to_string(), "supervisor `supervisor` has no child `numbers`");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuperviseError {
    /// A child was not started. Where a supervisor was to start with it, those that were started
    /// before it have been stopped again.
    #[error("supervisor `{supervisor}` could not start its child `{child}`")]
    #[non_exhaustive]
    Start {
        /// The supervisor.
        supervisor: String,
        /// The child's id.
        child: String,
        /// Why there is no process.
        #[source]
        source: SpawnError,
    },

    /// Two children were to have the same id.
    #[error("supervisor `{supervisor}` has a child `{child}` already")]
    #[non_exhaustive]
    DuplicateId {
        /// The supervisor.
        supervisor: String,
        /// The id.
        child: String,
    },

    /// There is no child of that id.
    #[error("supervisor `{supervisor}` has no child `{child}`")]
    #[non_exhaustive]
    NoSuchChild {
        /// The supervisor.
        supervisor: String,
        /// The id.
        child: String,
    },

    /// The child takes other messages than the address was asked for.
    #[error(
        "child `{child}` of supervisor `{supervisor}` takes messages of type `{actual}`, \
         not `{asked}`"
    )]
    #[non_exhaustive]
    OtherMessage {
        /// The supervisor.
        supervisor: String,
        /// The child's id.
        child: String,
        /// The type that was asked for.
        asked: &'static str,
        /// The type that it takes.
        actual: &'static str,
    },

    /// The supervisor has ended or is about to: it was stopped, or it gave up. `wait` tells which.
    #[error("supervisor `{supervisor}` has ended")]
    #[non_exhaustive]
    Ended {
        /// The supervisor.
        supervisor: String,
    },

    /// The program was forked, and this is the copy: the children belong to the original.
    #[error("supervisor `{supervisor}` belongs to the process that this one was forked from")]
    #[non_exhaustive]
    Forked {
        /// The supervisor.
        supervisor: String,
    },

    /// The system refused.
    #[error("supervisor `{supervisor}`: {action} failed")]
    #[non_exhaustive]
    System {
        /// The supervisor.
        supervisor: String,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
