//! The input of a map or a stream: pulled, encoded and handed over as far as the window goes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::call::Delivery;
use super::super::engine::Engine;
use super::super::pack::{BYTES, Pack};
use super::super::state::{Phase, State};
use super::{Order, Run};
use crate::error::TaskFailure;
use crate::process::{self, Process};

impl<P: Process, I: Iterator<Item = P::Input>> Run<'_, P, I> {
    /// How many tasks are on their way, as the window counts them.
    pub(super) fn ahead(&self) -> u64 {
        match self.order {
            // Nothing is kept from whoever maps, so one slow task holds up no others.
            Order::Map | Order::TryMap => self.pulled - self.call.resolved(),
            Order::Stream | Order::Unordered => self.pulled - self.yielded,
        }
    }

    /// Pulls tasks and hands them over, as far as the window goes, but not for long: what comes meanwhile
    /// is to be looked at, and the input may be slow or have no end.
    pub(super) fn pull(&mut self) {
        if matches!(self.engine, Engine::Inline(_)) {
            return self.run_here();
        }
        self.clock.start();
        while self.items.is_some() && !self.clock.is_over() {
            let room = self.window.saturating_sub(self.ahead());
            if room < self.enough(self.window, self.chunk) {
                return;
            }
            let (want, unit) = (room.min(self.chunk), self.unit(self.window));
            let refused = self.pull_chunk(want - want % unit, unit);
            if refused && self.fail_fast {
                return;
            }
        }
    }

    /// For so much room tasks are pulled: what is handed over costs as much for a few as for many.
    pub(super) fn enough(&self, window: u64, chunk: u64) -> u64 {
        self.unit(window).max(chunk.min(window) / 2)
    }

    /// No fewer tasks than this are pulled: a chunk whose size was given is pulled whole.
    fn unit(&self, window: u64) -> u64 {
        self.call.terms.chunk_size.map_or(1, |given| given.min(window)).max(1)
    }

    /// Pulls so many tasks at the most; whether one of them was refused. Where the input is slow, what came
    /// is handed over; of a chunk whose size was given, when the rest of it has come too.
    fn pull_chunk(&mut self, most: u64, unit: u64) -> bool {
        let most = match self.pack.count() {
            0 => most,
            packed => unit - packed % unit,
        };
        let (mut pulled, mut refused) = (0, false);
        let mut batch = std::mem::take(&mut self.batch);
        loop {
            let more = pulled < most && !refused && !self.pack.is_full() && !self.clock.is_over();
            if batch.is_empty() && more {
                let came = self.pull_items(most - pulled, |items, most, pack| {
                    if pack.is_of_numbers() {
                        return pack.add_numbers(items, most);
                    }
                    let before = batch.len();
                    batch.extend(items.take(most));
                    batch.len() - before
                });
                pulled += came;
                if came > 0 && self.pack.is_of_numbers() {
                    continue;
                }
            }
            if batch.is_empty() {
                break;
            }
            let added = catch_unwind(AssertUnwindSafe(|| self.pack.add::<P>(&batch)));
            match added {
                Ok((added, None)) => drop(batch.drain(..added)),
                Ok((added, Some(error))) => {
                    batch.drain(..=added);
                    self.hand_over();
                    self.refuse(TaskFailure::Encode(error));
                    refused = true;
                }
                Err(payload) => {
                    batch.clear();
                    (self.panic, self.items) = (Some(payload), None);
                }
            }
            if !batch.is_empty() {
                self.hand_over();
            }
        }
        self.batch = batch;
        let is_part = !self.pack.count().is_multiple_of(unit) && self.clock.is_over();
        if !(is_part && self.items.is_some() && !self.pack.is_full()) {
            self.hand_over();
        }
        refused
    }

    /// Pulls so many items at the most: how many were added. Those that may hold on to more than
    /// themselves come one by one.
    fn pull_items(
        &mut self,
        most: u64,
        mut add: impl FnMut(&mut I, usize, &mut Pack) -> usize,
    ) -> u64 {
        let Run { items, clock, pack, .. } = self;
        let size = size_of::<P::Input>();
        let fitting = if std::mem::needs_drop::<P::Input>() { 1 } else { BYTES / (size + 16) + 1 };
        let most = usize::try_from(most).map_or(fitting, |most| most.min(fitting));
        let (mut pulled, mut ended) = (0, false);
        let hint = catch_unwind(AssertUnwindSafe(|| {
            let mut lent = Lent { items: items.take(), home: items };
            let Some(items) = &mut lent.items else { return (0, Some(0)) };
            while pulled < most && !ended && !clock.is_over() {
                let next = clock.unwatched().min(most - pulled);
                let came = add(items, next, pack);
                ended = came < next;
                pulled += came;
                clock.came(came);
            }
            items.size_hint()
        }));
        let left = match hint {
            Ok(_) if ended => 0,
            Ok((least, Some(most))) if least == most => u64::try_from(least).unwrap_or(u64::MAX),
            Ok(_) => u64::MAX,
            Err(payload) => {
                (self.panic, ended) = (Some(payload), true);
                0
            }
        };
        if ended {
            self.items = None;
        }
        self.call.left.store(left, Ordering::Relaxed);
        pulled as u64
    }

    /// Hands over what is packed.
    fn hand_over(&mut self) {
        let Engine::Workers(shared) = self.engine else { return };
        let Some(chunk) = self.pack.take(self.pulled) else { return };
        self.pulled += chunk.count;
        if process::is_fork() {
            // The input has made it.
            return self.items = None;
        }
        let is_map = self.order.is_map();
        let (call, mut refused) = (&self.call, false);
        let changed = shared.with(|state: &mut State, _| {
            let closed = match state.phase {
                Phase::Open => false,
                Phase::Closing => !is_map,
                Phase::Over => true,
            };
            if closed {
                refused = true;
                state.desk.outstanding += chunk.count;
                state.desk.fail_chunk(call, &chunk, &TaskFailure::ShutDown);
            } else {
                state.desk.take_in(chunk);
            }
            (state.desk.window(call), state.desk.chunk(call))
        });
        (self.window, self.chunk) = changed;
        if refused {
            self.shut_down(true);
        }
    }

    /// The pool takes nothing more. A map fails with that once, however much is left of its input; where
    /// each item has its own result, each that is known to be left fails. Whoever has heard of it needs no
    /// error.
    pub(super) fn shut_down(&mut self, heard: bool) {
        let Some(mut items) = self.items.take() else { return };
        let order = self.order;
        let failing = catch_unwind(AssertUnwindSafe(|| match (order, items.size_hint()) {
            (Order::TryMap, (least, Some(most))) if least == most => most,
            // Nothing fails for nothing.
            (Order::Map, _) if !heard => usize::from(items.next().is_some()),
            (Order::TryMap, _) => usize::from(items.next().is_some()),
            _ => usize::from(!heard),
        }));
        match failing {
            Ok(failing) => (0..failing).for_each(|_| self.refuse(TaskFailure::ShutDown)),
            Err(payload) => self.panic = Some(payload),
        }
    }

    /// A task is not taken in: that is its result.
    fn refuse(&mut self, failure: TaskFailure) {
        let index = self.pulled;
        self.pulled += 1;
        if self.is_cut_off() {
            return;
        }
        let error = self.call.error(index, None, 0, failure, String::new());
        match self.engine {
            Engine::Workers(_) if process::is_fork() => {
                self.call.counts.failed.fetch_add(1, Ordering::Relaxed);
            }
            Engine::Workers(shared) => shared.look(|state, _| state.desk.count(&self.call, 0, 1)),
            Engine::Inline(inline) => inline.count(&self.call, 0, 1, 0),
        }
        self.call.deliver(Delivery::Failed(index, error));
    }

    /// Runs the next task in this very thread.
    fn run_here(&mut self) {
        let Engine::Inline(inline) = self.engine else { return };
        if inline.is_closed() {
            return self.shut_down(false);
        }
        let Some(items) = &mut self.items else { return };
        let item = match catch_unwind(AssertUnwindSafe(|| items.next())) {
            Ok(Some(item)) => item,
            Ok(None) => return self.items = None,
            Err(payload) => {
                self.panic = Some(payload);
                return self.items = None;
            }
        };
        let index = self.pulled;
        self.pulled += 1;
        let delivery = inline.run::<P>(&self.call, index, &item);
        self.call.deliver(delivery);
    }
}

/// An input while it is pulled: on the stack, where the compiler sees all that becomes of it. It goes
/// back even if it panics.
struct Lent<'i, I> {
    items: Option<I>,
    home: &'i mut Option<I>,
}

impl<I> Drop for Lent<'_, I> {
    #[inline(always)]
    fn drop(&mut self) {
        *self.home = self.items.take();
    }
}

/// So long is pulled before what has come meanwhile is looked at.
pub(super) const SLICE: Duration = Duration::from_millis(1);

/// An input that brings fewer items in that time is slow.
const SLOW: usize = 64;

/// How long pulling takes. To look at the time takes longer than to pull a number, so that is done after
/// some items; after fewer where they come slowly.
pub(super) struct Clock {
    began: Instant,
    looked: Instant,
    /// How many items come between two looks, now and at the most, and how many come before the next one.
    step: usize,
    longest: usize,
    /// The most where they take no time at all.
    swift: usize,
    unwatched: usize,
    came: usize,
    is_over: bool,
}

impl Clock {
    pub(super) fn new(order: Order) -> Self {
        // Who maps wants nothing but the end. What is in a stream waits if the input gets slow.
        let (longest, swift) = if order.is_map() { (64, 256) } else { (8, 8) };
        let now = Instant::now();
        let (began, looked) = (now, now);
        Clock { began, looked, step: 1, longest, swift, unwatched: 1, came: 0, is_over: false }
    }

    fn start(&mut self) {
        self.began = Instant::now();
        self.looked = self.began;
        (self.unwatched, self.came, self.is_over) = (self.step, 0, false);
    }

    /// How many items may come before the next look.
    fn unwatched(&self) -> usize {
        self.unwatched
    }

    fn came(&mut self, items: usize) {
        self.came += items;
        self.unwatched = self.unwatched.saturating_sub(items);
        if self.unwatched > 0 {
            return;
        }
        let now = Instant::now();
        let took = now.saturating_duration_since(self.looked);
        // What comes that fast is made of nothing but other numbers.
        let is_swift = took.as_nanos() < 16 * self.step as u128;
        if took < SLICE / 16 {
            let longest = if is_swift { self.swift } else { self.longest };
            self.step = (2 * self.step).min(longest);
        } else if took > SLICE / 4 {
            self.step = 1;
        }
        (self.looked, self.unwatched) = (now, self.step);
        self.is_over = now.saturating_duration_since(self.began) >= SLICE;
    }

    /// Whether pulling took as long as it may.
    fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether the input was so slow the last time that it should be asked only when there is nothing else
    /// to do.
    pub(super) fn is_slow(&self) -> bool {
        self.is_over && self.came < SLOW
    }
}
