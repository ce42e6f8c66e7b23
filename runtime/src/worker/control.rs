//! Hearing what the parent says and wants: on the worker's one runtime thread, which begins when
//! something depends on it. Whether the parent lives is the kernel's to watch, until then and after.

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
    hear();
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
        let is_late = || deadline.is_some_and(|at| Instant::now() >= at);
        // Where the system has no thread that hears, who waits hears.
        while let Some(news) = unheard()
            && !self.is_raised()
            && !is_late()
        {
            news.wait_until(deadline);
            take_news();
        }
        let mut asked = self.lock();
        while !*asked && !is_late() {
            asked = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
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
static AT_STOP: Mutex<Option<Box<dyn Fn() + Send>>> = Mutex::new(None);

/// Has something done when the parent asks this process to stop; at once if it has. There is one such
/// thing in a process: its mailbox or its belt is closed.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn at_stop(act: impl Fn() + Send + 'static) {
    hear();
    let mut at_stop = AT_STOP.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if STOP.is_raised() {
        act();
    }
    *at_stop = Some(Box::new(act));
}

fn stop() {
    STOP.raise();
    let at_stop = AT_STOP.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    at_stop.iter().for_each(|act| act());
}

/// Where the parent is heard.
struct Ear {
    control: ControlReceiver,
    buffer: Vec<u8>,
    incoming: Incoming,
}

/// The ear, until the thread has it.
static EAR: Mutex<Option<Ear>> = Mutex::new(None);

/// Whether the thread has begun.
static HEARS: AtomicBool = AtomicBool::new(false);

fn ear() -> MutexGuard<'static, Option<Ear>> {
    EAR.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Takes the control channel over. Nobody hears it before somebody [cares](hear): most processes are
/// never told anything, and need no thread for that.
#[inline]
pub(super) fn take_over(control: ControlReceiver) {
    // The parent is trusted, and has its own limits.
    *ear() = Some(Ear { control, buffer: Vec::new(), incoming: Incoming::new(usize::MAX) });
}

/// What news of the parent come on, where there is one and no thread hears it.
fn unheard() -> Option<ControlReceiver> {
    if HEARS.load(Ordering::Acquire) || !super::context::is_original() {
        return None;
    }
    ear().as_ref().map(|ear| ear.control)
}

/// Has the parent heard from now on; what it has said by now is heard when this returns.
///
/// Called before anything that depends on what the parent says. Where the system has no thread left
/// the worker lives without, and the next call tries again.
#[inline]
pub(crate) fn hear() {
    // A copy made by `fork` would take what is meant for the original.
    if !HEARS.load(Ordering::Acquire) && super::context::is_original() {
        take_news();
    }
}

/// Hears what there is, and has the thread hear the rest.
#[unsafe(link_section = ".procession.start")]
fn take_news() {
    // Not waiting: who has it hears already, or is what is called for something that was heard.
    let Ok(mut waiting) = EAR.try_lock() else { return };
    let Some(ear) = &mut *waiting else { return };
    if HEARS.load(Ordering::Acquire) {
        return;
    }
    // Where the function has closed the channel there is nothing to hear any more.
    let mut hears = !ear.control.is_ours();
    while !hears && ear.control.has_more() {
        hears = !ear.take(false);
    }
    if hears || sys::run_bare(listen).is_ok() {
        HEARS.store(true, Ordering::Release);
    }
}

#[unsafe(link_section = ".procession.start")]
fn listen() {
    sys::name_thread(c"procession-cont");
    let Some(mut ear) = ear().take() else { return };
    // Until it is told anything, this thread needs no memory.
    let asked = ear.control.wait();
    while ear.take(asked) {}
    // Its number may be the function's by now.
    std::mem::forget(ear);
}

impl Ear {
    /// Takes what the parent says next, and waits for it; whether there can be more. `asked` says that
    /// it is the wish to stop, should that not be there to be taken any more.
    fn take(&mut self, asked: bool) -> bool {
        match self.control.receive(&mut self.buffer) {
            Ok(Control::Stop) => stop(),
            Ok(Control::Frame(frame)) => match self.incoming.add(frame) {
                Ok(word) => word.into_iter().for_each(words::take),
                // There was no memory for it; the next word begins anew.
                Err(_) => self.incoming = Incoming::new(usize::MAX),
            },
            // The function has closed this channel; the kernel still watches.
            Err(ChannelError::Closed) => {
                if asked && !STOP.is_raised() {
                    stop();
                }
                return false;
            }
            // A child outlives nobody: without its parent there is no one to work for.
            Err(_) => sys::die_at_once(),
        }
        true
    }
}
