//! Children without processes, which do what a test says.

#![cfg(test)]

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::actor::{Address, ChildSpec, Gauge, Hold, Incarnation, Supervised};
use crate::error::SpawnError;
use crate::outcome::ExitReason;
use crate::policy::Restart;

/// Where the children live, and what has happened to them.
#[derive(Clone, Default)]
pub(super) struct World(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    log: Vec<String>,
    happened: usize,
    running: BTreeMap<String, Box<dyn FnOnce(ExitReason) + Send>>,
    failing: BTreeMap<String, usize>,
    stubborn: BTreeSet<String>,
    panicking: bool,
    pids: u32,
}

impl World {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn note(&self, id: &str, what: &str) {
        self.inner().note(id, what);
    }

    /// How much has happened ever.
    pub(super) fn happened(&self) -> usize {
        self.inner().happened
    }

    /// What has happened since this was last asked.
    pub(super) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().log)
    }

    pub(super) fn child(&self, id: &str, restart: Restart) -> Fake {
        let address = Address::nowhere();
        Fake { world: self.clone(), id: id.to_owned(), restart, address }
    }

    pub(super) fn spec(&self, id: &str) -> ChildSpec {
        ChildSpec(Box::new(self.child(id, Restart::Transient)))
    }

    /// The next starts of a child fail.
    pub(super) fn fail(&self, id: &str, times: usize) {
        self.inner().failing.insert(id.to_owned(), times);
    }

    /// A child does not end when asked to.
    pub(super) fn harden(&self, id: &str) {
        self.inner().stubborn.insert(id.to_owned());
    }

    /// The next start is a mistake of ours.
    pub(super) fn panic(&self) {
        self.inner().panicking = true;
    }

    /// A child's process ends. Whether there was one.
    pub(super) fn end(&self, id: &str, reason: ExitReason) -> bool {
        let ended = self.inner().running.remove(id);
        ended.map(|ended| ended(reason)).is_some()
    }

    /// A child's process ends, and nobody tells.
    pub(super) fn forget(&self, id: &str) {
        let forgotten = self.inner().running.remove(id);
        drop(forgotten);
    }

    pub(super) fn is_running(&self, id: &str) -> bool {
        self.inner().running.contains_key(id)
    }
}

impl Inner {
    fn note(&mut self, id: &str, what: &str) {
        self.log.push(format!("{id} {what}"));
        self.happened += 1;
    }
}

pub(super) struct Fake {
    world: World,
    id: String,
    restart: Restart,
    address: Address<u32>,
}

impl Supervised for Fake {
    fn id(&self) -> &str {
        &self.id
    }

    fn start(
        &mut self,
        ended: Box<dyn FnOnce(ExitReason) + Send>,
    ) -> Result<Incarnation, SpawnError> {
        let mut inner = self.world.inner();
        assert!(!inner.panicking, "as it was told");
        if let Some(times) = inner.failing.get_mut(&self.id).filter(|times| **times > 0) {
            *times -= 1;
            inner.note(&self.id, "fails");
            return Err(SpawnError::NotLinked { process: self.id.clone() });
        }
        inner.note(&self.id, "starts");
        let other = inner.running.insert(self.id.clone(), ended);
        assert!(other.is_none(), "{} runs twice", self.id);
        inner.pids += 1;
        let hold = Held { world: self.world.clone(), id: self.id.clone() };
        Ok(Incarnation::new(inner.pids, Arc::new(hold)))
    }

    fn give_up(&mut self, reason: &ExitReason) {
        assert!(!self.world.is_running(&self.id), "{} is given up alive", self.id);
        self.world.note(&self.id, &format!("given up: {reason}"));
    }

    fn restart(&self) -> Restart {
        self.restart
    }

    fn address(&self) -> &dyn Any {
        &self.address
    }

    fn message_type(&self) -> &'static str {
        "u32"
    }

    fn waiting(&self) -> Gauge {
        Box::new(|| 0)
    }
}

struct Held {
    world: World,
    id: String,
}

impl Hold for Held {
    fn ask_to_stop(&self) {
        self.world.note(&self.id, "asked");
        if !self.world.inner().stubborn.contains(&self.id) {
            self.world.end(&self.id, ExitReason::Finished);
        }
    }

    fn kill(&self) {
        self.world.note(&self.id, "killed");
        self.world.end(&self.id, ExitReason::Stopped);
    }
}
