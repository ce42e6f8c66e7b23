//! What the keeper lets everyone see, so that looking never waits for what it does.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::kept::Kept;
use super::status::{ChildStatus, Status, SupervisorEnd};
use crate::actor::Gauge;

/// Every child as it was last seen, and the end.
#[derive(Default)]
pub(super) struct Board {
    seen: Mutex<Seen>,
    ended: Condvar,
}

#[derive(Default)]
struct Seen {
    children: BTreeMap<u64, Entry>,
    end: Option<SupervisorEnd>,
}

/// A child, and what is a matter of when one looks: how many of its restarts count, which were then, and how
/// many messages wait.
struct Entry {
    status: ChildStatus,
    restarts: Vec<Instant>,
    waiting: Gauge,
}

impl Board {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Shows what has become of a child.
    pub(super) fn show(&self, key: u64, child: &Kept) {
        let (status, restarts) = (child.status(), child.restarts());
        let entry = Entry { status, restarts, waiting: child.spec.waiting() };
        self.seen().children.insert(key, entry);
    }

    pub(super) fn forget(&self, key: u64) {
        self.seen().children.remove(&key);
    }

    /// Publishes the end, once.
    pub(super) fn end(&self, end: SupervisorEnd) {
        self.seen().end.get_or_insert(end);
        self.ended.notify_all();
    }

    pub(super) fn status(&self, name: &str, window: Duration) -> Status {
        let seen = self.seen();
        let now = Instant::now();
        let counts = |at: &&Instant| now.saturating_duration_since(**at) < window;
        let child = |entry: &Entry| {
            let restarts = entry.restarts.iter().filter(counts).count();
            ChildStatus {
                restarts: u32::try_from(restarts).unwrap_or(u32::MAX),
                waiting: (entry.waiting)(),
                ..entry.status.clone()
            }
        };
        Status {
            name: name.to_owned(),
            children: seen.children.values().map(child).collect(),
            end: seen.end.clone(),
        }
    }

    /// Waits for the end, or until the deadline.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> Option<SupervisorEnd> {
        let mut seen = self.seen();
        loop {
            if let Some(end) = &seen.end {
                return Some(end.clone());
            }
            seen = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self.ended.wait(seen).unwrap_or_else(|poisoned| poisoned.into_inner()),
                Some(left) if left.is_zero() => return None,
                Some(left) => {
                    let waited = self.ended.wait_timeout(seen, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
            };
        }
    }
}
