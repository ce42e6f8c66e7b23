//! Words between this worker and its parent: up, and what came down.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::sys::SetOnce;
use crate::wire::{Fault, Outgoing, Packet, Short, UpSender, Word, longest};

/// The way up.
static UP: SetOnce<Up> = SetOnce::new();

struct Up {
    sender: UpSender,
    /// The most bytes that a word may have.
    longest: usize,
    turns: Mutex<Turns>,
    free: Condvar,
}

#[derive(Default)]
struct Turns {
    /// Whether somebody sends: the frames of two words would mix.
    busy: bool,
    /// What goes after that, in order. It is for whoever sends now to see to.
    later: VecDeque<Outgoing>,
    bytes: usize,
}

/// So much is kept for later, in words and in bytes. Those who keep to their credits do not get there.
const MOST: (usize, usize) = (4096, 16 << 20);

static LOCAL: Inlet<Vec<u8>> = Inlet::new();
static PACKETS: Inlet<Packet> = Inlet::new();

/// Opens the way up, once. It is never closed: the process ends before.
#[inline]
pub(super) fn open(up: UpSender, limit: usize) {
    let (turns, free) = (Mutex::default(), Condvar::new());
    UP.set(Up { sender: up, longest: longest(limit), turns, free });
}

fn way_up() -> Option<&'static Up> {
    // A copy made by `fork` would talk in between.
    UP.get().filter(|_| super::context::is_original())
}

impl Up {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn wait<'a>(&self, turns: MutexGuard<'a, Turns>) -> MutexGuard<'a, Turns> {
        self.free.wait(turns).unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until nobody else sends, until the deadline if there is one.
    fn turn(&'static self, deadline: Option<Instant>) -> Option<UpTurn> {
        let mut turns = self.turns();
        while turns.busy {
            turns = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => return None,
                Some(left) => {
                    let waited = self.free.wait_timeout(turns, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
                None => self.wait(turns),
            };
        }
        turns.busy = true;
        Some(UpTurn(self))
    }

    fn outgoing(&self, word: &Word) -> Result<Outgoing, Fault> {
        let word = Outgoing::new(word);
        if word.len() > self.longest { Err(Short::Memory.into()) } else { Ok(word) }
    }
}

/// The turn to send a word up, until this is dropped. What was to go later goes then.
pub(crate) struct UpTurn(&'static Up);

impl Drop for UpTurn {
    fn drop(&mut self) {
        let mut turns = self.0.turns();
        let next = turns.next();
        turns.busy = next.is_some();
        drop(turns);
        self.0.free.notify_all();
        if let Some(word) = next {
            UpTurn(self.0).finish_elsewhere(word);
        }
    }
}

/// How long the parent may take no part of a word before somebody else waits for that: of one whose
/// sender may wait, and of any other.
const PATIENCE: Duration = Duration::from_millis(100);
const MOMENT: Duration = Duration::from_millis(1);

impl UpTurn {
    /// Sends a word. The parent takes its first part at once, and if it does not go on to take the
    /// rest, a thread waits for that.
    pub(crate) fn send(self, word: &Word) -> Result<(), Fault> {
        let mut word = self.0.outgoing(word)?;
        self.0.sender.frame(&word)?;
        if word.gone() { Ok(()) } else { self.go_on(word, PATIENCE) }
    }

    /// Sends a word, or the rest of it, as long as the parent takes each part within that time; otherwise
    /// a thread does.
    fn go_on(self, mut word: Outgoing, patience: Duration) -> Result<(), Fault> {
        let sender = &self.0.sender;
        while sender.takes_more(Some(Instant::now() + patience)) {
            sender.frame(&word)?;
            if word.gone() {
                return Ok(());
            }
        }
        self.finish_elsewhere(word);
        Ok(())
    }

    fn finish_elsewhere(self, word: Outgoing) {
        let rest = Arc::new(Mutex::new(Some((self, word))));
        let finish = |rest: &Mutex<Option<(UpTurn, Outgoing)>>| {
            let taken = rest.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
            if let Some((turn, word)) = taken {
                turn.finish(word);
            }
        };
        let theirs = Arc::clone(&rest);
        if crate::sys::run_aside("procession-up", move || finish(&theirs)).is_err() {
            finish(&rest);
        }
    }

    /// Sends a word to its end, and all that was to go later.
    fn finish(self, mut word: Outgoing) {
        loop {
            if self.0.sender.frame(&word).is_err() {
                // The parent has gone, and so have we in a moment.
                *self.0.turns() = Turns { busy: true, ..Turns::default() };
                return;
            }
            if word.gone() {
                let next = self.0.turns().next();
                self.0.free.notify_all();
                match next {
                    Some(next) => word = next,
                    None => return,
                }
            }
        }
    }
}

impl Turns {
    /// What goes next of what was to go later.
    fn next(&mut self) -> Option<Outgoing> {
        let next = self.later.pop_front()?;
        self.bytes -= next.len();
        Some(next)
    }

    /// Keeps a word for later, if there is room for it.
    fn keep(&mut self, word: Outgoing) -> Result<(), Outgoing> {
        if self.later.len() >= MOST.0 || self.bytes >= MOST.1 {
            return Err(word);
        }
        self.bytes += word.len();
        self.later.push_back(word);
        Ok(())
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
    let word = up.outgoing(word)?;
    let _turn = up.turn(None);
    up.sender.send(&word)
}

/// Sends a word to the parent after those before it, and waits a moment at the most for that to take it.
/// From any thread.
///
/// [`Fault::NoRoom`] says that the word is longer than this process may send.
pub(crate) fn up_in_time(word: &Word) -> Result<(), Fault> {
    let up = way_up().ok_or(Fault::Gone)?;
    let mut word = up.outgoing(word)?;
    let mut turns = up.turns();
    while turns.busy {
        match turns.keep(word) {
            Ok(()) => return Ok(()),
            Err(back) => word = back,
        }
        turns = up.wait(turns);
    }
    turns.busy = true;
    drop(turns);
    UpTurn(up).go_on(word, MOMENT)
}

/// Waits until the parent has taken all that was said to it: who leaves is not heard any more.
#[inline]
pub(crate) fn settle() {
    let Some(up) = way_up() else { return };
    let mut turns = up.turns();
    while turns.busy {
        turns = up.wait(turns);
    }
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
#[unsafe(link_section = ".procession.start")]
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
    #[unsafe(link_section = ".procession.start")]
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
