//! The words that both sides of a ring see, and the bells that wake a sleeper.

#[cfg(not(loom))]
use std::sync::{
    Arc,
    atomic::{
        AtomicBool, AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
        fence,
    },
};
use std::time::Duration;

#[cfg(loom)]
use loom::sync::{
    Arc,
    atomic::{
        AtomicBool, AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
        fence,
    },
};

use super::data::Data;

/// The shared words of one ring. All zero is an empty ring with nobody asleep.
#[repr(C)]
pub(crate) struct Control {
    /// Up to where frames are complete. Stored by the producer.
    pub(super) written: Line<AtomicU64>,
    /// How far the consumer is. Stored by the consumer.
    pub(super) read: Line<Progress>,
    /// Where the consumer sleeps.
    pub(super) reader: Line<Bell>,
    /// Where the producer sleeps, and how much room would wake it.
    pub(super) writer: Line<Bell>,
    pub(super) need: AtomicU64,
    /// Where frames can be taken back: which ones were. Stored by the producer.
    pub(super) cut: AtomicU64,
    /// Whether nothing will follow what is there.
    pub(super) closing: AtomicU32,
}

/// How far the consumer is, on one line: it stores them one after the other.
#[repr(C)]
pub(super) struct Progress {
    /// Up to where the space is free again.
    pub(super) done: AtomicU64,
    /// Up to where frames were taken. What lies between the two is being handled. Where frames can be
    /// taken back: the number of the last one that was.
    pub(super) taken: AtomicU64,
    /// When the last frame was taken, in nanoseconds of the system's monotonic clock, where the
    /// consumer was asked to note it.
    pub(super) began: AtomicU64,
    /// Where frames can be taken back: what the consumer knows of that.
    pub(super) known: AtomicU64,
}

/// A word on cache lines of its own: two, for processors fetch them in pairs, and whoever waits for one
/// would take the other away from the side that stores there.
#[repr(C, align(128))]
pub(super) struct Line<T>(pub(super) T);

/// How many bytes [`Control`] takes in a region.
#[cfg(not(loom))]
pub(crate) const CONTROL: usize = size_of::<Control>();

/// A word to sleep on: 1 while somebody does, or is about to.
#[repr(C)]
pub(super) struct Bell {
    armed: AtomicU32,
    #[cfg(loom)]
    kernel: (loom::sync::Mutex<()>, loom::sync::Condvar),
}

impl Bell {
    /// Says that the caller is about to sleep. It looks once more after this.
    pub(super) fn arm(&self) {
        self.armed.store(1, Relaxed);
        fence(SeqCst);
    }

    /// Says that the caller does not sleep after all.
    pub(super) fn disarm(&self) {
        self.armed.store(0, Relaxed);
    }

    /// Whether somebody sleeps, or is about to. Asked after publishing.
    #[inline]
    pub(super) fn is_armed(&self) -> bool {
        fence(SeqCst);
        self.was_armed()
    }

    /// The same, for who has passed a fence.
    #[inline]
    pub(super) fn was_armed(&self) -> bool {
        self.armed.load(Relaxed) == 1
    }

    /// Wakes whoever sleeps.
    pub(super) fn toll(&self) {
        self.armed.store(0, Relaxed);
        self.wake();
    }

    #[cfg(not(loom))]
    pub(super) fn sleep(&self, limit: Option<Duration>) {
        crate::sys::sleep_while(&self.armed, 1, limit);
    }

    #[cfg(not(loom))]
    fn wake(&self) {
        crate::sys::wake_all(&self.armed);
    }

    /// What the kernel does: compare and go to sleep as one step.
    #[cfg(loom)]
    pub(super) fn sleep(&self, limit: Option<Duration>) {
        let kernel = self.kernel.0.lock().expect("no model thread panics while it holds this");
        if limit.is_none() && self.armed.load(Relaxed) == 1 {
            drop(self.kernel.1.wait(kernel).expect("as above"));
        }
    }

    #[cfg(loom)]
    fn wake(&self) {
        let _kernel = self.kernel.0.lock().expect("no model thread panics while it holds this");
        self.kernel.1.notify_all();
    }
}

/// One side's view of a ring.
#[derive(Clone)]
pub(crate) struct Shared {
    #[cfg(not(loom))]
    control: std::ptr::NonNull<Control>,
    #[cfg(loom)]
    control: Arc<Control>,
    pub(super) data: Data,
    /// Whether the other side is known to be dead. In this process's own memory, where the other
    /// side cannot take it back.
    gone: Arc<AtomicBool>,
}

// SAFETY: `control` points to atomics in a region that `data` keeps mapped.
#[cfg(not(loom))]
unsafe impl Send for Shared {}
// SAFETY: as above; all access to the control words is atomic.
#[cfg(not(loom))]
unsafe impl Sync for Shared {}

impl Shared {
    /// A ring in a region: control words at one offset, data at another.
    #[cfg(not(loom))]
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn in_region(
        region: &Arc<crate::wire::region::Region>,
        control: usize,
        data: std::ops::Range<usize>,
    ) -> Self {
        assert!(control.is_multiple_of(128) && control + CONTROL <= region.len());
        // SAFETY: the offset was just checked to be within the mapping.
        let control = unsafe { region.start().add(control) }.cast::<Control>();
        Shared {
            control,
            data: Data::in_region(region, data),
            gone: Arc::new(AtomicBool::new(false)),
        }
    }

    #[cfg(loom)]
    pub(super) fn model(capacity: usize) -> Self {
        let bell = || {
            Line(Bell {
                armed: AtomicU32::new(0),
                kernel: (loom::sync::Mutex::new(()), loom::sync::Condvar::new()),
            })
        };
        Shared {
            control: Arc::new(Control {
                written: Line(AtomicU64::new(0)),
                read: Line(Progress {
                    done: AtomicU64::new(0),
                    taken: AtomicU64::new(0),
                    began: AtomicU64::new(0),
                    known: AtomicU64::new(0),
                }),
                reader: bell(),
                writer: bell(),
                need: AtomicU64::new(0),
                cut: AtomicU64::new(0),
                closing: AtomicU32::new(0),
            }),
            data: Data::model(capacity),
            gone: Arc::new(AtomicBool::new(false)),
        }
    }

    #[inline]
    pub(super) fn control(&self) -> &Control {
        #[cfg(not(loom))]
        // SAFETY: the words are within a mapping that `data` keeps, and all of them are atomic.
        let control = unsafe { self.control.as_ref() };
        #[cfg(loom)]
        let control = &self.control;
        control
    }

    /// Says that the other side is dead, and wakes whoever waits for it on this side.
    pub(crate) fn close(&self) {
        self.gone.store(true, Release);
        fence(SeqCst);
        self.control().reader.0.toll();
        self.control().writer.0.toll();
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.gone.load(Acquire)
    }

    /// Says that nothing will follow what is there.
    pub(crate) fn finish(&self) {
        self.control().closing.store(1, Release);
        fence(SeqCst);
        self.control().reader.0.toll();
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.control().closing.load(Acquire) == 1
    }

    /// Says that the reader wants to hear of the next frame where this number says. It looks once more
    /// after a fence.
    pub(crate) fn arm(&self, number: u32) {
        // An exchange, as `tell_reader` has one: what that takes off is what was there last.
        self.control().reader.0.armed.swap(number, AcqRel);
    }

    /// Says that the reader wants to hear nothing for now.
    pub(crate) fn disarm(&self) {
        self.control().reader.0.disarm();
    }

    /// Rings where the reader sleeps, if it said that it wants to hear by a number up to this one: by
    /// which.
    #[inline]
    pub(crate) fn tell_reader(&self, most: u32, ring: impl FnOnce(u32)) {
        let reader = &self.control().reader.0;
        fence(SeqCst);
        let number = reader.armed.load(Relaxed);
        if number == 0 || number > most {
            return;
        }
        // Whoever has armed it in between was not told, and may not have looked: taken and told as one.
        let number = reader.armed.swap(0, AcqRel);
        if number > 0 {
            ring(number);
        }
    }

    /// Wakes a consumer that waits for a frame, to look again.
    #[cfg(not(loom))]
    pub(super) fn toll_reader(&self) {
        fence(SeqCst);
        self.control().reader.0.toll();
    }

    /// Puts back what both sides see of a ring that nobody reads, and wakes a writer that waits for
    /// room, to look again.
    #[cfg(not(loom))]
    pub(super) fn restore(&self, written: u64, done: u64, finished: bool) {
        let control = self.control();
        control.written.0.store(written, Relaxed);
        let read = &control.read.0;
        read.began.store(0, Relaxed);
        read.known.store(0, Relaxed);
        read.taken.store(done, Relaxed);
        read.done.store(done, Relaxed);
        // Where frames can be taken back there is no second reader.
        control.cut.store(0, Relaxed);
        control.closing.store(u32::from(finished), Relaxed);
        control.reader.0.disarm();
        // Both what wakes the writer and what it waits for are its own again when it looks.
        fence(SeqCst);
        self.toll_writer();
    }

    /// Wakes a producer that waits for room, to look again.
    pub(crate) fn toll_writer(&self) {
        self.control().writer.0.toll();
    }
}
