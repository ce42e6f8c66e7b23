//! What a worker has of its parent: the slot that it serves, and the lane that answers go over.

use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Instant;

use crate::wire::{BeltEnds, Encoder, Fault, LaneReceiver, LaneSender, Serves, Tag};

/// Over which answers and the outcome go. Never dropped: a function that has closed all descriptors
/// would make that a panic.
static LANE: Mutex<Option<ManuallyDrop<LaneSender>>> = Mutex::new(None);

static SERVES: Mutex<Option<Serves>> = Mutex::new(None);

static BELT: Mutex<Option<BeltEnds>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The most bytes that a message of this process may have.
static LONGEST: AtomicUsize = AtomicUsize::new(1 << 30);

/// The most bytes that an answer of this process may have.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn longest() -> usize {
    LONGEST.load(Ordering::Relaxed)
}

/// Says over what to answer and what is served. Called while the process has one thread.
#[inline]
pub(super) fn sit_down(
    lane: LaneSender,
    mut serves: Option<Serves>,
    mut belt: Option<BeltEnds>,
    limit: usize,
) {
    if let Some(ends) = serves.as_mut().and_then(|serves| serves.ends.as_mut()) {
        ends.pass_fences();
    }
    if let Some(belt) = &mut belt {
        belt.pass_fences();
    }
    LONGEST.store(limit, Ordering::Relaxed);
    *lock(&LANE) = Some(ManuallyDrop::new(lane));
    *lock(&SERVES) = serves;
    *lock(&BELT) = belt;
}

/// Sends what became of the function to the parent, after all that was said before.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn send(tag: Tag, row: &Encoder<'_>) -> Result<(), Fault> {
    super::words::settle();
    speak(tag, row)
}

/// Sends something to the parent. Only one thread sends at a time; the parent always reads.
#[unsafe(link_section = ".procession.start")]
pub(super) fn speak(tag: Tag, row: &Encoder<'_>) -> Result<(), Fault> {
    // A copy made by `fork` would talk in between.
    if crate::sys::is_copy() {
        return Err(Fault::Gone);
    }
    lock(&LANE).as_mut().map_or(Err(Fault::Gone), |lane| lane.send(tag, row, None))
}

/// The same for a text.
pub(super) fn send_text(tag: Tag, text: &str) -> Result<(), Fault> {
    super::words::settle();
    lock(&LANE).as_mut().map_or(Err(Fault::Gone), |lane| lane.send_text(tag, text))
}

/// Sends an answer to the parent where answers go over a ring, which costs next to nothing; whether
/// it went.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn answer(tag: Tag, row: &Encoder<'_>) -> bool {
    match lock(&LANE).as_deref_mut() {
        Some(lane @ LaneSender::Ring { .. }) => lane.send(tag, row, None).is_ok(),
        _ => false,
    }
}

/// The lane to the parent, for one who works for a pool: nobody waits for answers there, so those go
/// as packets from now on.
pub(crate) fn take_lane() -> Option<ManuallyDrop<LaneSender>> {
    lock(&LANE).take()
}

/// What tasks come on.
pub(crate) fn take_belt() -> Option<BeltEnds> {
    lock(&BELT).take()
}

/// What this process serves, for its one mailbox.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn take_serves() -> Option<Serves> {
    lock(&SERVES).take()
}

/// Messages that came as words, for a mailbox without a ring.
#[derive(Debug)]
pub(crate) struct Tray<T> {
    inner: Mutex<Inner<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Inner<T> {
    messages: VecDeque<T>,
    closed: bool,
}

impl<T> Tray<T> {
    pub(crate) const fn new() -> Self {
        let inner = Inner { messages: VecDeque::new(), closed: false };
        Tray { inner: Mutex::new(inner), changed: Condvar::new() }
    }

    /// Adds a message. The sender sends no more than a window.
    pub(crate) fn put(&self, message: T) {
        lock(&self.inner).messages.push_back(message);
        self.changed.notify_all();
    }

    /// Nothing will follow what is there.
    pub(crate) fn close(&self) {
        lock(&self.inner).closed = true;
        self.changed.notify_all();
    }

    /// Takes the next message; `Ok(None)` if there is none until the deadline, an error if there
    /// will be none.
    pub(crate) fn take(&self, deadline: Option<Instant>) -> Result<Option<T>, Fault> {
        let mut inner = lock(&self.inner);
        loop {
            if let Some(message) = inner.messages.pop_front() {
                return Ok(Some(message));
            }
            if inner.closed {
                return Err(Fault::Gone);
            }
            inner = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => return Ok(None),
                Some(left) => {
                    let waited = self.changed.wait_timeout(inner, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
                None => self.changed.wait(inner).unwrap_or_else(|poisoned| poisoned.into_inner()),
            };
        }
    }
}

/// A mailbox's end of a ring.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn open_ring(serves: &mut Serves, limit: usize) -> Option<Result<LaneReceiver, Fault>> {
    let ends = serves.ends.take()?;
    Some(ends.open(limit).map(|(receiver, shared)| {
        super::control::at_stop(move || shared.close());
        receiver
    }))
}
