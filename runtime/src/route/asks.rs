//! The asks of this process that wait for an answer.

use std::cell::Cell;
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

/// Who waits for an answer. A thread that waits is one for all its asks, one after the other.
#[derive(Debug)]
pub(crate) struct Ask {
    /// Of what it waits for; 0 while that is nothing. Changed by whoever asks, and what it is told is
    /// for the number that it has then.
    number: AtomicU64,
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

/// The threads that have asked and waited, by the end of their numbers.
static THREADS: [Mutex<Vec<Arc<Ask>>>; 1 << SHELVES] =
    [const { Mutex::new(Vec::new()) }; 1 << SHELVES];

/// How many bits of a thread's number say where it is among them.
const SHELVES: u32 = 6;

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
        // The table looks at the lowest bits, which are the same for many, and at the highest.
        self.0 = (number >> (SHELVES + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

fn asks() -> MutexGuard<'static, Asks> {
    let asks = ASKS.get_or_init(Mutex::default);
    asks.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A number that no other ask of the tree has, that nobody guesses, and that ends like this.
fn next_number(end: u64) -> u64 {
    static FIRST: OnceLock<u64> = OnceLock::new();
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let first = FIRST.get_or_init(random_number);
    let next = first.wrapping_add(NUMBERS.fetch_add(1, Ordering::Relaxed));
    next << (SHELVES + 1) | end
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
    let (number, ask) = (next_number(0), Arc::new(Ask::new()));
    ask.number.store(number, Ordering::Relaxed);
    asks().insert(number, Arc::clone(&ask));
    Asking { number, ask, thread: None }
}

/// Begins an ask that this thread is going to wait for.
pub(crate) fn begin_here() -> Asking {
    // A thread that asks in the course of asking is one more.
    let thread = OWN.try_with(Cell::take).ok().flatten().unwrap_or_else(Thread::new);
    let (number, ask) = (next_number(thread.shelf << 1 | 1), Arc::clone(&thread.ask));
    ask.number.store(number, Ordering::Release);
    Asking { number, ask, thread: Some(thread) }
}

/// An ask that was told already, and that nobody else knows.
pub(crate) fn lone(told: Told) -> Asking {
    let ask = Ask::new();
    ask.tell(0, told);
    Asking { number: 0, ask: Arc::new(ask), thread: None }
}

/// Tells the asker of a number; whether somebody still waits for it.
pub(crate) fn tell(number: u64, told: Told) -> bool {
    let ask = if number & 1 == 0 {
        asks().remove(&number)
    } else {
        let threads = shelf(number >> 1);
        threads.iter().find(|ask| ask.number.load(Ordering::Acquire) == number).cloned()
    };
    ask.is_some_and(|ask| ask.tell(number, told))
}

fn shelf(number: u64) -> MutexGuard<'static, Vec<Arc<Ask>>> {
    let threads = &THREADS[(number % (1 << SHELVES)) as usize];
    threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A thread that asks and waits.
#[derive(Debug)]
struct Thread {
    ask: Arc<Ask>,
    shelf: u64,
}

thread_local! {
    /// This one, while it does not.
    static OWN: Cell<Option<Thread>> = const { Cell::new(None) };
}

impl Thread {
    #[cold]
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let place = NEXT.fetch_add(1, Ordering::Relaxed) % (1 << SHELVES);
        let ask = Arc::new(Ask::new());
        shelf(place).push(Arc::clone(&ask));
        Thread { ask, shelf: place }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if !crate::sys::is_copy() {
            shelf(self.shelf).retain(|ask| !Arc::ptr_eq(ask, &self.ask));
        }
    }
}

/// Wakes a task: code of whoever polls it, whose mistakes are not ours.
pub(super) fn wake(waker: Waker) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        std::mem::forget(payload);
    }
}

/// An ask as its asker holds it.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) number: u64,
    pub(crate) ask: Arc<Ask>,
    /// Whose it is, if a thread waits for it.
    thread: Option<Thread>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        if crate::sys::is_copy() {
            return;
        }
        match self.thread.take() {
            Some(thread) => {
                self.ask.rest();
                // A thread that is ending, or has asked meanwhile, has no use for it.
                let _ = OWN.try_with(|own| own.set(Some(thread)));
            }
            None => drop(asks().remove(&self.number)),
        }
    }
}

impl Ask {
    fn new() -> Self {
        let (number, state, changed, heard) = Default::default();
        Ask { number, state, changed, heard }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Tells it what it asked with that number, unless it has given up.
    fn tell(&self, number: u64, told: Told) -> bool {
        let mut state = self.state();
        if self.number.load(Ordering::Relaxed) != number || state.told.is_some() {
            return false;
        }
        state.told = Some(told);
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
        true
    }

    /// Waits for nothing any more.
    fn rest(&self) {
        let mut state = self.state();
        self.number.store(0, Ordering::Relaxed);
        self.heard.store(false, Ordering::Relaxed);
        let left = std::mem::take(&mut *state);
        drop(state);
        drop(left);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer() -> Told {
        Told::Not(Unanswered::Dropped)
    }

    #[test]
    fn a_thread_waits_for_one_ask_after_the_other_and_hears_each_answer_once() {
        let outer = begin_here();
        let inner = begin_here();
        assert_ne!(outer.number, inner.number);
        assert!(tell(inner.number, answer()) && tell(outer.number, answer()));
        assert!(!tell(outer.number, answer()), "it was told");
        let numbers = [inner, outer].map(|asking| {
            assert!(matches!(asking.ask.sleep(Instant::now()), Woken::Told(_)));
            asking.number
        });

        let next = begin_here();
        assert!(numbers.iter().all(|&before| !tell(before, answer())), "nobody waits for those");
        assert!(!next.ask.is_told());
        assert!(matches!(next.ask.sleep(Instant::now()), Woken::Late));
    }

    #[test]
    fn an_answer_to_what_was_given_up_is_not_taken_for_the_next_one() {
        let late = begin_here().number;
        let next = begin_here();
        let waiting = std::thread::spawn(move || tell(late, answer()));
        assert!(!waiting.join().unwrap());

        let soon = Instant::now() + Duration::from_millis(1);
        assert!(matches!(next.ask.sleep(soon), Woken::Late));
        assert!(tell(next.number, answer()) && next.ask.is_told());
    }

    #[test]
    fn a_thread_that_ends_is_forgotten() {
        let (number, ask) = std::thread::spawn(|| {
            let asking = begin_here();
            (asking.number, Arc::downgrade(&asking.ask))
        })
        .join()
        .unwrap();

        assert!(!tell(number, answer()));
        assert!(ask.upgrade().is_none());
    }
}
