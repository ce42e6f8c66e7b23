//! One map or stream: tasks are pulled, encoded and handed over as far as the window goes, and
//! results are decoded in the order in which they are wanted. All of it on the caller's thread.

mod pull;

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use self::pull::{Clock, SLICE};
use super::call::{self, Block, Call, Delivery, Sink, lock};
use super::callbacks::Mapping;
use super::engine::Engine;
use super::pack::Pack;
use super::progress::{Meter, Progress};
use super::state::Phase;
use super::tasks::Hook;
use crate::error::{TaskError, TaskFailure};
use crate::process::{self, Process};
use crate::wire::{self, Shape, Tag, WORD};

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
    clock: Clock,
    pulled: u64,
    yielded: u64,
    /// It was begun in a fork, where it comes to nothing.
    in_fork: bool,
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
    /// All of them, in the order of the input; of several errors the first.
    Map,
    /// All of them and all errors, in the order of the input.
    TryMap,
    /// One after the other, in the order of the input.
    Stream,
    /// One after the other, as they come.
    Unordered,
}

impl Order {
    fn is_map(self) -> bool {
        matches!(self, Order::Map | Order::TryMap)
    }
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
        let mut call = Call::new::<P>(terms, Sink::Many(VecDeque::new().into()));
        // Numbers that travel as such have no time each, and nothing of them says where a chunk ends whose
        // size was given.
        call.numbers = wire::is_number::<P::Input>()
            && wire::is_number::<P::Output>()
            && matches!(engine, Engine::Workers(_))
            && engine.max_message() >= WORD as usize
            && (terms.timeout, terms.chunk_size) == (None, None);
        let call = Arc::new(call);
        let (mut window, mut chunk, mut counted, mut refused) = (0, 1, None, false);
        if let Engine::Workers(shared) = engine {
            // In a fork, another thread's lock is never given back.
            let begun = !process::is_fork()
                && shared.look(|state, _| {
                    (window, chunk) = (state.desk.window(&call), state.desk.chunk(&call));
                    let open = state.phase == Phase::Open;
                    if open && order.is_map() {
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
            clock: Clock::new(order),
            yielded: 0,
            in_fork: process::is_fork(),
            early: BTreeMap::new(),
            current: None,
            window,
            chunk,
            hook,
            process: std::marker::PhantomData,
        };
        if refused {
            run.shut_down(false);
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
        if self.hook.is_some() {
            self.report(false);
        }
        loop {
            if let Some(result) = self.read() {
                return Some(result);
            }
            match self.find() {
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

    /// What is to be read next. The input is pulled before that, so that workers have something to do
    /// while results are taken; if it is slow, only where there is nothing to give.
    fn find(&mut self) -> Option<Delivery> {
        if self.is_cut_off() {
            return self.cut_off();
        }
        if self.waits_for_input()
            && let Some(delivery) = self.ready()
        {
            return Some(delivery);
        }
        self.pull();
        if self.is_cut_off() {
            return self.cut_off();
        }
        self.ready()
    }

    /// Whether this is a fork of the process in which it began. The input may have made that, too.
    fn is_cut_off(&self) -> bool {
        !self.in_fork && matches!(self.engine, Engine::Workers(_)) && process::is_fork()
    }

    /// What follows is not for a fork: it is told so, once. Locks may be anybody's there.
    fn cut_off(&mut self) -> Option<Delivery> {
        self.hook = None;
        if self.items.take().is_none() && self.yielded == self.pulled {
            return None;
        }
        let index = self.yielded;
        self.pulled = index + 1;
        let error = self.call.error(index, None, 0, TaskFailure::ShutDown, String::new());
        Some(Delivery::Failed(index, error))
    }

    /// Whether results are wanted one by one and the input is slow.
    fn waits_for_input(&self) -> bool {
        !self.order.is_map() && self.items.is_some() && self.clock.is_slow()
    }

    /// Reads the next result of those that lie there.
    #[inline]
    fn read(&mut self) -> Option<Result<P::Output, TaskError>> {
        let reading = self.current.as_mut()?;
        let (rest, shape) =
            (&reading.block.frames.bytes()[reading.at..], reading.block.frames.shape());
        let next = match shape {
            Shape::Numbers => number::<P>(rest),
            _ => wire::first_frame(rest),
        };
        let Some((tag, body, len)) = next else {
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
    pub(super) fn read_alike(&mut self, values: &mut Vec<P::Output>) {
        let Some(Reading { block, at, index }) = &mut self.current else { return };
        let (frames, stride) = (&block.frames.bytes()[*at..], block.frames.shape().stride());
        if block.frames.shape() == Shape::Numbers {
            let count = frames.len() as u64 / WORD;
            values.extend(wire::numbers::<P::Output>(frames));
            *at += frames.len();
            *index += count;
            self.yielded += count;
            return;
        }
        if stride == 0 || !matches!(wire::first_frame(frames), Some((VALUE, ..))) {
            return;
        }
        let mut read = Read { count: 0, stride, at, index, yielded: &mut self.yielded };
        for body in wire::alike_bodies(frames, stride) {
            // As above.
            read.count += 1;
            match wire::read_row(body, |row| P::decode_output(row)) {
                Ok(value) => values.push(value),
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

    /// Waits until there is something to read, or room to pull.
    fn wait(&mut self) {
        let Engine::Workers(shared) = self.engine else { return };
        let Sink::Many(outbox) = &self.call.sink else { return };
        let (more, slow) = (self.items.is_some(), self.waits_for_input());
        if slow && self.yielded == self.pulled {
            return;
        }
        // The next item of a slow input may be long in coming: short tasks get a moment to end.
        let limits = [self.hook.is_some().then_some(HOOK), slow.then_some(SLICE / 4)];
        let deadline = limits.into_iter().flatten().min().map(|limit| Instant::now() + limit);
        let changed = shared.wait(deadline, |state, _| {
            let (window, chunk) = (state.desk.window(&self.call), state.desk.chunk(&self.call));
            let room = window.saturating_sub(self.ahead()) >= self.enough(window, chunk);
            (more && !slow && room || !lock(outbox).is_empty()).then_some((window, chunk))
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
            Engine::Workers(_) if process::is_fork() => 0,
            Engine::Workers(shared) => shared.look(|state, _| state.running(Some(self.call.id))),
            Engine::Inline(_) => 0,
        };
        let total = match self.call.known_left() {
            Some(left) => Some((self.pulled + self.pack.count()).saturating_add(left)),
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

/// The first number as a frame would have it: its tag, its body, and how many bytes it takes up.
#[inline]
fn number<P: Process>(words: &[u8]) -> Option<(u32, &[u8], usize)> {
    Some((VALUE, words.get(..size_of::<P::Output>())?, WORD as usize))
}
