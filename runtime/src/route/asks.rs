//! The asks of this process that wait for an answer.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::task::{Poll, Waker};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::error::Undelivered;
use crate::outcome::ExitReason;
use crate::wire::{OwnedBody, ReaderBell};

/// What an asker is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// The answer.
    Value(OwnedBody),
    /// There is none.
    Not(Unanswered),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unanswered {
    /// The right to answer was dropped.
    Dropped,
    /// It was given, and cannot be sent: the text why.
    Undeliverable(String),
    /// The message was not handled and will not be.
    NotDelivered(Undelivered),
    /// Its time is up.
    Late,
    /// A process died that had the message in hand, or the right to answer.
    Died { actor: String, pid: u32, reason: ExitReason },
}

/// One ask, from before its message is sent until its asker has heard or given up.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) number: u64,
    state: Mutex<State>,
    changed: Condvar,
    /// Whether it was told, for who looks often.
    heard: AtomicBool,
}

#[derive(Default)]
struct State {
    told: Option<Told>,
    /// Whether it is the asker's turn to read the lane that the answer comes over.
    turn: bool,
    waker: Option<Waker>,
    /// Wakes the asker where it reads the lane: the answer may come another way.
    bell: Option<Arc<ReaderBell>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("told", &self.told).finish_non_exhaustive()
    }
}

/// Why a sleeping asker woke.
pub(crate) enum Woken {
    Told(Told),
    Turn,
    Late,
}

static ASKS: OnceLock<Mutex<Asks>> = OnceLock::new();

type Asks = HashMap<u64, Arc<Ask>, BuildHasherDefault<Random>>;

/// Numbers of asks are as good as random already.
#[derive(Default)]
pub(crate) struct Random(u64);

impl Hasher for Random {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0 = self.0.rotate_left(8) ^ u64::from(byte));
    }

    fn write_u64(&mut self, number: u64) {
        // The table looks at the highest bits as well.
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

fn asks() -> MutexGuard<'static, Asks> {
    let asks = ASKS.get_or_init(Mutex::default);
    asks.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A number that no other ask of the tree has, and that nobody guesses.
fn next_number() -> u64 {
    static FIRST: OnceLock<u64> = OnceLock::new();
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let first = FIRST.get_or_init(random_number);
    first.wrapping_add(NUMBERS.fetch_add(1, Ordering::Relaxed))
}

/// A number that nobody guesses.
pub(crate) fn random_number() -> u64 {
    let bytes: [u8; 16] = crate::sys::random().unwrap_or_else(|_| {
        // Without randomness from the system: at least not the same in two processes.
        let time = u128::from(crate::sys::monotonic_nanos()) << 32;
        (time | u128::from(std::process::id())).to_le_bytes()
    });
    (u128::from_le_bytes(bytes) >> 32) as u64 ^ u128::from_le_bytes(bytes) as u64
}

/// Begins an ask. It waits for an answer until the answer is dropped.
pub(crate) fn begin() -> Asking {
    let ask = Arc::new(Ask::new(next_number()));
    asks().insert(ask.number, Arc::clone(&ask));
    Asking(ask)
}

/// An ask that was told already, and that nobody else knows.
pub(crate) fn lone(told: Told) -> Asking {
    let ask = Ask::new(0);
    ask.tell(told);
    Asking(Arc::new(ask))
}

/// Tells the asker of a number; whether somebody still waits for it.
pub(crate) fn tell(number: u64, told: Told) -> bool {
    let Some(ask) = asks().remove(&number) else { return false };
    ask.tell(told);
    true
}

/// Wakes a task: code of whoever polls it, whose mistakes are not ours.
pub(super) fn wake(waker: Waker) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        std::mem::forget(payload);
    }
}

/// An ask as its asker holds it.
#[derive(Debug)]
pub(crate) struct Asking(pub(crate) Arc<Ask>);

impl Drop for Asking {
    fn drop(&mut self) {
        if !crate::sys::is_copy() {
            asks().remove(&self.0.number);
        }
    }
}

impl Ask {
    fn new(number: u64) -> Self {
        let (state, changed, heard) = Default::default();
        Ask { number, state, changed, heard }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn tell(&self, told: Told) {
        let mut state = self.state();
        state.told.get_or_insert(told);
        self.heard.store(true, Ordering::Release);
        let (waker, bell) = (state.waker.take(), state.bell.take());
        drop(state);
        self.changed.notify_all();
        if let Some(bell) = bell {
            bell.toll();
        }
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    /// Has the asker look whether it may read the lane.
    pub(super) fn your_turn(&self) {
        self.state().turn = true;
        self.changed.notify_all();
    }

    /// Whether it was told.
    pub(crate) fn is_told(&self) -> bool {
        self.heard.load(Ordering::Acquire)
    }

    /// What it was told, if it was; otherwise it is about to read a lane, and this wakes it when it
    /// is told some other way.
    pub(super) fn take_or_read(&self, bell: Option<&Arc<ReaderBell>>) -> Option<Told> {
        let mut state = self.state();
        if state.told.is_none() {
            state.bell = bell.cloned();
        }
        state.told.take()
    }

    /// What it was told, if it was.
    pub(crate) fn take(&self) -> Option<Told> {
        self.state().told.take()
    }

    /// Sleeps until it is told, or it is its turn to read.
    pub(crate) fn sleep(&self, deadline: Instant) -> Woken {
        let mut state = self.state();
        loop {
            if let Some(told) = state.told.take() {
                return Woken::Told(told);
            }
            if std::mem::take(&mut state.turn) {
                return Woken::Turn;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Woken::Late;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    /// What it was told; otherwise the waker is woken when it is.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Told> {
        let mut state = self.state();
        match state.told.take() {
            Some(told) => Poll::Ready(told),
            None => {
                state.waker = Some(waker.clone());
                Poll::Pending
            }
        }
    }
}
