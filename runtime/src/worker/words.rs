//! Words between this worker and its parent: up, and what came down.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use crate::wire::{Fault, Outgoing, Packet, UpSender, Word, longest};

/// The way up.
static UP: OnceLock<Up> = OnceLock::new();

struct Up {
    sender: UpSender,
    /// The most bytes that a word may have.
    longest: usize,
    /// Whether somebody sends: the frames of two words would mix.
    busy: Mutex<bool>,
    free: Condvar,
}

static LOCAL: Inlet<Vec<u8>> = Inlet::new();
static PACKETS: Inlet<Packet> = Inlet::new();

/// Opens the way up, once. It is never closed: the process ends before.
pub(super) fn open(up: UpSender, limit: usize) {
    let (busy, free) = (Mutex::new(false), Condvar::new());
    let _ = UP.set(Up { sender: up, longest: longest(limit), busy, free });
}

fn way_up() -> Option<&'static Up> {
    // A copy made by `fork` would talk in between.
    UP.get().filter(|_| super::context::is_original())
}

impl Up {
    fn busy(&self) -> MutexGuard<'_, bool> {
        self.busy.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until nobody else sends, until the deadline if there is one.
    fn turn(&'static self, deadline: Option<Instant>) -> Option<UpTurn> {
        let mut busy = self.busy();
        while *busy {
            busy = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => return None,
                Some(left) => {
                    let waited = self.free.wait_timeout(busy, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
                None => self.free.wait(busy).unwrap_or_else(|poisoned| poisoned.into_inner()),
            };
        }
        *busy = true;
        Some(UpTurn(self))
    }
}

/// The turn to send a word up, until this is dropped.
pub(crate) struct UpTurn(&'static Up);

impl Drop for UpTurn {
    fn drop(&mut self) {
        *self.0.busy() = false;
        self.0.free.notify_one();
    }
}

/// How long the parent may take no part of a word before somebody else waits for that.
const PATIENCE: Duration = Duration::from_millis(100);

impl UpTurn {
    /// Sends a word. The parent takes its first part at once, and if it does not go on to take the
    /// rest, a thread waits for that.
    pub(crate) fn send(self, word: &Word) -> Result<(), Fault> {
        let mut word = Outgoing::new(word);
        if word.len() > self.0.longest {
            return Err(Fault::NoRoom);
        }
        let sender = &self.0.sender;
        loop {
            sender.frame(&word)?;
            if word.gone() {
                return Ok(());
            }
            if !sender.takes_more(Some(Instant::now() + PATIENCE)) {
                return self.finish_elsewhere(word);
            }
        }
    }

    fn finish_elsewhere(self, word: Outgoing) -> Result<(), Fault> {
        let rest = Arc::new(Mutex::new(Some((self, word))));
        let take = |rest: &Mutex<Option<_>>| {
            rest.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
        };
        let theirs = Arc::clone(&rest);
        let started = std::thread::Builder::new()
            .name("procession-up".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || {
                crate::sys::block_signals();
                if let Some((turn, word)) = take(&theirs) {
                    // If the parent has gone, so have we in a moment.
                    let _ = turn.finish(word);
                }
            });
        match started {
            Ok(_) => Ok(()),
            Err(_) => take(&rest).map_or(Ok(()), |(turn, word): (UpTurn, _)| turn.finish(word)),
        }
    }

    fn finish(self, mut word: Outgoing) -> Result<(), Fault> {
        loop {
            self.0.sender.frame(&word)?;
            if word.gone() {
                return Ok(());
            }
        }
    }
}

/// The turn to send a word up, if the parent takes one now.
pub(crate) fn up_now() -> Result<Option<UpTurn>, Fault> {
    let up = way_up().ok_or(Fault::Gone)?;
    let now = Some(Instant::now());
    Ok(up.turn(now).filter(|turn| turn.0.sender.takes_more(now)))
}

/// Waits until the parent may take a word, or until the deadline; whether it was in time.
pub(crate) fn wait_up(deadline: Instant) -> bool {
    let Some(up) = way_up() else { return true };
    let Some(turn) = up.turn(Some(deadline)) else { return false };
    drop(turn);
    up.sender.takes_more(Some(deadline))
}

/// Sends a word to the parent, and waits while the parent takes it, which it does unless it is
/// stopped. From any thread.
///
/// [`Fault::NoRoom`] says that the word is longer than this process may send.
pub(crate) fn up(word: &Word) -> Result<(), Fault> {
    let up = way_up().ok_or(Fault::Gone)?;
    let word = Outgoing::new(word);
    if word.len() > up.longest {
        return Err(Fault::NoRoom);
    }
    let _turn = up.turn(None);
    up.sender.send(&word)
}

/// Sends bytes that are no word, for tests.
#[cfg(test)]
pub(crate) fn up_rubbish(bytes: &[u8]) {
    UP.get().expect("a worker has a way up").sender.send_rubbish(bytes);
}

/// Hears what the parent says to this process alone. What it said before waits for this.
pub(crate) fn hear_local(handler: fn(Vec<u8>)) {
    super::control::hear();
    LOCAL.open(handler);
}

/// Has what comes from the parent for this process or one below be handed over. What came before
/// waits.
pub(crate) fn hear_packets(handler: fn(Packet)) {
    PACKETS.open(handler);
}

/// Takes a word from the parent.
pub(super) fn take(word: Word) {
    match word {
        Word::Local(bytes) => LOCAL.put(bytes),
        Word::Packet(packet) => PACKETS.put(packet),
    }
}

/// Where things arrive for someone who may not be there yet, in order and each once.
#[derive(Debug)]
pub(crate) struct Inlet<T: 'static>(Mutex<State<T>>);

#[derive(Debug)]
enum State<T: 'static> {
    Waiting(Vec<T>),
    Open(fn(T)),
}

impl<T> Inlet<T> {
    pub(crate) const fn new() -> Self {
        Inlet(Mutex::new(State::Waiting(Vec::new())))
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Hands it over, now or when someone is there.
    pub(crate) fn put(&self, one: T) {
        let handler = match &mut *self.state() {
            State::Waiting(waiting) => return waiting.push(one),
            State::Open(handler) => *handler,
        };
        give(handler, one);
    }

    /// Someone is there. Called by one thread; no lock is held while things are handed over.
    pub(crate) fn open(&self, handler: fn(T)) {
        loop {
            let waiting = match &mut *self.state() {
                State::Open(_) => return,
                State::Waiting(waiting) => std::mem::take(waiting),
            };
            if waiting.is_empty() {
                let mut state = self.state();
                // Something may have come in between.
                if matches!(&*state, State::Waiting(waiting) if waiting.is_empty()) {
                    *state = State::Open(handler);
                    return;
                }
            }
            waiting.into_iter().for_each(|one| give(handler, one));
        }
    }
}

/// A handler that panics has done what it could; the thread goes on with what comes next.
fn give<T>(handler: fn(T), one: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| handler(one))) {
        std::mem::forget(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static HEARD: Mutex<Vec<u32>> = Mutex::new(Vec::new());

    #[test]
    fn what_arrives_early_is_handed_over_in_order_and_a_panic_ends_nothing() {
        static INLET: Inlet<u32> = Inlet::new();
        INLET.put(1);
        INLET.put(2);

        INLET.open(|one| {
            HEARD.lock().unwrap().push(one);
            match one {
                1 => INLET.put(3),
                3 => panic!("three"),
                _ => {}
            }
        });
        INLET.put(4);

        assert_eq!(*HEARD.lock().unwrap(), [1, 2, 3, 4]);
    }
}
