//! The right to answer one ask.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::Right;
use crate::route::{Unanswered, answer};
use crate::sys::moment;
use crate::wire::{
    Encoder, Tag, asks_with, come_too_late, drop_received, is_lending, is_receiving, lend,
};
use crate::worker::{self, longest, worker};

/// The right to answer one [`ask`](crate::Actor::ask).
///
/// It is a value like any other: it may be used at once, kept for later, moved to another thread,
/// or sent on in a message to another actor, in whichever process. It can be used once. Dropping it
/// tells the asker that there will be no answer; if a panic drops it, the asker hears how the
/// process ended instead. It travels in messages only: not in arguments or results, and not in JSON.
///
/// # Examples
///
/// ```
/// use procession::{AskError, Mailbox, Reply, process};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum Door {
///     Open(Reply<bool>),
///     Knock(Reply<()>),
/// }
///
/// #[process]
/// fn door(mailbox: Mailbox<Door>) {
///     let mut knocked = Vec::new();
///     for message in mailbox {
///         match message {
///             Door::Knock(reply) => knocked.push(reply), // answered later
///             Door::Open(reply) => {
///                 reply.send(!knocked.is_empty());
///                 knocked.drain(..).for_each(|reply| reply.send(()));
///             }
///         }
///     }
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let door = door::spawn()?;
/// let address = door.address();
/// let visitor = std::thread::spawn(move || address.ask(Door::Knock));
/// while !door.ask(Door::Open)? {}
/// assert!(visitor.join().unwrap().is_ok());
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it tells the asker that there will be no answer"]
pub struct Reply<R> {
    right: Right,
    /// How often it was used. In the spare values of a `bool` the compiler would keep what wraps
    /// this, and take messages apart and together again for it: 20 ns for each.
    uses: u64,
    /// Whether it has gone in a message. There is none before it is encoded.
    gone: OnceLock<Arc<AtomicBool>>,
    /// Whether the asker waits at the lane of this process: 1 or 0, for the same reason.
    at_lane: u64,
    value: PhantomData<fn(R)>,
}

impl<R> Reply<R> {
    pub(crate) fn new(right: Right, at_lane: bool) -> Self {
        let at_lane = u64::from(at_lane);
        Reply { right, uses: 0, gone: OnceLock::new(), at_lane, value: PhantomData }
    }

    /// Says that it is used; whether it could be.
    fn use_up(&mut self) -> bool {
        let gone = self.gone.get().is_some_and(|gone| gone.load(Ordering::Relaxed));
        std::mem::replace(&mut self.uses, 1) == 0 && !gone
    }

    /// When the asker gives up: what is answered after that is heard by nobody.
    ///
    /// An actor that takes the message after that does not handle it. Whatever it has others do for an
    /// answer need not take longer either.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use procession::{Mailbox, Reply, process};
    ///
    /// #[process]
    /// fn time_left(mailbox: Mailbox<Reply<Duration>>) {
    ///     for reply in mailbox {
    ///         let left = reply.deadline().saturating_duration_since(Instant::now());
    ///         reply.send(left);
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), procession::Error> {
    /// let time_left = time_left::spawn()?;
    /// let limit = Duration::from_secs(10);
    /// assert!(time_left.ask_timeout(|reply| reply, limit)? <= limit);
    /// # Ok(())
    /// # }
    /// ```
    pub fn deadline(&self) -> Instant {
        moment(self.right.until)
    }

    fn pass(mut self, answered: Result<&Encoder<'_>, Unanswered>) {
        if !self.use_up() {
            return;
        }
        pass(&self.right, self.at_lane == 1, answered);
    }
}

impl<R: Serialize + 'static> Reply<R> {
    /// Answers. An asker that has given up, or has ended, is not an error, and nobody hears then.
    ///
    /// A value that cannot be encoded, or is larger than `max_message`, is told to the asker as an
    /// answer that cannot be delivered. Waits while the asker's process takes it, if it is large.
    pub fn send(self, value: R) {
        let mut row = Encoder::new(longest());
        let number = self.right.number;
        let encoded = row.section(&number).and_then(|()| row.section(&value));
        match encoded {
            Ok(()) => self.pass(Ok(&row)),
            Err(error) => self.pass(Err(Unanswered::Undeliverable(error.to_string()))),
        }
    }
}

/// Sends what became of an ask to its asker.
#[unsafe(link_section = ".procession.start")]
fn pass(right: &Right, at_lane: bool, answered: Result<&Encoder<'_>, Unanswered>) {
    // The right belongs to the process that this one was forked from.
    if crate::sys::is_copy() {
        return;
    }
    if at_lane {
        let sent = match &answered {
            Ok(value) => worker::answer(Tag::Answer, value),
            Err(Unanswered::Dropped) => {
                let mut row = Encoder::new(usize::MAX);
                let _ = row.section(&right.number);
                worker::answer(Tag::NoAnswer, &row)
            }
            Err(_) => false,
        };
        if sent {
            return;
        }
    }
    answer(right.clone(), answered.map(Encoder::to_vec));
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        // Where a panic drops it the process is about to end, and that is what the asker hears. In
        // a thread of its own a panic ends nothing.
        if !self.use_up() || crate::sys::is_copy() {
            return;
        }
        // A message whose reading panics is not read: nobody asks what was dropped in the course of it.
        let panicking = std::thread::panicking();
        if !panicking && drop_received(&self.right) {
            return;
        }
        if panicking && ends_with_this_thread() {
            let mut doubtful = DOUBTFUL.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            doubtful.push((self.right.clone(), self.at_lane == 1));
            DOUBTS.store(true, Ordering::Release);
        } else {
            pass(&self.right, self.at_lane == 1, Err(Unanswered::Dropped));
        }
    }
}

/// Rights that a panic dropped. If it was caught after all, nobody will hear of an end.
static DOUBTFUL: Mutex<Vec<(Right, bool)>> = Mutex::new(Vec::new());

/// Whether there are any, for who looks often.
static DOUBTS: AtomicBool = AtomicBool::new(false);

/// Says that this process has survived a panic, if there was one.
#[inline]
pub(super) fn survived() {
    if DOUBTS.load(Ordering::Acquire) {
        settle_doubts();
    }
}

#[cold]
fn settle_doubts() {
    let mut doubtful = DOUBTFUL.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let rights = std::mem::take(&mut *doubtful);
    DOUBTS.store(false, Ordering::Release);
    drop(doubtful);
    for (right, at_lane) in rights {
        pass(&right, at_lane, Err(Unanswered::Dropped));
    }
}

/// Says of rights that they were dropped.
pub(super) fn drop_all(rights: &[Right]) {
    rights.iter().for_each(|right| pass(right, false, Err(Unanswered::Dropped)));
}

/// Whether a panic of this thread ends the process, unless it is caught.
fn ends_with_this_thread() -> bool {
    worker().is_some() && crate::sys::on_initial_thread()
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("asker", &self.right.asker.as_str()).finish()
    }
}

impl<R> Serialize for Reply<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !is_lending() {
            return Err(S::Error::custom("a `Reply` travels only in messages to actors"));
        }
        // What it is handed on in concerns others than the asker.
        let right = Right { passed: !asks_with(&self.right), ..self.right.clone() };
        let written = right.serialize(serializer)?;
        lend(right, Arc::clone(self.gone.get_or_init(Arc::default)));
        Ok(written)
    }
}

impl<'de, R> Deserialize<'de> for Reply<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let right = Right::deserialize(deserializer)?;
        if !right.passed && right.is_late() {
            come_too_late();
        }
        match is_receiving() {
            Some(at_lane) => Ok(Reply::new(right, at_lane)),
            None => Err(D::Error::custom("a `Reply` travels only in messages to actors")),
        }
    }
}
