//! The life of one child, as everyone who holds it sees it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::Instant;

use crate::id::ProcessId;
use crate::outcome::{ExitReason, Intent};
use crate::sys::{self, Pidfd};
use crate::wire::{ControlSender, OwnedBody};

/// One child, from its start to after its end.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) id: ProcessId,
    number: u64,
    watch: Arc<Pidfd>,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug)]
struct State {
    terminated: bool,
    intent: Option<Intent>,
    /// Whether it is to be asked to stop as soon as it can hear.
    stop_asked: bool,
    control: Option<ControlSender>,
    end: Option<End>,
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

impl Life {
    /// Begins with a child that exists.
    pub(crate) fn begin(
        pid: u32,
        name: String,
        (id, number): (ProcessId, u64),
        watch: Arc<Pidfd>,
    ) -> Arc<Self> {
        let state =
            State { terminated: false, intent: None, stop_asked: false, control: None, end: None };
        let (state, ended) = (Mutex::new(state), Condvar::new());
        let life = Arc::new(Life { pid, name, id, number, watch, state, ended });
        registered().insert(number, Arc::downgrade(&life));
        life
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn watch(&self) -> &Pidfd {
        &self.watch
    }

    /// The child has begun and can be told things.
    pub(super) fn hears(&self, control: ControlSender) {
        let mut state = self.state();
        if state.stop_asked {
            // If it is gone already, its end is about to be noticed.
            let _ = control.stop();
        }
        state.control = Some(control);
    }

    /// Asks it to stop: now, or as soon as it can hear.
    pub(crate) fn ask_to_stop(&self) {
        let mut state = self.state();
        // Asked once: a child that does not listen would let the channel fill up.
        if !std::mem::replace(&mut state.stop_asked, true)
            && let Some(control) = &state.control
        {
            let _ = control.stop();
        }
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

    /// Reaps it and publishes what follows from that, once: later calls do nothing.
    pub(super) fn finish(&self, conclude: impl FnOnce(&Pidfd, bool, Option<Intent>) -> End) {
        let mut state = self.state();
        if state.end.is_some() {
            return;
        }
        let intent = state.intent.clone();
        state.end = Some(conclude(&self.watch, state.terminated, intent));
        let control = state.control.take();
        drop(state);
        registered().remove(&self.number);
        self.ended.notify_all();
        drop(control);
    }

    /// How it ended, if it has.
    pub(crate) fn reason(&self) -> Option<ExitReason> {
        self.state().end.as_ref().map(|end| end.reason.clone())
    }

    /// Waits for its end until the deadline.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Option<ExitReason> {
        let mut state = self.state();
        loop {
            if let Some(end) = &state.end {
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
