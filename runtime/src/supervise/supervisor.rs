//! The handle on a supervisor.

use std::fmt;
use std::mem;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::board::Board;
use super::builder::SupervisorBuilder;
use super::keeper::Plan;
use super::post::{Command, Post};
use super::status::{Status, SupervisorEnd};
use crate::actor::{Address, IntoChild, Supervised};
use crate::error::SuperviseError;
use crate::outcome::ExitReason;
use crate::process::is_fork;

/// Looks after actors: starts them, starts them again when they crash, and stops them together.
///
/// An actor under supervision is a slot that processes come and go in: what waits in its mailbox
/// survives them, and its [address](Supervisor::address) stays valid. When a child ends, its
/// [`Restart`](crate::Restart) says whether it comes back. The first restart is at once; a child
/// that keeps ending waits longer each time; and one that ends too often is given up, which ends
/// the supervisor and shows in [`wait`](Supervisor::wait). No child waits for another.
///
/// Dropping the supervisor stops it, and waits until its children have ended: see
/// [`grace`](SupervisorBuilder::grace).
///
/// # Examples
///
/// ```
/// use procession::{Address, Mailbox, Reply, Supervisor, process};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum Count {
///     Add(i64),
///     Get(Reply<i64>),
///     Crash,
/// }
///
/// #[process]
/// fn counter(start: i64, mailbox: Mailbox<Count>) {
///     let mut total = start;
///     for message in mailbox {
///         match message {
///             Count::Add(n) => total += n,
///             Count::Get(reply) => reply.send(total),
///             Count::Crash => std::process::abort(),
///         }
///     }
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let tree = Supervisor::builder().child(counter::spec(10).id("hits")).start()?;
/// let hits: Address<Count> = tree.address("hits")?;
/// hits.tell(Count::Crash)?;
/// hits.tell(Count::Add(5))?; // waits until the next process is there
/// assert_eq!(hits.ask(Count::Get)?, 15);
/// assert_eq!(tree.status().child("hits").map(|child| child.incarnation), Some(2));
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping the supervisor stops its children; `wait` waits until it has ended"]
pub struct Supervisor {
    plan: Plan,
    post: Arc<Post>,
    board: Arc<Board>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Sets one up. Nothing runs before [`start`](SupervisorBuilder::start).
    pub fn builder() -> SupervisorBuilder {
        SupervisorBuilder::new()
    }

    pub(super) fn new(
        plan: Plan,
        post: Arc<Post>,
        board: Arc<Board>,
        thread: JoinHandle<()>,
    ) -> Self {
        Supervisor { plan, post, board, thread: Some(thread) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Where the child of this id takes its messages, which stays so across restarts.
    ///
    /// # Errors
    ///
    /// If there is no such child, if it takes messages of another type, or if the supervisor has
    /// ended.
    pub fn address<M: 'static>(&self, id: &str) -> Result<Address<M>, SuperviseError> {
        let (answer, found) = mpsc::sync_channel(1);
        let (supervisor, child) = (self.plan.name.clone(), id.to_owned());
        let look = move |seen: Option<&dyn Supervised>| {
            let address = match seen {
                None => Err(SuperviseError::NoSuchChild { supervisor, child }),
                Some(seen) => {
                    seen.address().downcast_ref::<Address<M>>().cloned().ok_or_else(|| {
                        let (asked, actual) = (std::any::type_name::<M>(), seen.message_type());
                        SuperviseError::OtherMessage { supervisor, child, asked, actual }
                    })
                }
            };
            // Whoever asked is waiting.
            let _ = answer.try_send(address);
        };
        self.command(Command::Look { id: id.to_owned(), look: Box::new(look) }, &found)
    }

    /// Starts one more child. It is stopped before all that were there.
    ///
    /// The id of a child that has ended for good may be used again.
    ///
    /// # Errors
    ///
    /// If there is a child of that id, if it cannot be started, or if the supervisor has ended.
    pub fn start_child(&self, child: impl IntoChild) -> Result<(), SuperviseError> {
        let (answer, started) = mpsc::sync_channel(1);
        self.command(Command::Start { child: child.into_child().0, answer }, &started)
    }

    /// Stops a child for good and forgets it: asks it to, kills it when the grace is over, and
    /// returns how it ended when it was reaped. One that had ended for good is just forgotten.
    ///
    /// # Errors
    ///
    /// If there is no such child, or if the supervisor has ended.
    pub fn stop_child(&self, id: &str, grace: Duration) -> Result<ExitReason, SuperviseError> {
        let (answer, stopped) = mpsc::sync_channel(1);
        self.command(Command::Stop { id: id.to_owned(), grace, answer }, &stopped)
    }

    /// What it looks like now. This never waits, also where something else does.
    pub fn status(&self) -> Status {
        if let Some(end) = lost_in_fork() {
            return Status { name: self.plan.name.clone(), children: Vec::new(), end: Some(end) };
        }
        self.board.status(&self.plan.name, self.plan.limits.window)
    }

    /// Waits until it has ended, and returns how: it was stopped, or gave up. All children have been
    /// reaped then. A supervisor whose children have all ended well goes on, and so does the wait.
    pub fn wait(&self) -> SupervisorEnd {
        match lost_in_fork().or_else(|| self.board.wait(None)) {
            Some(end) => end,
            None => unreachable!("a wait without a deadline returns with an end"),
        }
    }

    /// Waits until it has ended, but no longer than this; `None` if it has not by then.
    pub fn wait_timeout(&self, limit: Duration) -> Option<SupervisorEnd> {
        lost_in_fork().or_else(|| self.board.wait(Instant::now().checked_add(limit)))
    }

    /// Stops all children, the last one first, and returns when they have been reaped.
    ///
    /// Each child is asked to stop when the one after it has ended, and killed when it has not
    /// ended within the grace. Once the grace is over for the first time, all that are left are
    /// asked at once: so no child has less time than the grace, and all together no more than
    /// twice that.
    ///
    /// A supervisor that has ended stays as it was; the return value says how.
    pub fn stop(&self, grace: Duration) -> SupervisorEnd {
        if let Some(lost) = lost_in_fork() {
            return lost;
        }
        self.post.stop(grace);
        self.wait()
    }

    /// Hands a command over and waits for what comes of it.
    fn command<T>(
        &self,
        command: Command,
        answer: &mpsc::Receiver<Result<T, SuperviseError>>,
    ) -> Result<T, SuperviseError> {
        let supervisor = || self.plan.name.clone();
        if is_fork() {
            return Err(SuperviseError::Forked { supervisor: supervisor() });
        }
        self.post.command(command);
        // No answer comes if the keeper has gone, or goes before it has come to this.
        answer.recv().unwrap_or_else(|_| Err(SuperviseError::Ended { supervisor: supervisor() }))
    }
}

/// What a copy of this process knows of a supervisor that is not its own.
fn lost_in_fork() -> Option<SupervisorEnd> {
    let why = || "this process is a fork of the one that started it".to_owned();
    is_fork().then(|| SupervisorEnd::Lost(why()))
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let thread = self.thread.take();
        if is_fork() {
            // There is no such thread here, and its locks may be held for ever.
            mem::forget(thread);
            return;
        }
        self.stop(self.plan.grace);
        if let Some(thread) = thread {
            // It has published its end, so it ends now; a panic was told as one.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { name, children, end } = self.status();
        f.debug_struct("Supervisor")
            .field("name", &name)
            .field("children", &children)
            .field("end", &end)
            .finish()
    }
}
