//! The lock around a pool's state, and who turns the crank.
//!
//! Whoever waits for results turns the crank: one thread at a time is the *pump* and sleeps on the
//! gong until a worker has something to say; others wait until it has brought them news. While
//! nobody waits, the keeper does it. A worker knows which of the two to wake.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::call::{News, Sink, lock};
use super::callbacks::Callbacks;
use super::chunk::Chunk;
use super::hand::Hand;
use super::keeper::Spec;
use super::state::{End, Phase, State};
use crate::outcome::ExitReason;
use crate::sys::monotonic_nanos;
use crate::wire::{self, Gong, Patience, Sleeper};

/// A pool, as its handle, its tickets and its keeper share it.
pub(super) struct Shared {
    crank: Mutex<Crank>,
    news: Condvar,
    pub(super) gong: Arc<Gong>,
    pub(super) callbacks: Callbacks,
    pub(super) spec: Spec,
}

/// The state, and who waits for it.
pub(super) struct Crank {
    pub(super) state: State,
    /// Somebody who waits is the pump.
    pumped: bool,
    /// How many others wait for news.
    waiting: usize,
    /// When the keeper will look by itself, in nanoseconds; 0 while it does.
    keeper_until: u64,
    /// The same of the pump.
    pump_until: u64,
    /// When somebody else than the keeper turned the crank, in nanoseconds.
    turned: u64,
    patience: Patience,
}

impl Shared {
    pub(super) fn new(state: State, gong: Gong, spec: Spec) -> Arc<Self> {
        let (pumped, waiting, keeper_until, pump_until, turned) = (false, 0, 0, 0, 0);
        let patience = Patience::new();
        let crank = Crank { state, pumped, waiting, keeper_until, pump_until, turned, patience };
        Arc::new(Shared {
            crank: Mutex::new(crank),
            news: Condvar::new(),
            gong: Arc::new(gong),
            callbacks: Callbacks::default(),
            spec,
        })
    }

    /// Looks at the state, or changes it; what follows from that is seen to at once.
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut State, u64) -> R) -> R {
        let mut crank = lock(&self.crank);
        let now = monotonic_nanos();
        let result = change(&mut crank.state, now);
        crank.turn(now);
        self.leave(crank, now);
        result
    }

    /// Looks, when what is there was heard.
    pub(super) fn heard<R>(&self, look: impl FnOnce(&mut State, u64) -> R) -> R {
        let mut crank = lock(&self.crank);
        let now = monotonic_nanos();
        crank.turn(now);
        let result = look(&mut crank.state, now);
        self.leave(crank, now);
        result
    }

    /// Only looks.
    pub(super) fn look<R>(&self, look: impl FnOnce(&mut State, u64) -> R) -> R {
        look(&mut lock(&self.crank).state, monotonic_nanos())
    }

    /// A worker has ended. Called by its attendant.
    pub(super) fn ended(&self, seat: usize, generation: u64, reason: &ExitReason) {
        let reason = reason.clone();
        lock(&self.crank).state.ends.push(End { seat, generation, reason });
        self.gong.ring(Sleeper::Pump);
        self.gong.ring(Sleeper::Keeper);
    }

    /// Turns the crank until there is an answer, or until the deadline.
    pub(super) fn wait<R>(
        &self,
        deadline: Option<Instant>,
        mut done: impl FnMut(&mut State, u64) -> Option<R>,
    ) -> Option<R> {
        let mut crank = lock(&self.crank);
        loop {
            let now = monotonic_nanos();
            crank.turn(now);
            let result = done(&mut crank.state, now);
            if result.is_some() || deadline.is_some_and(|at| at <= Instant::now()) {
                self.leave(crank, now);
                return result;
            }
            let told = self.tell(&mut crank, now);
            if !told.is_empty() {
                drop(crank);
                self.spread(told);
                // What this thread waits for may have come meanwhile, by another's hands.
                crank = lock(&self.crank);
            } else if crank.pumped {
                crank.waiting += 1;
                crank = self.sleep_for_news(crank, deadline);
                crank.waiting -= 1;
            } else {
                crank = self.pump(crank, deadline);
            }
        }
    }

    /// Waits until another thread brings news, or is the pump no longer.
    fn sleep_for_news<'a>(
        &self,
        crank: MutexGuard<'a, Crank>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, Crank> {
        match deadline {
            None => self.news.wait(crank).unwrap_or_else(|poisoned| poisoned.into_inner()),
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                let waited = self.news.wait_timeout(crank, left);
                waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
            }
        }
    }

    /// Waits until a worker has something to say.
    fn pump<'a>(
        &'a self,
        mut crank: MutexGuard<'a, Crank>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, Crank> {
        let value = self.gong.value(Sleeper::Pump);
        crank.pumped = true;
        let mut patience = std::mem::replace(&mut crank.patience, Patience::new());
        drop(crank);
        let found = patience.look(|| {
            self.gong.value(Sleeper::Pump) != value || lock(&self.crank).state.has_enough()
        });
        crank = lock(&self.crank);
        crank.patience = patience;
        if !found {
            crank.state.arm(Sleeper::Pump);
        }
        if !found && !crank.state.has_enough() {
            let now = monotonic_nanos();
            // It may have become time for a start since the crank was turned.
            self.call_keeper(&mut crank, now);
            let next = crank.time_to_wake(now);
            crank.pump_until = next.unwrap_or(u64::MAX);
            let until = next.map(|at| Duration::from_nanos(at.saturating_sub(now)));
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let limit = until.into_iter().chain(left).min();
            drop(crank);
            self.gong.sleep(Sleeper::Pump, value, limit);
            crank = lock(&self.crank);
        }
        crank.pump_until = 0;
        crank.state.disarm();
        crank.pumped = false;
        crank
    }

    /// Tells others what concerns them. What is to be spread without the lock is the answer.
    fn tell(&self, crank: &mut Crank, now: u64) -> Vec<News> {
        if std::mem::take(&mut crank.state.desk.delivered) {
            self.notify(crank);
        }
        self.call_keeper(crank, now);
        self.take_news(crank)
    }

    /// Gives the lock back, and leaves the crank to whoever waits, or to the keeper.
    fn leave(&self, mut crank: MutexGuard<'_, Crank>, now: u64) {
        let delivered = std::mem::take(&mut crank.state.desk.delivered);
        if delivered || (crank.waiting > 0 && !crank.pumped) {
            self.notify(&crank);
        }
        let unwatched = crank.waiting == 0 && !crank.pumped;
        if unwatched && !crank.is_left_alone() {
            crank.state.arm(Sleeper::Keeper);
            if crank.state.has_news() {
                self.gong.ring(Sleeper::Keeper);
            }
        }
        self.call_keeper(&mut crank, now);
        let news = self.take_news(&mut crank);
        drop(crank);
        self.spread(news);
    }

    /// Has all who wait look whether what they wait for has come. The pump waits for something as
    /// well, and no worker may ever ring for it.
    fn notify(&self, crank: &Crank) {
        if crank.waiting > 0 {
            self.news.notify_all();
        }
        if crank.pumped {
            self.gong.ring(Sleeper::Pump);
        }
    }

    /// What is to be spread once the lock is given back. Callbacks count as pending from now on, so
    /// that whoever sees that a task has ended waits for its callback too.
    fn take_news(&self, crank: &mut Crank) -> Vec<News> {
        let news = std::mem::take(&mut crank.state.desk.news);
        let calls = news.iter().filter(|news| matches!(news, News::Call(..))).count();
        self.callbacks.expect(calls);
        news
    }

    /// Wakes the keeper where there is something that only it does, and whoever turns the crank where
    /// there is something sooner than it thinks.
    fn call_keeper(&self, crank: &mut Crank, now: u64) {
        let next = crank.next_time(now);
        let sooner = |until: u64| next.is_some_and(|next| next < until);
        // 0 is never later: who is awake looks by itself.
        if crank.pumped && sooner(crank.pump_until) {
            crank.pump_until = 0;
            self.gong.ring(Sleeper::Pump);
        }
        if crank.keeper_until == 0 {
            return;
        }
        let due = !crank.pumped && sooner(crank.keeper_until);
        if due || crank.state.wanted(now).is_some() || crank.state.is_finished() {
            crank.keeper_until = 0;
            self.gong.ring(Sleeper::Keeper);
        }
    }

    /// Wakes and calls back whom the news are for, with no lock held.
    fn spread(&self, news: Vec<News>) {
        for one in news {
            match one {
                News::Wake(waker) => {
                    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                        std::mem::forget(payload);
                    }
                }
                News::Call(callback, delivery) => self.callbacks.call_expected(callback, delivery),
            }
        }
    }

    /// What the keeper does: turns the crank while nobody else does, until there is an answer.
    pub(super) fn keep<R>(&self, mut order: impl FnMut(&mut State, u64) -> Option<R>) -> R {
        let mut crank = lock(&self.crank);
        loop {
            let now = monotonic_nanos();
            crank.keeper_until = 0;
            let rests = crank.is_left_alone() && now < crank.turned.saturating_add(MOMENT);
            if !crank.pumped && !rests {
                crank.state.turn(now);
            }
            if let Some(order) = order(&mut crank.state, now) {
                let told = self.tell(&mut crank, now);
                drop(crank);
                self.spread(told);
                return order;
            }
            let told = self.tell(&mut crank, now);
            if !told.is_empty() {
                drop(crank);
                self.spread(told);
                // There may be something to do by now, and nobody calls who seems to be awake.
                crank = lock(&self.crank);
                continue;
            }
            let value = self.gong.value(Sleeper::Keeper);
            let mut limit = None;
            if !crank.pumped {
                if crank.waiting > 0 {
                    // One of them turns the crank from now on.
                    self.news.notify_all();
                }
                if !rests {
                    crank.state.arm(Sleeper::Keeper);
                    if crank.state.has_enough() {
                        continue;
                    }
                }
                limit = if rests { crank.next_time(now) } else { crank.time_to_wake(now) };
            }
            crank.keeper_until = limit.unwrap_or(u64::MAX);
            drop(crank);
            let limit = limit.map(|at| Duration::from_nanos(at.saturating_sub(now)));
            self.gong.sleep(Sleeper::Keeper, value, limit);
            crank = lock(&self.crank);
        }
    }

    /// Has a worker looked after that the keeper has started.
    pub(super) fn arrived(&self, arrive: impl FnOnce(&mut State, u64)) {
        let mut crank = lock(&self.crank);
        let now = monotonic_nanos();
        arrive(&mut crank.state, now);
        if crank.pumped {
            // It may be asleep, and has not told the new one that it wants to hear.
            crank.state.arm(Sleeper::Pump);
            self.gong.ring(Sleeper::Pump);
        }
    }
}

/// So long whoever maps or takes results is left alone with the pool, in nanoseconds: it will be back.
const MOMENT: u64 = 2_000_000;

/// A worker that has looked for a sleeper does not look again for two milliseconds, by a clock that may be
/// behind by ten. What it publishes in that time would lie there for as long as the next task takes: who
/// sleeps looks by itself after so many nanoseconds. No worker is given a task behind one that is known to
/// be long, so that is rare.
const UNTOLD: u64 = 13_000_000;

impl Crank {
    fn turn(&mut self, now: u64) {
        self.state.turn(now);
        self.turned = now;
    }

    /// Whether nobody watches the workers, and nothing follows for the moment from what they answer.
    fn is_left_alone(&self) -> bool {
        let unwatched = !self.pumped && self.waiting == 0;
        unwatched && self.state.desk.outstanding > 0 && !self.state.is_urgent()
    }

    /// When who sleeps until there is something to be heard is to look all the same, in nanoseconds.
    fn time_to_wake(&mut self, now: u64) -> Option<u64> {
        let untold = self.state.may_keep_quiet().then(|| now.saturating_add(UNTOLD));
        let next = self.state.next_time(now).into_iter().chain(untold);
        self.state.hands().filter_map(Hand::patient_until).chain(next).min()
    }

    /// When something is to be seen to though nobody says so, in nanoseconds.
    fn next_time(&mut self, now: u64) -> Option<u64> {
        let look = self.is_left_alone().then(|| self.turned.saturating_add(MOMENT).max(now));
        self.state.next_time(now).into_iter().chain(look).min()
    }
}

impl State {
    fn hands(&self) -> impl Iterator<Item = &Hand> {
        self.seats.iter().filter_map(|seat| seat.hand.as_ref())
    }

    /// Whether a worker may publish a result and go on without a word.
    fn may_keep_quiet(&self) -> bool {
        self.hands().any(|hand| hand.link.can_recall() && hand.outstanding() > 1)
    }

    /// Whether there is something to be heard, now or in a moment.
    fn has_news(&self) -> bool {
        !self.ends.is_empty() || self.hands().any(|hand| hand.patient_until().is_some())
    }

    /// Whether there is something to be heard now.
    fn has_enough(&self) -> bool {
        !self.ends.is_empty() || self.hands().any(Hand::has_enough)
    }

    /// Has workers wake a sleeper from now on. What is there already is looked at after this.
    fn arm(&self, sleeper: Sleeper) {
        self.hands().for_each(|hand| hand.link.arm(sleeper));
        wire::fence();
    }

    fn disarm(&self) {
        self.hands().for_each(|hand| hand.link.disarm());
    }

    /// Whether something follows from what workers answer before somebody comes who wants it. Nothing
    /// does, for a moment, where all that is underway is of maps and streams and is with the workers.
    fn is_urgent(&self) -> bool {
        let idle = |hand: &Hand| !hand.preface.is_empty() || hand.leaving;
        let call =
            |chunk: &Chunk| matches!(chunk.call.sink, Sink::One(_)) || chunk.call.may_retry();
        self.desk.queued > 0
            || !self.ends.is_empty()
            || self.phase != Phase::Open
            || self.rules.idle_timeout.is_some()
            || self.hands().any(|hand| idle(hand) || hand.out.iter().any(call))
    }
}
