//! One map or stream: tasks are pulled, encoded and handed over as far as the window goes, and
//! results are decoded in the order in which they are wanted. All of it on the caller's thread.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::call::{self, Block, Call, Delivery, Sink, lock};
use super::callbacks::Mapping;
use super::engine::Engine;
use super::pack::{BYTES, Pack};
use super::progress::{Meter, Progress};
use super::state::{Phase, State};
use super::tasks::Hook;
use crate::error::{TaskError, TaskFailure};
use crate::process::{self, Process};
use crate::wire::{self, Tag};

const VALUE: u32 = Tag::Value as u32;

/// A hook is called about that often while there is nothing else to do.
const HOOK: Duration = Duration::from_millis(100);

/// A map or a stream while it goes on.
pub(super) struct Run<'p, P: Process, I> {
    engine: &'p Engine,
    call: Arc<Call>,
    /// What is left of the input.
    items: Option<I>,
    /// What is about to be handed over, and what was pulled for it at once.
    pack: Pack,
    batch: Vec<P::Input>,
    /// What the input panicked with, until everything before that is told.
    panic: Option<Box<dyn Any + Send>>,
    order: Order,
    /// The pool counts it among its maps.
    counted: Option<Mapping>,
    /// An error is wanted as soon as it comes.
    fail_fast: bool,
    pulled: u64,
    yielded: u64,
    /// What has come and is not wanted yet.
    early: BTreeMap<u64, Delivery>,
    /// What is being read.
    current: Option<Reading>,
    /// How many tasks may be on their way, and how many go at once.
    window: u64,
    chunk: u64,
    hook: Option<(Hook<'p>, Meter, Instant)>,
    process: std::marker::PhantomData<fn() -> P>,
}

/// What results are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// All of them, in the order of the input.
    Map,
    /// One after the other, in the order of the input.
    Stream,
    /// One after the other, as they come.
    Unordered,
}

struct Reading {
    block: Block,
    at: usize,
    index: u64,
}

/// How many results were read, which is noted at the end, even if that is a panic.
struct Read<'r> {
    count: u64,
    stride: usize,
    at: &'r mut usize,
    index: &'r mut u64,
    yielded: &'r mut u64,
}

impl Drop for Read<'_> {
    fn drop(&mut self) {
        *self.at += self.count as usize * self.stride;
        *self.index += self.count;
        *self.yielded += self.count;
    }
}

impl<'p, P: Process, I: Iterator<Item = P::Input>> Run<'p, P, I> {
    pub(super) fn new(
        engine: &'p Engine,
        terms: call::Terms,
        items: I,
        order: Order,
        hook: Option<Hook<'p>>,
    ) -> Self {
        let call = Arc::new(Call::new::<P>(terms, Sink::Many(VecDeque::new().into())));
        let (mut window, mut chunk, mut counted, mut refused) = (0, 1, None, false);
        if let Engine::Workers(shared) = engine {
            // In a fork, another thread's lock is never given back.
            let begun = !process::is_fork()
                && shared.look(|state, _| {
                    (window, chunk) = (state.desk.window(&call), state.desk.chunk(&call));
                    let open = state.phase == Phase::Open;
                    if open && order == Order::Map {
                        state.maps += 1;
                        counted = Some(Mapping::of(shared));
                    }
                    open
                });
            refused = !begun;
        }
        let pack = Pack::new(&call, engine.max_message());
        let now = Instant::now();
        let hook = hook.map(|hook| (hook, Meter::new(now), now));
        let mut run = Run {
            engine,
            pulled: 0,
            call,
            items: Some(items),
            pack,
            batch: Vec::new(),
            panic: None,
            order,
            counted,
            fail_fast: false,
            yielded: 0,
            early: BTreeMap::new(),
            current: None,
            window,
            chunk,
            hook,
            process: std::marker::PhantomData,
        };
        if refused {
            run.shut_down(1);
        }
        run
    }

    /// Results are wanted as they come from now on.
    pub(super) fn unordered(&mut self) {
        self.order = Order::Unordered;
    }

    /// Errors are wanted before all else from now on.
    pub(super) fn fail_fast(&mut self) {
        self.fail_fast = true;
    }

    /// The next result.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Result<P::Output, TaskError>> {
        loop {
            if let Some(result) = self.read() {
                return Some(result);
            }
            self.pull();
            match self.ready() {
                Some(Delivery::Results(block)) => {
                    self.current = Some(Reading { index: block.first, block, at: 0 });
                    continue;
                }
                Some(Delivery::Failed(_, error)) => {
                    self.yielded += 1;
                    return Some(Err(error));
                }
                None => {}
            }
            self.report(false);
            if self.items.is_none() && self.yielded == self.pulled {
                self.report(true);
                self.hook = None;
                if let Some(payload) = self.panic.take() {
                    resume_unwind(payload);
                }
                return None;
            }
            self.wait();
        }
    }

    /// Reads the next result of those that lie there.
    #[inline]
    fn read(&mut self) -> Option<Result<P::Output, TaskError>> {
        let reading = self.current.as_mut()?;
        let Some((tag, body, len)) = wire::first_frame(&reading.block.frames.bytes()[reading.at..])
        else {
            self.current = None;
            return None;
        };
        let whose = (reading.index, reading.block.pid, reading.block.attempts);
        // Reading may panic, and what comes next is what follows.
        reading.at += len;
        reading.index += 1;
        self.yielded += 1;
        Some(call::read(&self.call, whose, (tag, body), P::decode_output))
    }

    /// Reads the values that lie there and are all alike, which takes less than one by one. The first that
    /// cannot be read is left.
    #[inline]
    pub(super) fn read_alike(&mut self, mut each: impl FnMut(P::Output)) {
        let Some(Reading { block, at, index }) = &mut self.current else { return };
        let (frames, stride) = (&block.frames.bytes()[*at..], block.frames.stride());
        if stride == 0 || !matches!(wire::first_frame(frames), Some((VALUE, ..))) {
            return;
        }
        let mut read = Read { count: 0, stride, at, index, yielded: &mut self.yielded };
        for body in wire::alike_bodies(frames, stride) {
            // As above.
            read.count += 1;
            match wire::read_row(body, |row| P::decode_output(row)) {
                Ok(value) => each(value),
                Err(_) => {
                    read.count -= 1;
                    return;
                }
            }
        }
    }

    /// What is to be read next, if it has come.
    fn ready(&mut self) -> Option<Delivery> {
        let Sink::Many(outbox) = &self.call.sink else { return None };
        if self.order == Order::Unordered {
            let early = self.early.pop_first().map(|(_, delivery)| delivery);
            return early.or_else(|| lock(outbox).pop_front());
        }
        let mut outbox = lock(outbox);
        for delivery in outbox.drain(..) {
            let first = match &delivery {
                Delivery::Results(block) => block.first,
                Delivery::Failed(index, _) => *index,
            };
            if self.fail_fast
                && let Some(failed) = self.call.failure(&delivery)
            {
                return Some(failed);
            }
            self.early.insert(first, delivery);
        }
        drop(outbox);
        let next = self.early.first_entry().filter(|entry| *entry.key() == self.yielded)?;
        Some(next.remove())
    }

    /// How many tasks are on their way, as the window counts them.
    fn ahead(&self) -> u64 {
        match self.order {
            // Nothing is kept from whoever maps, so one slow task holds up no others.
            Order::Map => self.pulled - self.call.resolved(),
            Order::Stream | Order::Unordered => self.pulled - self.yielded,
        }
    }

    /// Pulls tasks and hands them over, as far as the window goes.
    fn pull(&mut self) {
        if matches!(self.engine, Engine::Inline(_)) {
            return self.run_here();
        }
        while self.items.is_some() {
            let room = self.window.saturating_sub(self.ahead());
            if room < self.enough(self.window, self.chunk) {
                return;
            }
            let (want, unit) = (room.min(self.chunk), self.unit(self.window));
            let refused = self.pull_chunk(want - want % unit);
            if refused && self.fail_fast {
                return;
            }
        }
    }

    /// For so much room tasks are pulled: what is handed over costs as much for a few as for many.
    fn enough(&self, window: u64, chunk: u64) -> u64 {
        self.unit(window).max(chunk.min(window) / 2)
    }

    /// No fewer tasks than this are pulled: a chunk whose size was given is pulled whole.
    fn unit(&self, window: u64) -> u64 {
        self.call.terms.chunk_size.map_or(1, |given| given.min(window)).max(1)
    }

    /// Pulls so many tasks at the most; whether one of them was refused.
    fn pull_chunk(&mut self, want: u64) -> bool {
        let (mut pulled, mut refused) = (0, false);
        let mut batch = std::mem::take(&mut self.batch);
        loop {
            if batch.is_empty() && pulled < want && !refused && !self.pack.is_full() {
                self.pull_items(&mut batch, want - pulled);
                pulled += batch.len() as u64;
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
        self.hand_over();
        refused
    }

    /// Pulls so many items at the most. Those that may hold on to more than themselves come one by one.
    fn pull_items(&mut self, batch: &mut Vec<P::Input>, most: u64) {
        let Some(items) = &mut self.items else { return };
        let size = size_of::<P::Input>();
        let fitting = if std::mem::needs_drop::<P::Input>() { 1 } else { BYTES / (size + 16) + 1 };
        let most = usize::try_from(most).map_or(fitting, |most| most.min(fitting));
        let pulled = catch_unwind(AssertUnwindSafe(|| {
            batch.extend(items.take(most));
            items.size_hint()
        }));
        let left = match pulled {
            Ok(_) if batch.len() < most => 0,
            Ok((least, Some(most))) if least == most => u64::try_from(least).unwrap_or(u64::MAX),
            Ok(_) => u64::MAX,
            Err(payload) => {
                self.panic = Some(payload);
                0
            }
        };
        if self.panic.is_some() || batch.len() < most {
            self.items = None;
        }
        self.call.left.store(left, Ordering::Relaxed);
    }

    /// Hands over what is packed.
    fn hand_over(&mut self) {
        let Engine::Workers(shared) = self.engine else { return };
        let Some(chunk) = self.pack.take(self.pulled) else { return };
        self.pulled += chunk.count;
        let is_map = self.order == Order::Map;
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
            self.shut_down(0);
        }
    }

    /// The pool takes nothing more: whatever is left of a map's input fails, if that has an end. At least
    /// so many errors say so.
    fn shut_down(&mut self, least: u64) {
        let Some(items) = self.items.take() else { return };
        let is_finite = self.order == Order::Map && items.size_hint().1.is_some();
        let left =
            match catch_unwind(AssertUnwindSafe(|| if is_finite { items.count() } else { 0 })) {
                Ok(left) => u64::try_from(left).unwrap_or(u64::MAX),
                Err(payload) => {
                    self.panic = Some(payload);
                    0
                }
            };
        for _ in 0..if is_finite { left } else { least } {
            self.refuse(TaskFailure::ShutDown);
        }
    }

    /// A task is not taken in: that is its result.
    fn refuse(&mut self, failure: TaskFailure) {
        let index = self.pulled;
        self.pulled += 1;
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

    /// Waits until there is something to read, or room to pull.
    fn wait(&mut self) {
        let Engine::Workers(shared) = self.engine else { return };
        let Sink::Many(outbox) = &self.call.sink else { return };
        let deadline = self.hook.as_ref().map(|_| Instant::now() + HOOK);
        let more = self.items.is_some();
        let changed = shared.wait(deadline, |state, _| {
            let (window, chunk) = (state.desk.window(&self.call), state.desk.chunk(&self.call));
            let room = more && window.saturating_sub(self.ahead()) >= self.enough(window, chunk);
            (room || !lock(outbox).is_empty()).then_some((window, chunk))
        });
        if let Some(changed) = changed {
            (self.window, self.chunk) = changed;
        }
    }

    /// Tells the hook how far it is, if it is time.
    fn report(&mut self, last: bool) {
        let Some((hook, meter, told)) = &mut self.hook else { return };
        let now = Instant::now();
        if !last && now.saturating_duration_since(*told) < HOOK / 2 {
            return;
        }
        *told = now;
        let counts = &self.call.counts;
        let done = counts.done.load(Ordering::Relaxed);
        let failed = counts.failed.load(Ordering::Relaxed);
        let running = match self.engine {
            Engine::Workers(shared) => shared.look(|state, _| state.running(Some(self.call.id))),
            Engine::Inline(_) => 0,
        };
        let total = match self.call.known_left() {
            Some(left) => Some(self.pulled.saturating_add(left)),
            None => self.items.is_none().then_some(self.pulled),
        };
        hook(&Progress {
            done,
            failed,
            retried: counts.retried.load(Ordering::Relaxed),
            running,
            queued: (self.pulled - done - failed).saturating_sub(running),
            total,
            rate: meter.feed(now, done),
        });
    }
}

impl<P: Process, I> Drop for Run<'_, P, I> {
    fn drop(&mut self) {
        let Engine::Workers(shared) = self.engine else { return };
        self.call.over.store(true, Ordering::Relaxed);
        let all = self.pulled == self.call.resolved();
        if (all && self.counted.is_none()) || process::is_fork() {
            return;
        }
        shared.with(|state, _| {
            if self.counted.is_some() {
                state.maps -= 1;
                // Who joins waits for this.
                state.desk.delivered = true;
            }
            if !all {
                state.drop_call(&self.call);
            }
        });
    }
}
