//! Hearing of an actor's end.

use std::fmt;
use std::time::{Duration, Instant};

use super::address::Address;
use crate::error::Undelivered;
use crate::id::{Place, Right};
use crate::outcome::ExitReason;
use crate::route::{self, Asking, Told, Unanswered, Woken};

/// Watches the process that serves an actor now. Its end is told once: at once if it has ended.
///
/// A process that a supervisor starts afterwards is not watched: its [incarnation](Down::incarnation)
/// is another. While the actor waits for its next process the end of the one before is told. The ends of
/// all of them, one after the other, are what [`downs`](Monitor::downs) gives.
///
/// It works from any process, for an actor of any other. When the process ends that had spawned the
/// actor, the actor ends with it, and its end is [`Lost`](ExitReason::Lost).
///
/// # Examples
///
/// ```
/// use procession::{ExitReason, Mailbox, monitor, process};
///
/// #[process]
/// fn idle(mailbox: Mailbox<()>) {
///     mailbox.for_each(drop);
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let idle = idle::spawn()?;
/// let watch = monitor(&idle.address());
/// idle.kill()?;
/// let down = watch.recv();
/// assert_eq!(*down.reason(), ExitReason::Killed);
/// assert_eq!(down.incarnation(), 1);
/// # Ok(())
/// # }
/// ```
pub fn monitor<M: 'static>(address: &Address<M>) -> Monitor {
    let given = std::any::type_name::<M>();
    watch(address.name().to_owned(), address.place().clone(), given, 0)
}

/// Watches the process that serves an actor now, or the first to end after an incarnation.
fn watch(actor: String, place: Place, given: &'static str, after: u32) -> Monitor {
    if crate::sys::is_copy() {
        return Monitor { actor, place, given, asking: route::lone(forked()) };
    }
    route::ready();
    let asking = route::begin();
    let right = Right::new(asking.number, route::here().clone(), u64::MAX);
    let watched = if place.tree == crate::process::tree() {
        route::watch(&place.owner, place.target, given, after, right)
    } else {
        Err(Undelivered::Foreign)
    };
    if let Err(why) = watched {
        route::tell(asking.number, Told::Not(Unanswered::NotDelivered(why)));
    }
    Monitor { actor, place, given, asking }
}

fn forked() -> Told {
    Told::Not(Unanswered::NotDelivered(Undelivered::Forked))
}

/// The end of one process of an actor, to be waited for: see [`monitor`].
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use procession::{Mailbox, monitor, process};
/// # #[process]
/// # fn idle(mailbox: Mailbox<()>) {
/// #     mailbox.for_each(drop);
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let idle = idle::spawn()?;
/// let watch = monitor(&idle.address());
/// // Not yet: it can be asked again.
/// let watch = watch.recv_timeout(Duration::from_millis(10)).unwrap_err();
/// idle.kill()?;
/// assert_eq!(watch.recv().actor(), "idle");
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it stops watching"]
pub struct Monitor {
    actor: String,
    place: Place,
    given: &'static str,
    asking: Asking,
}

/// The end of one process of an actor.
///
/// # Examples
///
/// ```
/// # use procession::{ExitReason, Mailbox, monitor, process};
/// # #[process]
/// # fn quitter(_mailbox: Mailbox<()>) {
/// #     procession::exit(3);
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let quitter = quitter::spawn()?;
/// let down = monitor(&quitter.address()).recv();
/// assert_eq!((down.actor(), down.incarnation()), ("quitter", 1));
/// assert_eq!(*down.reason(), ExitReason::Exited(3));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    actor: String,
    incarnation: u32,
    reason: ExitReason,
}

impl Down {
    /// The name of the actor.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Which process of the actor it was: 1 for the first, 0 if nobody knows.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// How it ended.
    pub fn reason(&self) -> &ExitReason {
        &self.reason
    }
}

impl Monitor {
    /// Waits for the end, however long that takes.
    ///
    /// In a copy of the process made by `fork` nobody hears of it: there this says so at once, as an
    /// end that is [`Lost`](ExitReason::Lost).
    pub fn recv(self) -> Down {
        let told = self.told();
        self.down(told)
    }

    fn told(&self) -> Told {
        if crate::sys::is_copy() {
            return forked();
        }
        loop {
            // A wait that is as long as anyone lives, in case the clock has no later time.
            let deadline = Instant::now() + Duration::from_secs(1 << 30);
            if let Woken::Told(told) = self.asking.ask.sleep(deadline) {
                return told;
            }
        }
    }

    /// Waits that long at the most; the monitor comes back if it has not ended.
    ///
    /// # Errors
    ///
    /// If it has not ended in time: then it is watched on.
    pub fn recv_timeout(self, limit: Duration) -> Result<Down, Monitor> {
        if crate::sys::is_copy() {
            return Ok(self.down(forked()));
        }
        let now = Instant::now();
        let deadline = now.checked_add(limit).unwrap_or(now + Duration::from_secs(1 << 30));
        loop {
            match self.asking.ask.sleep(deadline) {
                Woken::Told(told) => return Ok(self.down(told)),
                Woken::Turn => {}
                Woken::Late => return Err(self),
            }
        }
    }

    /// The ends of the actor's processes, one an incarnation, as they come: that of the process that is
    /// watched, and those of all that a supervisor starts after it. There is no other once the actor is
    /// not started again, or the process that had spawned it has ended.
    ///
    /// An end may be left out where two follow each other before the first was looked at; their
    /// incarnations tell.
    ///
    /// # Examples
    ///
    /// ```
    /// # use procession::{Mailbox, Supervisor, monitor, process};
    /// # #[process]
    /// # fn fragile(mailbox: Mailbox<()>) {
    /// #     mailbox.for_each(|()| std::process::abort());
    /// # }
    /// # fn main() -> Result<(), procession::Error> {
    /// let tree = Supervisor::builder().child(fragile::spec()).start()?;
    /// let address = tree.address("fragile")?;
    /// let downs = monitor(&address).downs();
    /// (0..3).try_for_each(|_| address.tell(()))?;
    /// let ended: Vec<u32> = downs.take(3).map(|down| down.incarnation()).collect();
    /// assert_eq!(ended, [1, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn downs(self) -> Downs {
        Downs { after: 0, watch: Some(self) }
    }

    fn down(mut self, told: Told) -> Down {
        let lost = |why: String| (0, ExitReason::Lost(why));
        let (incarnation, reason) = match told {
            Told::Value(body) => route::read_down(&body)
                .unwrap_or_else(|| lost("nobody can say how it ended".to_owned())),
            Told::Not(Unanswered::NotDelivered(Undelivered::Ended(reason))) => (0, reason),
            Told::Not(Unanswered::NotDelivered(why)) => lost(why.to_string()),
            Told::Not(Unanswered::Died { actor, pid, reason }) => lost(format!(
                "process `{actor}` (pid {pid}), on the way to it, has ended: {reason}"
            )),
            Told::Not(_) => lost("nobody watches it any more".to_owned()),
        };
        Down { actor: std::mem::take(&mut self.actor), incarnation, reason }
    }
}

/// The ends of an actor's processes, one an incarnation: see [`Monitor::downs`].
///
/// # Examples
///
/// ```
/// # use procession::{ExitReason, Mailbox, monitor, process};
/// # #[process]
/// # fn idle(mailbox: Mailbox<()>) {
/// #     mailbox.for_each(drop);
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let idle = idle::spawn()?; // nobody starts it again
/// let downs = monitor(&idle.address()).downs();
/// idle.kill()?;
/// assert_eq!(downs.map(|down| down.reason().clone()).collect::<Vec<_>>(), [ExitReason::Killed]);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it stops watching"]
pub struct Downs {
    /// The incarnation that was told last.
    after: u32,
    watch: Option<Monitor>,
}

/// Waits for the next end, however long that takes.
impl Iterator for Downs {
    type Item = Down;

    fn next(&mut self) -> Option<Down> {
        let watch = self.watch.take()?;
        let (place, given, told) = (watch.place.clone(), watch.given, watch.told());
        let is_over = matches!(told, Told::Not(Unanswered::NotDelivered(_)));
        let down = watch.down(told);
        if self.after > 0 && (is_over || down.incarnation == self.after) {
            // Once more the last one, or there is nothing to watch any more: there will be no other.
            return None;
        }
        self.after = down.incarnation;
        if self.after > 0 {
            self.watch = Some(self::watch(down.actor.clone(), place, given, self.after));
        }
        Some(down)
    }
}

impl fmt::Debug for Downs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downs").field("watch", &self.watch).finish_non_exhaustive()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // It belongs to the process that this one was forked from.
        if self.asking.ask.is_told() || crate::sys::is_copy() {
            return;
        }
        route::forget(&self.place.owner, self.place.target, self.given, self.asking.number);
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("actor", &self.actor).finish_non_exhaustive()
    }
}
