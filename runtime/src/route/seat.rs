//! Where the one sits who looks after a child: its attendant, or someone who waits for the child.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::attendant::{Attendance, Sitting};
use super::life::{End, Life};
use crate::launch;
use crate::outcome::ExitReason;
use crate::sys;
use crate::wire::{Carrier, OwnedBody};

/// Where a child's attendant sits, until someone who waits for the child takes the place.
#[derive(Clone)]
pub(crate) struct Seat(Arc<Place>);

struct Place {
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    /// There is no child yet.
    Expecting,
    Free(Box<Sitting>),
    /// Somebody looks after the child for a while.
    Lent,
    /// Somebody looks after the child to its end.
    Taken,
    /// There will be no child.
    Void,
}

/// A seat for a child that is not there yet, with a thread that will look after it. Dropping this says
/// that there will be no child.
pub(crate) struct Reserved {
    seat: Seat,
    thread: Option<JoinHandle<()>>,
}

/// How long the attendant leaves its seat to whoever wants to wait: less than a child needs until
/// it says anything, so nothing is missed. Who starts a process and joins it at once then meets
/// it without a detour through another thread.
const DEFERENCE: Duration = Duration::from_micros(1000);

impl Reserved {
    /// Makes the thread, on the caller's behalf: what it prints is captured where the caller's is.
    ///
    /// It also lays ready what the next start over this carrier needs.
    pub(crate) fn new(carrier: Carrier) -> std::io::Result<Self> {
        let place = Place { state: Mutex::new(State::Expecting), changed: Condvar::new() };
        let seat = Seat(Arc::new(place));
        let own = seat.clone();
        sys::run_aside("procession-attendant", move || {
            if own.expect() {
                launch::lay_ready(carrier);
                own.stay(own.defer());
            }
        })
        .map(|thread| Reserved { seat, thread: Some(thread) })
    }

    /// The child is there.
    pub(crate) fn begin(mut self, attendance: Attendance) -> Seat {
        self.thread = None;
        self.seat.leave(Box::new(attendance.sit()));
        self.seat.clone()
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        *self.seat.state() = State::Void;
        self.seat.0.changed.notify_all();
        // It only has to end. Where there is no child for want of threads it must not be in the way of
        // the next start.
        let _ = thread.join();
    }
}

impl Seat {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until it is known whether there is a child; whether there is.
    fn expect(&self) -> bool {
        let mut state = self.state();
        while matches!(*state, State::Expecting) {
            state = self.0.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        !matches!(*state, State::Void)
    }

    /// Leaves the seat for a moment to whoever wants to wait for a child whose outcome nobody reads, and
    /// waits for it to be given back. Nobody takes it between that and what follows.
    fn defer(&self) -> MutexGuard<'_, State> {
        let until = Instant::now() + DEFERENCE;
        let mut state = self.state();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            state = match &*state {
                State::Free(sitting) if sitting.may_wait() && !left.is_zero() => {
                    let waited = self.0.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
                State::Lent => {
                    self.0.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner())
                }
                _ => return state,
            };
        }
    }

    /// Gives the seat free.
    fn leave(&self, sitting: Box<Sitting>) {
        *self.state() = State::Free(sitting);
        self.0.changed.notify_all();
    }

    /// Takes the seat and stays until the child has ended, unless it is taken.
    pub(crate) fn attend(&self) {
        self.stay(self.state());
    }

    fn stay(&self, mut state: MutexGuard<'_, State>) {
        if !matches!(*state, State::Free(_)) {
            return;
        }
        let taken = std::mem::replace(&mut *state, State::Taken);
        drop(state);
        if let State::Free(sitting) = taken {
            let life = Arc::clone(&sitting.life);
            guarded(&life, || sitting.stay());
        }
    }

    /// Takes the seat until the value of the child is there, or until it has ended; `None` if it has
    /// none, the seat is taken, or the value has to be waited for elsewhere.
    pub(crate) fn value(&self) -> Option<OwnedBody> {
        let mut state = self.state();
        if !matches!(&*state, State::Free(sitting) if sitting.has_value()) {
            return None;
        }
        let taken = std::mem::replace(&mut *state, State::Lent);
        drop(state);
        let State::Free(mut sitting) = taken else { return None };
        let life = Arc::clone(&sitting.life);
        let value = guarded(&life, || {
            let value = sitting.value();
            if value.is_some() {
                self.leave(sitting);
            } else {
                sitting.bury();
            }
            value
        });
        if value.is_none() {
            *self.state() = State::Taken;
            self.0.changed.notify_all();
        }
        value
    }
}

/// What panics here would leave everyone waiting who waits for the child.
fn guarded<T: Default>(life: &Arc<Life>, attend: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(attend)).unwrap_or_else(|_| {
        let _ = life.watch().signal(sys::SIGKILL);
        life.finish(|watch, _, _| {
            watch.reap();
            let reason = ExitReason::Lost("whoever looked after it panicked".to_owned());
            End { reason, value: None }
        });
        T::default()
    })
}
