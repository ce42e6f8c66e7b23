//! What was lost, in one place.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Instant;

use crate::error::Loss;

/// A message that no actor will handle.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) actor: String,
    pub(crate) message_type: String,
    pub(crate) incarnation: u32,
    pub(crate) attempt: u32,
    pub(crate) loss: Loss,
    /// The message, encoded.
    pub(crate) row: Vec<u8>,
}

/// The most letters that are kept, and the most bytes of them: the oldest go first.
const KEPT: usize = 4096;
const BYTES: usize = 16 << 20;

#[derive(Default)]
struct Letters {
    letters: VecDeque<Letter>,
    /// The number of the first one that is kept.
    first: u64,
    bytes: usize,
}

static LETTERS: Mutex<Letters> =
    Mutex::new(Letters { letters: VecDeque::new(), first: 0, bytes: 0 });
static ARRIVED: Condvar = Condvar::new();

fn letters() -> MutexGuard<'static, Letters> {
    LETTERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Adds a letter.
pub(crate) fn post(letter: Letter) {
    let mut letters = letters();
    letters.bytes += letter.row.len();
    letters.letters.push_back(letter);
    while letters.letters.len() > KEPT || (letters.bytes > BYTES && letters.letters.len() > 1) {
        let bytes = letters.letters.pop_front().map_or(0, |letter| letter.row.len());
        letters.bytes -= bytes;
        letters.first += 1;
    }
    drop(letters);
    ARRIVED.notify_all();
}

/// The next letter from `at` on and its number, waiting for it until the deadline. Letters that are
/// not kept any more are left out, which the number shows.
pub(crate) fn next(at: u64, deadline: Option<Instant>) -> Option<(u64, Letter)> {
    if crate::sys::is_copy() && deadline.is_some() {
        // No letter comes to a fork, and the lock may be held by a thread that is not there.
        return None;
    }
    let mut letters = letters();
    loop {
        let number = at.max(letters.first);
        let index = usize::try_from(number - letters.first).unwrap_or(usize::MAX);
        if let Some(letter) = letters.letters.get(index) {
            return Some((number, letter.clone()));
        }
        letters = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
            Some(left) if left.is_zero() => return None,
            Some(left) => {
                let waited = ARRIVED.wait_timeout(letters, left);
                waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
            }
            None => ARRIVED.wait(letters).unwrap_or_else(|poisoned| poisoned.into_inner()),
        };
    }
}
