//! A thread of its own for callbacks, so that a slow one holds nobody up but others like it.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

use super::call::{Callback, Delivery, lock};
use super::shared::Shared;

/// The thread that calls back, once there is something to call.
#[derive(Default)]
pub(super) struct Callbacks {
    sender: Mutex<Option<Sender<(Callback, Delivery)>>>,
    pending: Arc<Pending>,
}

/// How many have not been called yet.
#[derive(Default)]
struct Pending(Mutex<usize>, Condvar);

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
    static MAPS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A map that goes on in this thread: its input and its hook are the caller's code.
pub(super) struct Mapping(usize);

impl Mapping {
    pub(super) fn of(pool: &Shared) -> Self {
        let pool = std::ptr::from_ref(pool) as usize;
        // A thread that is ending has none any more.
        let _ = MAPS.try_with(|maps| maps.borrow_mut().push(pool));
        Mapping(pool)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let _ = MAPS.try_with(|maps| {
            let mut maps = maps.borrow_mut();
            if let Some(last) = maps.iter().rposition(|&pool| pool == self.0) {
                maps.remove(last);
            }
        });
    }
}

/// Whether a map of this pool goes on in this thread.
pub(super) fn is_mapping(pool: &Shared) -> bool {
    let pool = std::ptr::from_ref(pool) as usize;
    MAPS.try_with(|maps| maps.borrow().contains(&pool)).unwrap_or(false)
}

/// Whether this thread is calling back.
pub(super) fn is_callback() -> bool {
    HERE.get()
}

impl Callbacks {
    /// Has it called. Those of one pool are called one after the other.
    pub(super) fn call(&self, callback: Callback, delivery: Delivery) {
        self.expect(1);
        self.call_expected(callback, delivery);
    }

    /// So many are about to be called.
    pub(super) fn expect(&self, calls: usize) {
        if calls > 0 {
            *lock(&self.pending.0) += calls;
        }
    }

    /// Has one called that was [expected](Callbacks::expect).
    pub(super) fn call_expected(&self, callback: Callback, delivery: Delivery) {
        let mut sender = lock(&self.sender);
        if sender.is_none() {
            *sender = begin(&self.pending);
        }
        // It is there until this is dropped. Without a thread it is called here.
        let undone = match sender.as_ref() {
            Some(sender) => sender.send((callback, delivery)).err().map(|unsent| unsent.0),
            None => Some((callback, delivery)),
        };
        drop(sender);
        if let Some((callback, delivery)) = undone {
            run(callback, delivery, &self.pending);
        }
    }

    /// Waits until all have been called.
    pub(super) fn finish(&self) {
        let mut pending = lock(&self.pending.0);
        while *pending > 0 {
            pending = self.pending.1.wait(pending).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }
}

fn begin(pending: &Arc<Pending>) -> Option<Sender<(Callback, Delivery)>> {
    let (sender, receiver) = channel::<(Callback, Delivery)>();
    let pending = Arc::clone(pending);
    std::thread::Builder::new()
        .name("procession-callbacks".to_owned())
        .spawn(move || {
            receiver.into_iter().for_each(|(callback, delivery)| run(callback, delivery, &pending));
        })
        .ok()
        .map(|_| sender)
}

fn run(callback: Callback, delivery: Delivery, pending: &Pending) {
    let before = HERE.replace(true);
    call_here(callback, delivery);
    HERE.set(before);
    *lock(&pending.0) -= 1;
    pending.1.notify_all();
}

/// Calls it in this thread. One that panics has said so, and what follows it goes on.
pub(super) fn call_here(callback: Callback, delivery: Delivery) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| callback(delivery))) {
        std::mem::forget(payload);
    }
}
