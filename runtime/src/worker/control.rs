//! The worker's one runtime thread: it hears what the parent says and wants, and whether it lives.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::words;
use crate::sys;
use crate::wire::{ChannelError, Control, ControlReceiver, Incoming};

/// Whether the parent asked this process to stop; can be waited for.
#[derive(Debug)]
pub(crate) struct StopFlag {
    /// The same for who looks often.
    seen: AtomicBool,
    asked: Mutex<bool>,
    changed: Condvar,
}

static STOP: StopFlag =
    StopFlag { seen: AtomicBool::new(false), asked: Mutex::new(false), changed: Condvar::new() };

/// This process's flag. Nobody ever raises it where there is no parent to ask.
#[inline]
pub(crate) fn stop_flag() -> &'static StopFlag {
    &STOP
}

impl StopFlag {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.asked.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn raise(&self) {
        *self.lock() = true;
        self.seen.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    #[inline]
    pub(crate) fn is_raised(&self) -> bool {
        self.seen.load(Ordering::Acquire)
    }

    /// Waits until it is raised or the time is up; whether it is.
    pub(crate) fn wait(&self, limit: Option<Duration>) -> bool {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut asked = self.lock();
        while !*asked {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            asked = match left {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let waited = self.changed.wait_timeout(asked, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
                None => self.changed.wait(asked).unwrap_or_else(|poisoned| poisoned.into_inner()),
            };
        }
        *asked
    }
}

/// What is done when the parent asks this process to stop, besides raising the flag.
static AT_STOP: Mutex<Vec<Box<dyn Fn() + Send>>> = Mutex::new(Vec::new());

/// Has something done when the parent asks this process to stop; at once if it has.
pub(crate) fn at_stop(act: impl Fn() + Send + 'static) {
    let mut acts = AT_STOP.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if STOP.is_raised() {
        act();
    }
    acts.push(Box::new(act));
}

fn stop() {
    STOP.raise();
    let acts = AT_STOP.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    acts.iter().for_each(|act| act());
}

/// What the thread hears from, once there is something.
static HANDED: Mutex<Option<ControlReceiver>> = Mutex::new(None);

static HANDED_OVER: Condvar = Condvar::new();

/// Hands the control channel over to the thread.
pub(super) struct Listener(());

impl Listener {
    pub(super) fn hear(self, control: ControlReceiver) {
        *HANDED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(control);
        HANDED_OVER.notify_one();
    }
}

/// Starts the thread before there is anything to hear, while the parent reads the hello; it hears
/// what is handed to it. Where the system has no thread left the worker lives without: the kernel
/// still ends it with its parent.
pub(super) fn prepare() -> Option<Listener> {
    sys::run_bare(256 * 1024, listen).ok().map(|()| Listener(()))
}

fn listen() {
    sys::block_signals();
    sys::name_thread(c"procession-cont");
    let mut handed = HANDED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let control = loop {
        match handed.take() {
            Some(control) => break control,
            None => {
                handed = HANDED_OVER.wait(handed).unwrap_or_else(|poisoned| poisoned.into_inner());
            }
        }
    };
    drop(handed);
    // The parent is trusted, and has its own limits.
    let mut incoming = Incoming::new(usize::MAX);
    // Most processes are never told anything, and until then this thread needs no memory.
    let asked = control.wait();
    loop {
        match control.receive() {
            Ok(Control::Stop) => stop(),
            Ok(Control::Frame(frame)) => match incoming.add(&frame) {
                Ok(word) => word.into_iter().for_each(words::take),
                // There was no memory for it; the next word begins anew.
                Err(_) => incoming = Incoming::new(usize::MAX),
            },
            Ok(Control::Begin(_)) => {}
            // The function has closed this channel; the kernel still watches.
            Err(ChannelError::Closed) => {
                if asked && !STOP.is_raised() {
                    stop();
                }
                // Its number may be the function's by now.
                std::mem::forget(control);
                return;
            }
            // A child outlives nobody: without its parent there is no one to work for.
            Err(_) => sys::die_at_once(),
        }
    }
}
