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
/// is another. While the actor waits for its next process the end of the one before is told.
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
    let (place, given) = (address.place(), std::any::type_name::<M>());
    let by =
        |asking| Monitor { actor: address.name().to_owned(), place: place.clone(), given, asking };
    if crate::sys::is_copy() {
        return by(route::lone(forked()));
    }
    route::ready();
    let asking = route::begin();
    let right = Right { number: asking.0.number, asker: route::here().clone() };
    let watched = if place.tree == crate::process::tree() {
        route::watch(&place.owner, place.target, given, right)
    } else {
        Err(Undelivered::Foreign)
    };
    if let Err(why) = watched {
        route::tell(asking.0.number, Told::Not(Unanswered::NotDelivered(why)));
    }
    by(asking)
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
        if crate::sys::is_copy() {
            return self.down(forked());
        }
        loop {
            // A wait that is as long as anyone lives, in case the clock has no later time.
            let deadline = Instant::now() + Duration::from_secs(1 << 30);
            if let Woken::Told(told) = self.asking.0.sleep(deadline) {
                return self.down(told);
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
            match self.asking.0.sleep(deadline) {
                Woken::Told(told) => return Ok(self.down(told)),
                Woken::Turn => {}
                Woken::Late => return Err(self),
            }
        }
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

impl Drop for Monitor {
    fn drop(&mut self) {
        // It belongs to the process that this one was forked from.
        if self.asking.0.is_told() || crate::sys::is_copy() {
            return;
        }
        route::forget(&self.place.owner, self.place.target, self.given, self.asking.0.number);
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("actor", &self.actor).finish_non_exhaustive()
    }
}
