//! What is to happen later: one thread for all of it, asleep until the next is due.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Instant;

/// What is done when its time has come. It never waits.
type Act = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Clock {
    due: BTreeMap<(Instant, u64), Act>,
    numbers: u64,
    runs: bool,
}

static CLOCK: Mutex<Clock> = Mutex::new(Clock { due: BTreeMap::new(), numbers: 0, runs: false });
static CHANGED: Condvar = Condvar::new();

fn clock() -> MutexGuard<'static, Clock> {
    CLOCK.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Something that is due. Dropping it calls it off.
#[derive(Debug)]
pub(crate) struct Timer((Instant, u64));

impl Drop for Timer {
    fn drop(&mut self) {
        if crate::sys::is_copy() {
            return;
        }
        let act = clock().due.remove(&self.0);
        drop(act);
    }
}

/// Has something done at a time; `None` if the system has no thread for that.
pub(crate) fn at(when: Instant, act: impl FnOnce() + Send + 'static) -> Option<Timer> {
    let mut clock = clock();
    if !clock.runs {
        crate::sys::run_aside("procession-clock", run).ok()?;
        clock.runs = true;
    }
    clock.numbers += 1;
    let key = (when, clock.numbers);
    let first = clock.due.first_key_value().is_none_or(|(&first, _)| key < first);
    clock.due.insert(key, Box::new(act));
    drop(clock);
    if first {
        CHANGED.notify_one();
    }
    Some(Timer(key))
}

fn run() {
    let mut clock = clock();
    loop {
        let now = Instant::now();
        let next = clock.due.first_key_value().map(|(&(when, _), _)| when);
        clock = match next {
            Some(when) if when <= now => {
                let act = clock.due.pop_first();
                drop(clock);
                // It may wake what a user polls.
                if let Some((_, act)) = act
                    && let Err(payload) = catch_unwind(AssertUnwindSafe(act))
                {
                    std::mem::forget(payload);
                }
                self::clock()
            }
            Some(when) => {
                let waited = CHANGED.wait_timeout(clock, when - now);
                waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
            }
            None => CHANGED.wait(clock).unwrap_or_else(|poisoned| poisoned.into_inner()),
        };
    }
}
