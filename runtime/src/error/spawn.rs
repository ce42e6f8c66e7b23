//! Why there is no process.

use std::io;
use std::path::PathBuf;

use super::EncodeError;

/// A process was not started. Nothing is left of the attempt.
///
/// # Examples
///
/// ```
/// use procession::{SpawnError, process};
///
/// #[process]
/// fn length(text: String) -> usize {
///     text.len()
/// }
///
/// let error = length::builder().max_message(100).spawn("long ".repeat(100)).unwrap_err();
/// assert!(matches!(error, SpawnError::Encode { .. }), "{error}");
/// assert!(error.to_string().contains("`length`"));
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// An argument cannot be sent.
    #[error("process `{process}` was not started: its arguments cannot be sent")]
    #[non_exhaustive]
    Encode {
        /// The process that was to be started.
        process: String,
        /// Which argument, and why.
        #[source]
        source: EncodeError,
    },

    /// The program has too few file descriptors left.
    #[error(
        "process `{process}` was not started: the limit of {} open files is (almost) reached",
        limit.map_or("this many".to_owned(), |limit| limit.to_string())
    )]
    #[non_exhaustive]
    Descriptors {
        /// The process that was to be started.
        process: String,
        /// How many the program may have open.
        limit: Option<u64>,
    },

    /// The system has no room for another process or thread.
    #[error("process `{process}` was not started: the system allows no more processes or threads")]
    #[non_exhaustive]
    Processes {
        /// The process that was to be started.
        process: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// The directory that it was to work in cannot be entered.
    #[error("process `{process}` was not started: it cannot work in `{}`", path.display())]
    #[non_exhaustive]
    WorkingDirectory {
        /// The process that was to be started.
        process: String,
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// The program could not be executed.
    #[error("process `{process}` was not started: `{}` cannot be executed", program.display())]
    #[non_exhaustive]
    Execute {
        /// The process that was to be started.
        process: String,
        /// The file that was to be executed.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// Executing the running program again would execute something else: it was started through
    /// a loader or an emulator, or this code is a plug-in. [`worker_exe`](crate::worker_exe) names
    /// a program that has the same functions.
    #[error(
        "process `{process}` was not started: executing this program again would run `{}`; \
         name the program to run with `procession::worker_exe(path)`",
        would_run.display()
    )]
    #[non_exhaustive]
    NotOurProgram {
        /// The process that was to be started.
        process: String,
        /// What would have been executed.
        would_run: PathBuf,
    },

    /// The function is not in this program's table of processes, as when it is in a shared
    /// library with a copy of the runtime of its own.
    #[error("process `{process}` was not started: it is not in this program's table of processes")]
    #[non_exhaustive]
    NotLinked {
        /// The process that was to be started.
        process: String,
    },

    /// This process is itself a worker that was not taken over, so that it runs `main` once more.
    /// To start processes here would go on for ever.
    #[error(
        "process `{process}` was not started: this worker re-entered `main`; \
         call `procession::init()` first thing in `main`, or use `#[procession::main]`"
    )]
    #[non_exhaustive]
    Reentered {
        /// The process that was to be started.
        process: String,
    },

    /// Processes that start processes are at most 16 deep.
    #[error("process `{process}` was not started: there are {depth} processes above it already")]
    #[non_exhaustive]
    TooDeep {
        /// The process that was to be started.
        process: String,
        /// How many there are.
        depth: u32,
    },

    /// The program was forked, and this is the copy: it cannot start processes.
    #[error("process `{process}` was not started: this process is a fork of the one that could")]
    #[non_exhaustive]
    Forked {
        /// The process that was to be started.
        process: String,
    },

    /// The system refused.
    #[error("process `{process}` was not started: {action} failed")]
    #[non_exhaustive]
    System {
        /// The process that was to be started.
        process: String,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The text and its cause: it is what `unwrap` shows.
impl std::fmt::Debug for SpawnError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&super::story(self))
    }
}
