//! What can be seen of a supervisor.

use std::fmt;
use std::time::Instant;

use crate::outcome::ExitReason;

/// How a supervisor ended.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use procession::{Mailbox, Supervisor, SupervisorEnd, process};
/// # #[process]
/// # fn broken(_mailbox: Mailbox<()>) {
/// #     std::process::abort();
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let tree = Supervisor::builder()
///     .intensity(2, Duration::from_secs(60))
///     .backoff(Duration::from_millis(1)..Duration::from_millis(2))
///     .child(broken::spec())
///     .start()?;
/// match tree.wait() {
///     SupervisorEnd::GivenUp { child, restarts, .. } => {
///         assert_eq!((child.as_str(), restarts), ("broken", 2));
///     }
///     end => panic!("{end}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SupervisorEnd {
    /// It was [stopped](crate::Supervisor::stop), or dropped.
    Stopped,

    /// A child ended too often, so it was given up and all others were stopped.
    #[non_exhaustive]
    GivenUp {
        /// The child's id.
        child: String,
        /// How many restarts it had within the window.
        restarts: u32,
        /// How it ended last.
        reason: ExitReason,
    },

    /// This process cannot know how it ended, if it has, for the reason in the text: it is a fork of
    /// the one that started the supervisor, or the supervisor itself has failed.
    Lost(String),
}

impl fmt::Display for SupervisorEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SupervisorEnd::Stopped => f.write_str("it was stopped"),
            SupervisorEnd::GivenUp { child, restarts, reason } => {
                write!(f, "it gave up child `{child}` after {restarts} restarts: {reason}")
            }
            SupervisorEnd::Lost(why) => write!(f, "it was lost: {why}"),
        }
    }
}

/// What a supervisor looks like at one moment.
///
/// # Examples
///
/// ```
/// # use procession::{Mailbox, Supervisor, process};
/// # #[process]
/// # fn words(mailbox: Mailbox<String>) {
/// #     mailbox.for_each(drop);
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let tree = Supervisor::builder().name("texts").child(words::spec()).start()?;
/// let status = tree.status();
/// assert_eq!((status.name.as_str(), &status.end), ("texts", &None));
/// assert!(status.child("words").is_some() && status.child("numbers").is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Its children, in the order in which they were first started. Of those that have ended for
    /// good the last 256 are remembered.
    pub children: Vec<ChildStatus>,
    /// How it ended, if it has.
    pub end: Option<SupervisorEnd>,
}

impl Status {
    /// The child of this id.
    pub fn child(&self, id: &str) -> Option<&ChildStatus> {
        self.children.iter().find(|child| child.id == id)
    }
}

/// What one child of a supervisor looks like at one moment.
///
/// # Examples
///
/// ```
/// # use procession::{Mailbox, Supervisor, process};
/// # #[process]
/// # fn words(mailbox: Mailbox<String>) {
/// #     mailbox.for_each(drop);
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let tree = Supervisor::builder().child(words::spec().id("left")).start()?;
/// let status = tree.status();
/// let left = status.child("left").unwrap();
/// assert_eq!((left.incarnation, left.restarts, &left.last_exit), (1, 0, &None));
/// assert!(left.pid.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChildStatus {
    /// Its id.
    pub id: String,
    /// The pid of the process that it is now, if it is one.
    pub pid: Option<u32>,
    /// How many processes it has been, this one included.
    pub incarnation: u32,
    /// How many restarts it has had within the window that [`intensity`] speaks of.
    ///
    /// [`intensity`]: crate::SupervisorBuilder::intensity
    pub restarts: u32,
    /// How many messages wait in its mailbox, the one in hand included.
    pub waiting: usize,
    /// What it does.
    pub state: ChildState,
    /// How the last of its processes that has ended did so.
    pub last_exit: Option<ExitReason>,
}

/// What a child of a supervisor does.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use procession::{ChildState, Mailbox, Supervisor, process};
/// # #[process]
/// # fn words(mailbox: Mailbox<String>) {
/// #     mailbox.for_each(drop);
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let tree = Supervisor::builder().child(words::spec()).start()?;
/// assert_eq!(tree.status().child("words").unwrap().state, ChildState::Running);
/// tree.stop(Duration::from_secs(5));
/// assert!(matches!(tree.status().child("words").unwrap().state, ChildState::Ended(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildState {
    /// It runs.
    Running,
    /// It has ended, and is to be started again.
    #[non_exhaustive]
    Waiting {
        /// When that is.
        until: Instant,
    },
    /// It was asked to stop and still runs.
    Stopping,
    /// It has ended for good, as it may, or because it was stopped.
    Ended(ExitReason),
    /// It has ended too often, and so has its supervisor.
    GivenUp(ExitReason),
}
