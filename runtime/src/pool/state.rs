//! A pool's workers and its queue, and one turn of the crank: what is there is heard, what waits
//! is given out. Nothing here waits.

use std::sync::Arc;
use std::time::Duration;

use super::call::Call;
use super::chunk::Chunk;
use super::desk::Desk;
use super::hand::Hand;
use crate::error::{PoolError, TaskFailure};
use crate::outcome::{ExitReason, Intent};
use crate::policy::Trouble;
use crate::wire::Fault;

/// What the pool's lock guards.
pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) seats: Vec<Seat>,
    pub(super) desk: Desk,
    /// Workers are started though nothing waits, until all are there.
    pub(super) prestart: bool,
    /// Maps that may still bring tasks though the pool is closed.
    pub(super) maps: u64,
    pub(super) rules: Rules,
    /// Ends that nobody has seen to.
    pub(super) ends: Vec<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// No further task is taken in.
    Closing,
    /// Every task has come to an end, and workers are killed.
    Over,
}

/// A place for a worker.
#[derive(Default)]
pub(super) struct Seat {
    pub(super) hand: Option<Hand>,
    /// The keeper is starting a worker for it.
    pub(super) starting: bool,
    /// How many workers it had.
    pub(super) generation: u64,
}

/// How the pool treats its workers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) max_tasks: Option<u64>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) initializer_timeout: Duration,
}

/// How a worker ended.
pub(super) struct End {
    pub(super) seat: usize,
    pub(super) generation: u64,
    pub(super) reason: ExitReason,
}

/// A coarse clock says when a task began: it may lag behind by so many nanoseconds.
const COARSE: u64 = 10_000_000;

/// A worker is given tasks ahead where one takes less than this, in nanoseconds, up to so much work.
const SHORT: u64 = 5_000_000;
const AHEAD: u64 = 1_000_000;

/// How much longer than a task's own limit a worker may take to begin it.
const GRACE: Duration = Duration::from_secs(1);

/// What lies with a worker that long while another has nothing to do is taken back.
pub(super) const HOSTAGE: u64 = 1_000_000 + COARSE;

impl State {
    pub(super) fn turn(&mut self, now: u64) {
        for seat in &mut self.seats {
            let Some(hand) = &mut seat.hand else { continue };
            if hand.mad || hand.retry_at.is_some_and(|at| now < at) {
                continue;
            }
            hand.retry_at = None;
            if !hand.has_enough() && hand.patient_until().is_none_or(|until| now < until) {
                continue;
            }
            match hand.hear(&mut self.desk, now) {
                Ok(()) => {}
                // A moment without descriptors passes.
                Err(Fault::NoRoom(_)) => hand.retry_at = Some(now + HOSTAGE),
                Err(_) => {
                    (hand.mad, hand.leaving) = (true, true);
                    hand.link.kill(Intent::GiveUp("it sent what no worker sends".to_owned()));
                }
            }
        }
        self.bury(now);
        self.desk.fail_hopeless();
        self.watch(now);
        self.dispatch(now);
        if self.rebalance(now) {
            self.dispatch(now);
        }
        // Only now: who was just ready may have been given something.
        self.let_go(now);
        self.retire(now);
    }

    /// Sees to workers that have ended.
    fn bury(&mut self, now: u64) {
        let mut later = Vec::new();
        for end in std::mem::take(&mut self.ends) {
            let seat = &mut self.seats[end.seat];
            if seat.starting && seat.generation == end.generation {
                // It ended before whoever started it could say that it is there.
                later.push(end);
                continue;
            }
            if seat.generation == end.generation
                && let Some(hand) = seat.hand.take()
            {
                hand.bury(end.reason, &mut self.desk, now);
                self.desk.delivered = true;
            }
        }
        self.ends = later;
        if self.phase == Phase::Over {
            self.desk.fail_all(&TaskFailure::ShutDown);
        }
    }

    /// Ends workers whose task or initializer takes too long.
    fn watch(&mut self, now: u64) {
        for hand in self.seats.iter_mut().filter_map(|seat| seat.hand.as_mut()) {
            if hand.out.front().is_some_and(|chunk| chunk.call.is_cancelled())
                && hand.killed.is_none()
                && hand.began(now).is_some()
            {
                // It had been sent there, could not be taken back, and has begun after all.
                hand.kill(Trouble::Cancelled, Intent::Kill);
            }
            if let Some(limit) = hand.out.front().and_then(|chunk| chunk.call.terms.timeout)
                && hand.killed.is_none()
            {
                match hand.began(now) {
                    Some(began) if now >= due(began, limit) => {
                        let overdue = hand.front();
                        // So that it begins nothing else before it is hit.
                        self.desk.first(hand.recall().unwrap_or_default());
                        let _ = hand.hear(&mut self.desk, now);
                        // It may have ended just now, and another one begun before that.
                        if hand.front() == overdue && hand.began(now).is_some() {
                            hand.kill(Trouble::TimedOut, Intent::TimeOut(limit));
                        }
                    }
                    // One that is stopped begins nothing. The task is not to blame.
                    None if now >= due(hand.mark, limit.saturating_add(GRACE)) => {
                        let why = "it did not begin the task that it was given".to_owned();
                        hand.kill(Trouble::NotBegun, Intent::GiveUp(why));
                    }
                    _ => {}
                }
            }
            if hand.overdue().is_some_and(|at| now >= at) {
                hand.dismiss();
            }
            let limit = self.rules.initializer_timeout;
            if hand.is_initializing() && now >= due(hand.mark, limit) {
                let why = format!("it took longer than {limit:?}");
                let name = self.desk.initialized.map_or("", |(name, _)| name);
                hand.give_up(PoolError::initializer(name, &why), why, &mut self.desk, now);
            }
        }
    }

    /// Lets workers go that had nothing to do for too long.
    fn let_go(&mut self, now: u64) {
        let Some(limit) = self.rules.idle_timeout.filter(|_| !self.prestart) else { return };
        for hand in self.seats.iter_mut().filter_map(|seat| seat.hand.as_mut()) {
            let idle_for = now.saturating_sub(hand.mark);
            if hand.is_ready() && hand.is_idle() && idle_for >= nanos(limit) {
                hand.leave(now);
            }
        }
    }

    /// Gives out what waits to whoever has least to do.
    pub(super) fn dispatch(&mut self, now: u64) {
        let mut full = vec![false; if self.desk.queued > 0 { self.seats.len() } else { 0 }];
        while let Some(call) = self.desk.next().cloned() {
            if call.is_over() {
                self.desk.drop_call(&call);
                continue;
            }
            let Some(at) = self.pick(&call, &full, now) else { return };
            let Some(hand) = &mut self.seats[at].hand else { return };
            let mut tasks = self.desk.chunk(&call).min(hand.link.window() - hand.outstanding());
            if let Some(most) = self.rules.max_tasks {
                tasks = tasks.min(most - hand.given);
            }
            let Some(chunk) = self.desk.take(tasks) else { return };
            let (rest, fault) = hand.give(chunk, now);
            if let Some(mut rest) = rest {
                // With any other fault it is dead or has gone mad: its end is on its way.
                if matches!(fault, Some(Fault::NoRoom(_))) {
                    let task = rest.split_front(1);
                    let why = format!(
                        "no descriptor or memory for its {} bytes",
                        task.frames().bytes().len()
                    );
                    self.desk.fail_chunk(&call, &task, &TaskFailure::Undeliverable(why));
                } else {
                    full[at] = true;
                }
                self.desk.first(vec![rest]);
            }
            if self.rules.max_tasks.is_some_and(|most| hand.given >= most) {
                hand.leave(now);
            }
        }
    }

    /// Who gets the next tasks.
    fn pick(&mut self, call: &Call, full: &[bool], now: u64) -> Option<usize> {
        let short = self.desk.estimate(call.function).filter(|&nanos| nanos < SHORT);
        let unit = call.terms.chunk_size.unwrap_or(1);
        let accepts = |hand: &mut Hand| {
            let (has, window) = (hand.outstanding(), hand.link.window());
            let work = short.map(|nanos| nanos.max(1).saturating_mul(has));
            let accepted = hand.is_ready()
                && (has == 0 || work.is_some_and(|work| work < AHEAD) && !hand.holds(now))
                && has.saturating_add(unit.min(window)) <= window;
            accepted.then_some((hand.late, has))
        };
        let hands = self.seats.iter_mut().enumerate().filter(|(at, _)| !full[*at]);
        let hands = hands.filter_map(|(at, seat)| Some((accepts(seat.hand.as_mut()?)?, at)));
        hands.min().map(|(_, at)| at)
    }

    /// Takes back from workers that have too much while others have nothing to do, or could be
    /// started; whether it did.
    fn rebalance(&mut self, now: u64) -> bool {
        let free = self.seats.iter().any(is_free);
        if self.desk.queued > 0 || !(free || self.may_start(now)) {
            return false;
        }
        let mut found = false;
        for hand in self.seats.iter_mut().filter_map(|seat| seat.hand.as_mut()) {
            let Some((untaken, kept)) = can_give_back(hand) else { continue };
            let front = hand.out.front().map(|chunk| chunk.call.function);
            let estimate = front.and_then(|function| self.desk.estimate(function));
            let work = estimate.unwrap_or(0).saturating_mul(untaken);
            let held = now.saturating_sub(hand.began(now).unwrap_or(hand.mark));
            if free && work >= AHEAD / 4 || held >= HOSTAGE {
                hand.late = if hand.began(now).is_none() { now } else { 0 };
                let mut back = hand.recall().unwrap_or_default();
                if let Some(first) = back.first_mut().filter(|_| kept > 0) {
                    // It was told that these come together.
                    let rest = hand.give(first.split_front(kept), now).0;
                    self.desk.first(rest.into_iter().collect());
                }
                back.retain(|chunk| chunk.count > 0);
                found |= !back.is_empty();
                self.desk.first(back);
            }
        }
        found
    }

    /// Whether there is a seat for a worker, and it is time to start one.
    fn may_start(&self, now: u64) -> bool {
        let vacant = |seat: &Seat| seat.hand.is_none() && !seat.starting;
        self.phase != Phase::Over && now >= self.desk.not_before && self.seats.iter().any(vacant)
    }

    /// Lets workers go that nothing will be given any more.
    fn retire(&mut self, now: u64) {
        let done = self.phase == Phase::Closing && self.desk.queued == 0 && self.maps == 0;
        if !done {
            return;
        }
        for hand in self.seats.iter_mut().filter_map(|seat| seat.hand.as_mut()) {
            if !hand.leaving {
                hand.leave(now);
            }
        }
    }

    /// Which seat is to have a worker now.
    pub(super) fn wanted(&self, now: u64) -> Option<usize> {
        if !self.may_start(now) {
            return None;
        }
        let free = self.seats.iter().filter(|seat| is_free(seat)).count() as u64;
        let coming = self.seats.iter().filter(|seat| is_coming(seat)).count() as u64;
        if !self.prestart && self.desk.queued <= free + coming {
            return None;
        }
        self.seats.iter().position(|seat| seat.hand.is_none() && !seat.starting)
    }

    /// When something is to be seen to though nobody says so, in nanoseconds.
    pub(super) fn next_time(&mut self, now: u64) -> Option<u64> {
        let idle = self.rules.idle_timeout.filter(|_| !self.prestart).map(nanos);
        let others =
            self.desk.queued == 0 && (self.seats.iter().any(is_free) || self.may_start(now));
        let mut next = None;
        let mut at = |time: u64| next = Some(next.map_or(time, |next: u64| next.min(time)));
        for hand in self.seats.iter_mut().filter_map(|seat| seat.hand.as_mut()) {
            if let (true, Some(limit)) = (hand.is_idle() && hand.is_ready(), idle) {
                at(hand.mark.saturating_add(limit));
            }
            hand.overdue().into_iter().chain(hand.retry_at).for_each(&mut at);
            if hand.is_initializing() {
                at(due(hand.mark, self.rules.initializer_timeout));
            }
            let Some(front) = hand.out.front().filter(|_| hand.killed.is_none()) else { continue };
            let (timeout, cancelled) = (front.call.terms.timeout, front.call.is_cancelled());
            if let Some(limit) = timeout {
                // What has not begun yet is looked at again when it might have.
                let (soon, last) = (due(now, limit), due(hand.mark, limit.saturating_add(GRACE)));
                at(hand.began(now).map_or(soon.min(last), |began| due(began, limit)));
            }
            // That one has begun is not told by itself.
            if cancelled || others && can_give_back(hand).is_some() {
                at(now + HOSTAGE);
            }
        }
        if self.desk.queued > 0 && now < self.desk.not_before {
            at(self.desk.not_before);
        }
        next
    }

    /// Whether everything that was taken in has come to an end.
    pub(super) fn is_settled(&self) -> bool {
        self.desk.outstanding == 0 && self.maps == 0
    }

    pub(super) fn is_vacant(&self) -> bool {
        self.seats.iter().all(|seat| seat.hand.is_none() && !seat.starting)
    }

    /// Nothing is taken in any more, and what was taken in is ended.
    pub(super) fn abort(&mut self) {
        self.phase = Phase::Over;
        self.desk.fail_all(&TaskFailure::ShutDown);
        for hand in self.seats.iter_mut().filter_map(|seat| seat.hand.as_mut()) {
            for mut chunk in std::mem::take(&mut hand.out) {
                chunk.split_front(std::mem::take(&mut hand.answered));
                let call = Arc::clone(&chunk.call);
                self.desk.fail_chunk(&call, &chunk, &TaskFailure::ShutDown);
            }
            hand.leaving = true;
            hand.link.kill(Intent::Stop);
        }
        self.desk.delivered = true;
    }

    /// Nobody wants to know what becomes of a call: what nobody has begun is not run.
    pub(super) fn drop_call(&mut self, call: &Call) {
        self.desk.drop_call(call);
        for hand in self.seats.iter_mut().filter_map(|seat| seat.hand.as_mut()) {
            if hand.out.iter().any(|chunk| chunk.call.id == call.id) {
                let back = hand.recall().unwrap_or_default();
                self.desk.first(back);
            }
        }
    }

    /// Cancels a task that was submitted, and has its worker killed if it is in hand.
    pub(super) fn cancel(&mut self, call: &Arc<Call>, now: u64) {
        if self.desk.drop_call(call) {
            return;
        }
        let mine = |chunk: &Chunk| chunk.call.id == call.id;
        for hand in self.seats.iter_mut().filter_map(|seat| seat.hand.as_mut()) {
            if !hand.out.iter().any(mine) {
                continue;
            }
            let back = hand.recall().unwrap_or_default();
            self.desk.first(back);
            // Whoever was not faster than that has it in hand, or has answered it by now. A fault
            // shows once more, at the next turn.
            let _ = hand.hear(&mut self.desk, now);
            if hand.out.front().is_some_and(mine) && hand.began(now).is_some() {
                hand.kill(Trouble::Cancelled, Intent::Kill);
            }
        }
    }
}

/// How many tasks could be taken back from a worker, and how many of them it is to keep because they
/// travel together.
fn can_give_back(hand: &mut Hand) -> Option<(u64, u64)> {
    if !hand.link.can_recall() {
        return None;
    }
    let size = hand.out.front()?.call.terms.chunk_size.unwrap_or(1);
    let (untaken, kept) = (hand.untaken(), hand.rest_of_chunk(size));
    (untaken > kept).then_some((untaken, kept))
}

fn is_free(seat: &Seat) -> bool {
    seat.hand.as_ref().is_some_and(|hand| hand.is_ready() && hand.is_idle())
}

/// Whether a worker is on its way to it.
fn is_coming(seat: &Seat) -> bool {
    seat.starting
        || seat.hand.as_ref().is_some_and(|hand| !hand.preface.is_empty() && !hand.leaving)
}

/// When what began then has taken too long.
fn due(began: u64, limit: Duration) -> u64 {
    began.saturating_add(nanos(limit)).saturating_add(COARSE)
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
