//! Words between this worker and its parent: up, and what came down.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, OnceLock};

use crate::wire::{Fault, Outgoing, Packet, UpSender, Word, longest};

/// The way up, and the most bytes that a word on it may have.
static UP: OnceLock<(Mutex<UpSender>, usize)> = OnceLock::new();

static LOCAL: Inlet<Vec<u8>> = Inlet::new();
static PACKETS: Inlet<Packet> = Inlet::new();

/// Opens the way up, once. It is never closed: the process ends before.
pub(super) fn open(up: UpSender, limit: usize) {
    let _ = UP.set((Mutex::new(up), longest(limit)));
}

/// Sends a word to the parent, and waits while the parent takes it, which it does unless it is
/// stopped. From any thread.
///
/// [`Fault::NoRoom`] says that the word is longer than this process may send.
pub(crate) fn up(word: &Word) -> Result<(), Fault> {
    // A copy made by `fork` would talk in between.
    let open = UP.get().filter(|_| super::context::is_original());
    let (sender, longest) = open.ok_or(Fault::Gone)?;
    let word = Outgoing::new(word);
    if word.len() > *longest {
        return Err(Fault::NoRoom);
    }
    sender.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).send(&word)
}

/// Sends bytes that are no word, for tests.
#[cfg(test)]
pub(crate) fn up_rubbish(bytes: &[u8]) {
    let (sender, _) = UP.get().expect("a worker has a way up");
    sender.lock().expect("no panic").send_rubbish(bytes);
}

/// Hears what the parent says to this process alone. What it said before waits for this.
pub(crate) fn hear_local(handler: fn(Vec<u8>)) {
    LOCAL.open(handler);
}

/// Hears what comes from the parent for this process or one below. What came before waits.
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
