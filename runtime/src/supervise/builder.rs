//! What a supervisor is to look after, and how.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::board::Board;
use super::keeper::{Keeper, Plan};
use super::post::Post;
use super::supervisor::Supervisor;
use crate::actor::{IntoChild, Supervised};
use crate::error::SuperviseError;
use crate::policy::{Backoff, Limits};
use crate::process::is_fork;
use crate::sys;

/// How long children have to end unless somebody says.
const GRACE: Duration = Duration::from_secs(5);

/// Which children are started again when one ends.
///
/// # Examples
///
/// ```
/// use procession::{Strategy, Supervisor};
///
/// let builder = Supervisor::builder().strategy(Strategy::OneForOne); // as it is unless told
/// # drop(builder);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// The one that ended.
    #[default]
    OneForOne,
}

/// Sets up a [`Supervisor`].
///
/// Without more being said, a child may be restarted 5 times in 60 seconds; its first restart is
/// at once, the next ones wait from 100 ms to 10 s; and it counts as healthy again after 60 s.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use procession::{Mailbox, Restart, Supervisor, process};
///
/// #[process]
/// fn echo(mailbox: Mailbox<String>) {
///     mailbox.into_iter().for_each(|text| println!("{text}"));
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let tree = Supervisor::builder()
///     .name("voices")
///     .intensity(20, Duration::from_secs(1))
///     .backoff(Duration::from_millis(10)..Duration::from_secs(1))
///     .child(echo::spec().id("loud"))
///     .child(echo::spec().id("soft").restart(Restart::Permanent))
///     .start()?;
/// assert_eq!(tree.status().children.len(), 2);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing runs before `start`"]
pub struct SupervisorBuilder {
    plan: Plan,
    children: Vec<Box<dyn Supervised>>,
}

impl SupervisorBuilder {
    pub(super) fn new() -> Self {
        let plan = Plan {
            name: "supervisor".to_owned(),
            strategy: Strategy::default(),
            limits: Limits::default(),
            grace: GRACE,
        };
        SupervisorBuilder { plan, children: Vec::new() }
    }

    /// What errors and [`Status`](crate::Status) call it; `supervisor` unless told.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.plan.name = name.into();
        self
    }

    /// Which children are started again when one ends; [`Strategy::OneForOne`] unless told, which is
    /// the only one yet.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.plan.strategy = strategy;
        self
    }

    /// How many restarts each child may have within a time: 5 in 60 seconds unless told. They are
    /// counted for each child alone. A restart that fails counts as well. With 0 the first crash is one
    /// too many.
    ///
    /// A child that would need one more is given up, and with it the supervisor:
    /// [`wait`](Supervisor::wait) tells which child it was.
    pub fn intensity(mut self, restarts: u32, within: Duration) -> Self {
        self.plan.limits.intensity = restarts;
        self.plan.limits.window = within;
        self
    }

    /// How long a child waits to be started again: not at all the first time, then as long as the
    /// start of the range says, doubled each time up to its end. Each wait is up to a fifth longer
    /// or shorter by chance, so that children that ended together do not come back together. 100 ms to
    /// 10 s unless told; a range that ends before it starts is one wait, its start.
    pub fn backoff(mut self, range: Range<Duration>) -> Self {
        self.plan.limits.backoff = Backoff::new(range);
        self
    }

    /// How long a child must run for its next restart to count as a first one again; 60 seconds unless
    /// told. This is about waits: what [`intensity`](Self::intensity) counts is a matter of its own time.
    pub fn reset_after(mut self, healthy: Duration) -> Self {
        self.plan.limits.reset_after = healthy;
        self
    }

    /// How long children have to end where nobody says: when the supervisor is dropped, gives up
    /// or could not start. 5 seconds unless told; after that they are killed.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.plan.grace = grace;
        self
    }

    /// Adds a child. Children are started in the order in which they are added, and stopped in the
    /// reverse order.
    pub fn child(mut self, child: impl IntoChild) -> Self {
        self.children.push(child.into_child().0);
        self
    }

    /// Starts all children.
    ///
    /// # Errors
    ///
    /// If two children have the same id, or one cannot be started: then those that were started before
    /// it are stopped again before this returns. A child whose process exists and then fails to begin,
    /// as one whose constructor fails, is no such error: it has crashed, and is restarted.
    /// Also if the system has no thread left, and in a fork of the program.
    pub fn start(self) -> Result<Supervisor, SuperviseError> {
        let SupervisorBuilder { plan, children } = self;
        if is_fork() {
            return Err(SuperviseError::Forked { supervisor: plan.name });
        }
        let mut ids: Vec<&str> = children.iter().map(|child| child.id()).collect();
        ids.sort_unstable();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            let (supervisor, child) = (plan.name, pair[0].to_owned());
            return Err(SuperviseError::DuplicateId { supervisor, child });
        }
        let (post, board) = (Arc::new(Post::default()), Arc::new(Board::default()));
        let keeper = Keeper::new(plan.clone(), Arc::clone(&post), Arc::clone(&board));
        let (answer, begun) = mpsc::sync_channel(1);
        let thread = sys::run_aside_on(STACK, "procession-supervisor", move || {
            keeper.run(children, &answer);
        });
        let name = || plan.name.clone();
        let thread = thread.map_err(|source| {
            let action = "starting its thread";
            SuperviseError::System { supervisor: name(), action, source }
        })?;
        match begun.recv() {
            Ok(Ok(())) => Ok(Supervisor::new(plan, post, board, thread)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(SuperviseError::Ended { supervisor: name() }),
        }
    }
}

/// Arguments of the children are encoded there, by what users have written.
const STACK: usize = 2 << 20;

impl fmt::Debug for SupervisorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let children: Vec<&str> = self.children.iter().map(|child| child.id()).collect();
        f.debug_struct("SupervisorBuilder")
            .field("plan", &self.plan)
            .field("children", &children)
            .finish()
    }
}
