//! A word that only counts up, which one thread sleeps on for many rings.

use std::time::Duration;

#[cfg(not(loom))]
use std::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Release},
};

#[cfg(loom)]
use loom::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Release},
};

/// How often somebody had news. All zero is a new one.
#[repr(C)]
pub(crate) struct Count {
    word: AtomicU32,
    #[cfg(loom)]
    kernel: (loom::sync::Mutex<()>, loom::sync::Condvar),
}

impl Count {
    pub(crate) fn value(&self) -> u32 {
        self.word.load(Acquire)
    }

    /// Counts, and wakes all who sleep.
    #[cfg(not(loom))]
    pub(crate) fn ring(&self) {
        self.word.fetch_add(1, Release);
        crate::sys::wake_all(&self.word);
    }

    /// Sleeps while the count is this. May return early for no reason.
    #[cfg(not(loom))]
    pub(crate) fn sleep(&self, value: u32, limit: Option<Duration>) {
        crate::sys::sleep_while(&self.word, value, limit);
    }

    #[cfg(loom)]
    pub(super) fn model() -> Self {
        let kernel = (loom::sync::Mutex::new(()), loom::sync::Condvar::new());
        Count { word: AtomicU32::new(0), kernel }
    }

    #[cfg(loom)]
    pub(crate) fn ring(&self) {
        self.word.fetch_add(1, Release);
        let _kernel = self.kernel.0.lock().expect("no model thread panics while it holds this");
        self.kernel.1.notify_all();
    }

    /// What the kernel does: compare and go to sleep as one step.
    #[cfg(loom)]
    pub(crate) fn sleep(&self, value: u32, limit: Option<Duration>) {
        let kernel = self.kernel.0.lock().expect("no model thread panics while it holds this");
        if limit.is_none() && self.word.load(Acquire) == value {
            drop(self.kernel.1.wait(kernel).expect("as above"));
        }
    }
}
