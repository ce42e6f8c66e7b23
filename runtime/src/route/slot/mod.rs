//! A slot: where the messages of one actor wait, in the process that spawned it.
//!
//! A slot outlives the processes that serve it, its incarnations. It knows of each message that is
//! not done where it lies, which rights to answer are in it, and how often it was tried, so that
//! after a crash there is no doubt which messages were never touched and which one was in hand.

mod kept;
mod line;
mod registry;
mod send;
mod serve;
mod transit;
mod watch;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::ThreadId;
use std::time::Duration;

use super::answers::Answers;
use super::edge::Edge;
use super::life::Life;
use crate::error::{Loss, Undelivered};
use crate::id::{ProcessId, Right, Target};

use kept::{Kept, Left, More};
pub(crate) use line::{Held, Line};
pub(crate) use registry::{close, find, open};
pub(crate) use send::Mail;
use send::Refusal;
pub(crate) use serve::{Fed, Taken};
use transit::Parked;
pub(crate) use transit::{Arrival, CREDIT};
use watch::End;

/// How an actor is served.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) name: String,
    pub(crate) message_type: &'static str,
    /// The most messages that wait.
    pub(crate) bound: usize,
    /// The most bytes that a message may have.
    pub(crate) max_message: usize,
    /// How often a message that was in hand when a process died is tried again.
    pub(crate) retries: u32,
    /// How long one message may be in hand.
    pub(crate) deadline: Option<Duration>,
}

/// Where the messages of one actor wait.
pub(crate) struct Slot {
    pub(crate) target: Target,
    pub(crate) terms: Terms,
    pub(crate) answers: Arc<Answers>,
    state: Mutex<State>,
    /// Messages were taken, or the slot changed.
    changed: Condvar,
    /// It is served by this very process.
    here: AtomicBool,
    /// It takes no more, for who waits for room without the lock.
    drained: AtomicBool,
}

struct State {
    status: Status,
    line: Line,
    kept: Kept,
    serving: Option<Serving>,
    incarnation: u32,
    last_end: Option<End>,
    /// From other processes, until there is room.
    parked: VecDeque<Parked>,
    pumping: bool,
    /// Processes that wait until what they sent has found room.
    senders: Vec<(ProcessId, Right)>,
    /// Who waits for room, one behind the other, and what is parked.
    queue: VecDeque<u64>,
    tickets: u64,
    watchers: HashMap<u64, Right>,
    /// Nobody holds the handle any more: it is forgotten when it is over.
    orphan: bool,
    /// Which thread of this process has a message in hand.
    hand: Option<ThreadId>,
    /// The clock looks after the handler's deadline.
    timed: bool,
}

#[derive(Clone, Debug)]
enum Status {
    Open,
    /// It takes no more, and handles what is there.
    Draining,
    Over(Undelivered),
}

/// The process that serves a slot.
#[derive(Clone)]
struct Serving {
    edge: Option<Arc<Edge>>,
    life: Option<Arc<Life>>,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// How many processes have served it, the present one included.
    pub(crate) fn incarnation(&self) -> u32 {
        self.state().incarnation
    }

    /// How many messages wait or are in hand.
    pub(crate) fn waiting(&self) -> usize {
        let mut state = self.state();
        state.prune();
        state.kept.len() + state.parked.len()
    }

    fn letter(&self, state: &State, left: Left, loss: Loss) -> super::letters::Letter {
        let More { crashes, mail, .. } = left.more;
        let row = match mail {
            Some((_, row)) => row,
            None => state.line.contents(left.start, left.end),
        };
        super::letters::Letter {
            actor: self.terms.name.clone(),
            message_type: self.terms.message_type.to_owned(),
            incarnation: state.incarnation,
            attempt: crashes + u32::from(matches!(loss, Loss::Crashed { .. })),
            loss,
            row,
        }
    }
}

impl State {
    /// Forgets the messages that are done.
    fn prune(&mut self) {
        let Ok((done, _)) = self.line.progress() else { return };
        self.kept.forget(done);
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("target", &self.target).field("terms", &self.terms).finish()
    }
}
