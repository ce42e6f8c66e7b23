//! The life of one child, as everyone who holds it sees it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::task::Waker;
use std::time::Instant;
use std::{fmt, io};

use super::edge::{Edge, Mourner};
use super::router;
use crate::id::ProcessId;
use crate::outcome::{ExitReason, Intent};
use crate::sys::{self, Pidfd, Wake};
use crate::wire::OwnedBody;

/// One child, from its start to after its end.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) id: ProcessId,
    number: u64,
    watch: Arc<Pidfd>,
    edge: Arc<Edge>,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug)]
struct State {
    terminated: bool,
    intent: Option<Intent>,
    /// Who hears of its end before others.
    mourner: Mourning,
    end: Option<End>,
    /// Whether others hear of its end.
    published: bool,
    wakers: Vec<Waker>,
}

/// Keeps the listener without showing it to `Debug`.
struct Mourning(Option<Mourner>);

impl fmt::Debug for Mourning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mourning")
    }
}

/// How it ended and what it left.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) reason: ExitReason,
    pub(crate) value: Option<OwnedBody>,
}

/// The children of this process that are not known to have ended.
static LIVING: Mutex<BTreeMap<u64, Weak<Life>>> = Mutex::new(BTreeMap::new());

fn registered() -> MutexGuard<'static, BTreeMap<u64, Weak<Life>>> {
    LIVING.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The children of this process that are not known to have ended, the oldest first.
pub(crate) fn living() -> Vec<Arc<Life>> {
    registered().values().filter_map(Weak::upgrade).collect()
}

/// The child of this process with that number, if it is not known to have ended.
pub(super) fn child(number: u64) -> Option<Arc<Life>> {
    registered().get(&number).and_then(Weak::upgrade)
}

impl Life {
    /// Begins with a child that exists.
    pub(crate) fn begin(
        pid: u32,
        name: String,
        (id, number): (ProcessId, u64),
        watch: Arc<Pidfd>,
        wake: Wake,
        mourner: Option<Mourner>,
    ) -> Arc<Self> {
        let mourner = Mourning(mourner);
        let state = State {
            terminated: false,
            intent: None,
            mourner,
            end: None,
            published: false,
            wakers: Vec::new(),
        };
        let (state, ended) = (Mutex::new(state), Condvar::new());
        let edge = Edge::new(wake);
        let life = Arc::new(Life { pid, name, id, number, watch, edge, state, ended });
        registered().insert(number, Arc::downgrade(&life));
        life
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn watch(&self) -> &Pidfd {
        &self.watch
    }

    /// The connection to it besides its lanes.
    pub(crate) fn edge(&self) -> &Arc<Edge> {
        &self.edge
    }

    /// Asks it to stop: now, or as soon as it can hear.
    pub(crate) fn ask_to_stop(&self) {
        self.edge.stop();
    }

    /// Sends SIGTERM, unless the child has ended.
    pub(crate) fn terminate(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.end.is_none() {
            self.watch.signal(sys::SIGTERM)?;
            state.terminated = true;
        }
        Ok(())
    }

    /// Sends SIGKILL for a reason, unless the child has ended. The first reason counts.
    pub(crate) fn kill(&self, intent: Intent) -> io::Result<()> {
        let mut state = self.state();
        if state.end.is_none() {
            self.watch.signal(sys::SIGKILL)?;
            state.intent.get_or_insert(intent);
        }
        Ok(())
    }

    /// Kills it and everything that descends from it.
    pub(crate) fn kill_tree(&self) {
        let mut state = self.state();
        // Ends are published under this lock and after the reaping, so the pid is still its own.
        if state.end.is_none() {
            state.intent.get_or_insert(Intent::Kill);
            sys::kill_tree(self.pid);
        }
    }

    /// Nobody hears of its end but who waits for it: it was never known.
    pub(crate) fn unmourned(&self) {
        self.state().mourner.0 = None;
    }

    /// Reaps it and publishes what follows from that, once: later calls do nothing.
    ///
    /// In between, whoever started it hears of the end, and then those whose rights to an answer
    /// are lost with it. So who has waited for the end finds all that settled.
    pub(super) fn finish(
        self: &Arc<Self>,
        conclude: impl FnOnce(&Pidfd, bool, Option<Intent>) -> End,
    ) {
        let mut state = self.state();
        // It is there and unpublished only where what follows here has panicked.
        if state.end.is_none() {
            let intent = state.intent.clone();
            let end = conclude(&self.watch, state.terminated, intent);
            let reason = end.reason.clone();
            state.end = Some(end);
            let mourner = state.mourner.0.take();
            drop(state);
            self.bid_farewell(mourner, &reason);
            state = self.state();
        }
        state.published = true;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        registered().remove(&self.number);
        self.ended.notify_all();
        wakers.into_iter().for_each(super::asks::wake);
        self.edge.release();
    }

    /// Tells those who hear of its end before others do.
    fn bid_farewell(self: &Arc<Self>, mourner: Option<Mourner>, reason: &ExitReason) {
        self.edge.close().into_iter().for_each(router::did_not_go);
        if let Some(mourner) = mourner
            && let Err(payload) = catch_unwind(AssertUnwindSafe(|| mourner(&self.edge, reason)))
        {
            std::mem::forget(payload);
        }
        for right in self.edge.take_rights() {
            router::lose(right, self, reason);
        }
    }

    /// How it ended, if it has.
    pub(crate) fn reason(&self) -> Option<ExitReason> {
        self.state().published_end().map(|end| end.reason.clone())
    }

    /// How it ended, if it has; otherwise the waker is woken when it does.
    pub(crate) fn poll(&self, waker: &Waker) -> Option<ExitReason> {
        let mut state = self.state();
        let reason = state.published_end().map(|end| end.reason.clone());
        if reason.is_none() && !state.wakers.iter().any(|other| other.will_wake(waker)) {
            state.wakers.push(waker.clone());
        }
        reason
    }

    /// Waits for its end until the deadline.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Option<ExitReason> {
        let mut state = self.state();
        loop {
            if let Some(end) = state.published_end() {
                return Some(end.reason.clone());
            }
            state = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self.ended.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner()),
                Some(left) if left.is_zero() => return None,
                Some(left) => {
                    let waited = self.ended.wait_timeout(state, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
            };
        }
    }

    /// Takes what it left.
    pub(crate) fn take_value(&self) -> Option<OwnedBody> {
        self.state().end.as_mut().and_then(|end| end.value.take())
    }
}

impl State {
    fn published_end(&self) -> Option<&End> {
        self.end.as_ref().filter(|_| self.published)
    }
}
