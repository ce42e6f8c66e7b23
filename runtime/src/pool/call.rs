//! What the tasks of one map, of one stream or of one submission share, and where what becomes of
//! them arrives.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, TryLockError};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::chunk::Frames;
use crate::error::{DecodeError, TaskError, TaskFailure};
use crate::policy;
use crate::process::{self, Process};
use crate::registry::Entry;
use crate::wire::{self, Decoder, Shape, Tag};

/// A map, a stream or a task that was submitted.
pub(super) struct Call {
    pub(super) id: u64,
    /// The function's place in the table.
    pub(super) function: u32,
    /// What the function is called.
    pub(super) name: &'static str,
    pub(super) terms: Terms,
    pub(super) sink: Sink,
    /// Its tasks and their results are numbers, which travel as such.
    pub(super) numbers: bool,
    /// Nobody wants to know what becomes of its tasks any more.
    pub(super) over: AtomicBool,
    /// How many tasks are known to follow those that were queued; `u64::MAX` if nobody knows.
    pub(super) left: AtomicU64,
    /// How many of its tasks wait for a worker. Written with the pool's lock held.
    pub(super) waiting: AtomicU64,
    pub(super) counts: Counts,
}

/// What was asked of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Terms {
    pub(super) timeout: Option<Duration>,
    pub(super) retry: policy::Terms,
    pub(super) chunk_size: Option<u64>,
    pub(super) in_flight: Option<u64>,
}

/// How many tasks came to which end.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) done: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) retried: AtomicU64,
}

/// Where results go.
pub(super) enum Sink {
    /// To whoever maps or streams.
    Many(Mutex<VecDeque<Delivery>>),
    /// To a ticket.
    One(Ticket),
}

/// What became of some tasks of a call.
#[derive(Debug)]
pub(super) enum Delivery {
    /// They were answered, one after the other.
    Results(Block),
    /// This one will not be.
    Failed(u64, TaskError),
}

/// Answers to tasks that follow one another.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) first: u64,
    pub(super) count: u64,
    pub(super) frames: Frames,
    /// Who answered, and at which attempt.
    pub(super) pid: u32,
    pub(super) attempts: u32,
}

/// The number of the last call; the first has 1.
static NEWEST: AtomicU64 = AtomicU64::new(0);

impl Call {
    pub(super) fn new<P: Process>(terms: Terms, sink: Sink) -> Self {
        Call {
            id: NEWEST.fetch_add(1, Ordering::Relaxed) + 1,
            function: P::entry().index().unwrap_or(u32::MAX),
            name: Entry::name(P::entry()),
            terms,
            sink,
            numbers: false,
            over: AtomicBool::new(false),
            left: AtomicU64::new(u64::MAX),
            waiting: AtomicU64::new(0),
            counts: Counts::default(),
        }
    }

    /// The number of the last call that was made.
    pub(super) fn newest() -> u64 {
        NEWEST.load(Ordering::Relaxed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Whether one of its tasks waits for a worker.
    pub(super) fn waits(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Whether one of its tasks may be tried again.
    pub(super) fn may_retry(&self) -> bool {
        self.terms.retry.retries > 0
    }

    /// Whether it is a task that was cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_over() && matches!(self.sink, Sink::One(_))
    }

    /// How many of its tasks came to an end.
    pub(super) fn resolved(&self) -> u64 {
        self.counts.done.load(Ordering::Relaxed) + self.counts.failed.load(Ordering::Relaxed)
    }

    /// How many tasks are known to follow those that were queued.
    pub(super) fn known_left(&self) -> Option<u64> {
        Some(self.left.load(Ordering::Relaxed)).filter(|&left| left != u64::MAX)
    }

    /// Which task of the call that is, as errors say it: a submission has only one.
    pub(super) fn item(&self, index: u64) -> Option<u64> {
        matches!(self.sink, Sink::Many(_)).then_some(index)
    }

    /// An error about one of its tasks.
    pub(super) fn error(
        &self,
        index: u64,
        pid: Option<u32>,
        attempts: u32,
        failure: TaskFailure,
        stderr: String,
    ) -> TaskError {
        TaskError::new(self.name, self.item(index), pid, attempts, failure, stderr)
    }

    /// The tag of its tasks.
    pub(super) fn tag(&self) -> u32 {
        // No worker has a function of such a number, and says so.
        wire::task_tag(self.function).unwrap_or(Tag::Task as u32 | NOWHERE)
    }

    /// The first error among these, if there is one.
    pub(super) fn failure(&self, delivery: &Delivery) -> Option<Delivery> {
        match delivery {
            Delivery::Failed(index, error) => Some(Delivery::Failed(*index, error.clone())),
            Delivery::Results(block) if block.frames.shape() == Shape::Numbers => None,
            Delivery::Results(block) => {
                let (mut rest, mut index) = (block.frames.bytes(), block.first);
                while let Some((tag, body, len)) = wire::first_frame(rest) {
                    if Tag::of_frame(tag) != Ok(Tag::Value) {
                        let whose = (index, block.pid, block.attempts);
                        return Some(Delivery::Failed(index, failed(self, whose, (tag, body))));
                    }
                    (rest, index) = (&rest[len..], index + 1);
                }
                None
            }
        }
    }

    /// Hands over what became of some tasks. What is to be done once no lock is held is the answer.
    pub(super) fn deliver(&self, delivery: Delivery) -> Option<News> {
        if self.is_over() {
            return None;
        }
        match &self.sink {
            Sink::Many(outbox) => {
                lock(outbox).push_back(delivery);
                None
            }
            Sink::One(ticket) => ticket.resolve(delivery),
        }
    }
}

/// What the frame of a result says.
#[inline]
pub(super) fn read<T>(
    call: &Call,
    (index, pid, attempts): (u64, u32, u32),
    (tag, body): (u32, &[u8]),
    decode: impl FnOnce(&mut Decoder<'_>) -> Result<T, DecodeError>,
) -> Result<T, TaskError> {
    if tag == Tag::Value as u32 {
        match wire::read_row(body, decode) {
            Ok(value) => return Ok(value),
            Err(error) => {
                let failure = TaskFailure::Undeliverable(error.to_string());
                return Err(call.error(index, Some(pid), attempts, failure, String::new()));
            }
        }
    }
    Err(failed(call, (index, pid, attempts), (tag, body)))
}

/// What the frame of a result says that has no value.
#[cold]
fn failed(
    call: &Call,
    (index, pid, attempts): (u64, u32, u32),
    (tag, body): (u32, &[u8]),
) -> TaskError {
    let failure = match Tag::of_frame(tag) {
        Ok(Tag::Panicked) => match wire::read_row(body, |row| row.section()) {
            Ok(report) => TaskFailure::Panicked(report),
            Err(error) => TaskFailure::Undeliverable(error.to_string()),
        },
        Ok(Tag::Unencodable | Tag::BadArguments) => {
            let text: Result<String, _> = wire::read_row(body, |row| row.section());
            TaskFailure::Undeliverable(text.unwrap_or_else(|error| error.to_string()))
        }
        _ => TaskFailure::Undeliverable("its worker sent what no worker sends".to_owned()),
    };
    call.error(index, Some(pid), attempts, failure, String::new())
}

/// The place of a function that is not in the table.
const NOWHERE: u32 = (1 << 29) - (1 << 8);

/// A callback for what becomes of one task.
pub(super) type Callback = Box<dyn FnOnce(Delivery) + Send>;

/// What is to be done once no lock is held.
pub(super) enum News {
    /// Wakes who waits for a future.
    Wake(Waker),
    /// Has a callback called.
    Call(Callback, Delivery),
}

/// Where what becomes of one task waits for its owner.
#[derive(Default)]
pub(super) struct Ticket(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    resolved: bool,
    delivery: Option<Delivery>,
    waker: Option<Waker>,
    /// Who is to hear of it, and by which number.
    bells: Vec<(Arc<Bell>, usize)>,
    callback: Option<Callback>,
}

impl Ticket {
    /// Nothing in a fork if another thread had it when that was made: it never gives it back.
    fn inner(&self) -> Option<MutexGuard<'_, Inner>> {
        if !process::is_fork() {
            return Some(lock(&self.0));
        }
        match self.0.try_lock() {
            Ok(inner) => Some(inner),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Whether it is known what became of the task.
    pub(super) fn is_resolved(&self) -> bool {
        self.inner().is_some_and(|inner| inner.resolved)
    }

    pub(super) fn resolve(&self, delivery: Delivery) -> Option<News> {
        let mut inner = self.inner()?;
        // A task that was cancelled may have been done all the same.
        if std::mem::replace(&mut inner.resolved, true) {
            return None;
        }
        inner.bells.drain(..).for_each(|(bell, number)| bell.ring(number));
        if let Some(callback) = inner.callback.take() {
            return Some(News::Call(callback, delivery));
        }
        inner.delivery = Some(delivery);
        inner.waker.take().map(News::Wake)
    }

    /// What became of it, once.
    pub(super) fn take(&self) -> Option<Delivery> {
        self.inner()?.delivery.take()
    }

    /// What became of it, once; otherwise the waker is woken when that is known.
    pub(super) fn poll(&self, waker: &Waker) -> Option<Delivery> {
        // It is somebody else's code, so it runs, and is dropped, with nothing locked.
        let waker = waker.clone();
        let mut inner = self.inner()?;
        let delivery = inner.delivery.take();
        let before = inner.waker.replace(waker);
        drop(inner);
        drop(before);
        delivery
    }

    /// Rings with this number when it is known what became of it, or at once.
    pub(super) fn listen(&self, bell: &Arc<Bell>, number: usize) {
        let Some(mut inner) = self.inner() else { return };
        if inner.resolved {
            bell.ring(number);
        } else {
            inner.bells.push((Arc::clone(bell), number));
        }
    }

    /// Nobody listens any more.
    pub(super) fn ignore(&self, bell: &Arc<Bell>) {
        if let Some(mut inner) = self.inner() {
            inner.bells.retain(|(other, _)| !Arc::ptr_eq(other, bell));
        }
    }

    /// Has it called back; at once if it is known what became of it, which is the answer then.
    pub(super) fn call_back(&self, callback: Callback) -> Option<(Callback, Delivery)> {
        let mut inner = self.inner()?;
        match inner.delivery.take() {
            Some(delivery) => Some((callback, delivery)),
            None => {
                inner.callback = Some(callback);
                None
            }
        }
    }
}

/// Wakes who waits for one of several tasks, and tells which ended, in this order.
#[derive(Debug, Default)]
pub(super) struct Bell(Mutex<VecDeque<usize>>, Condvar);

impl Bell {
    fn ring(&self, number: usize) {
        lock(&self.0).push_back(number);
        self.1.notify_all();
    }

    /// The number with which it rang next; waited for until the deadline.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> Option<usize> {
        let mut rung = lock(&self.0);
        loop {
            if let Some(number) = rung.pop_front() {
                return Some(number);
            }
            rung = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self.1.wait(rung).unwrap_or_else(|poisoned| poisoned.into_inner()),
                Some(left) if left.is_zero() => return None,
                Some(left) => {
                    let waited = self.1.wait_timeout(rung, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
            };
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
