//! What reaches the keeper: ends, commands, and that it is to stop.
//!
//! It is bounded without a bound: a child has one end at a time, and whoever gives a command waits
//! for the answer.

use std::collections::BTreeMap;
use std::mem;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::actor::Supervised;
use crate::error::SuperviseError;
use crate::outcome::ExitReason;

/// Where news wait for the keeper.
#[derive(Default)]
pub(super) struct Post {
    news: Mutex<News>,
    arrived: Condvar,
}

/// What has happened since the keeper last looked.
#[derive(Default)]
pub(super) struct News {
    /// How long children have to end, if all are to.
    pub(super) stop: Option<Duration>,
    /// Which attempts at which children have ended, and how.
    pub(super) ends: BTreeMap<u64, (u64, ExitReason)>,
    pub(super) commands: Vec<Command>,
    /// Nobody will look any more.
    closed: bool,
}

/// Whoever waits for a child to be stopped hears how it ended.
pub(super) type Stopper = SyncSender<Result<ExitReason, SuperviseError>>;

/// What is to be found out from a child, if there is such a one.
pub(super) type Look = Box<dyn FnOnce(Option<&dyn Supervised>) + Send>;

pub(super) enum Command {
    Start { child: Box<dyn Supervised>, answer: SyncSender<Result<(), SuperviseError>> },
    Stop { id: String, grace: Duration, answer: Stopper },
    Look { id: String, look: Look },
}

impl Post {
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Has all children stopped. The shortest grace counts.
    pub(super) fn stop(&self, grace: Duration) {
        let mut news = self.news();
        let grace = news.stop.map_or(grace, |other| other.min(grace));
        news.stop = Some(grace);
        self.arrived.notify_one();
    }

    /// Hands a command over; nobody answers it if the keeper has gone.
    pub(super) fn command(&self, command: Command) {
        let mut news = self.news();
        if !news.closed {
            news.commands.push(command);
            self.arrived.notify_one();
        }
    }

    /// What is to be called when an attempt at a child has ended.
    pub(super) fn notice(self: &Arc<Self>, key: u64, attempt: u64) -> Notice {
        Notice { post: Some(Arc::clone(self)), key, attempt }
    }

    fn ended(&self, key: u64, attempt: u64, reason: ExitReason) {
        let mut news = self.news();
        // Only the last attempt can matter: there is one only if those before it have ended.
        if !news.closed && news.ends.get(&key).is_none_or(|(other, _)| *other < attempt) {
            news.ends.insert(key, (attempt, reason));
            self.arrived.notify_one();
        }
    }

    /// Takes what has arrived; waits for something until the deadline.
    pub(super) fn take(&self, deadline: Option<Instant>) -> News {
        let mut news = self.news();
        while news.is_empty() {
            news = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self.arrived.wait(news).unwrap_or_else(|poisoned| poisoned.into_inner()),
                Some(left) if left.is_zero() => break,
                Some(left) => {
                    let waited = self.arrived.wait_timeout(news, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
            };
        }
        mem::take(&mut news)
    }

    /// Nothing is looked at any more. Who waits for an answer learns that there is none.
    pub(super) fn close(&self) {
        let left = mem::replace(&mut *self.news(), News { closed: true, ..News::default() });
        drop(left);
    }
}

impl News {
    fn is_empty(&self) -> bool {
        self.stop.is_none() && self.ends.is_empty() && self.commands.is_empty()
    }
}

/// Tells the end of one attempt, once; if it is forgotten it tells that.
pub(super) struct Notice {
    post: Option<Arc<Post>>,
    key: u64,
    attempt: u64,
}

impl Notice {
    pub(super) fn tell(mut self, reason: ExitReason) {
        self.tell_once(reason);
    }

    fn tell_once(&mut self, reason: ExitReason) {
        if let Some(post) = self.post.take() {
            post.ended(self.key, self.attempt, reason);
        }
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        self.tell_once(ExitReason::Lost("nobody told how it ended".to_owned()));
    }
}
