//! What may travel only in messages of the runtime's own: rights to answer.
//!
//! A right is one value's at a time. While a message is encoded, what gives a right away notes it
//! here, and loses it only when the message has really gone: a message that is given back still has
//! all of its rights. Anywhere else, in arguments or in JSON, a right does not travel.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::id::Right;

/// A right in a message that is being encoded, and where its holder hears that it has gone.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) right: Right,
    pub(crate) gone: Arc<AtomicBool>,
}

thread_local! {
    /// Whether a message is being encoded, and how many claims were noted.
    static LENDING: Cell<(bool, usize)> = const { Cell::new((false, 0)) };
    static NOTED: RefCell<Vec<Claim>> = const { RefCell::new(Vec::new()) };
    static RECEIVING: RefCell<Option<Received>> = const { RefCell::new(None) };
}

/// The rights of a message that was encoded.
#[derive(Debug, Default)]
pub(crate) struct Claims(Vec<Claim>);

impl Claims {
    /// The rights that the message carries.
    #[inline]
    pub(crate) fn rights(&self) -> Vec<Right> {
        self.0.iter().map(|claim| claim.right.clone()).collect()
    }

    /// Says that the message has gone, and its rights with it.
    #[inline]
    pub(crate) fn commit(self) {
        for claim in self.0 {
            claim.gone.store(true, Ordering::Relaxed);
        }
    }
}

/// Encodes a message, which may carry rights.
#[inline]
pub(crate) fn lending<R>(encode: impl FnOnce() -> R) -> (R, Claims) {
    // A user's `Serialize` may send a message itself: what it notes lies above what was noted.
    let outer = LENDING.get();
    LENDING.set((true, outer.1));
    let restore = Restore(outer);
    let encoded = encode();
    (encoded, Claims(restore.end()))
}

/// What it was before, and is again even if encoding panics.
struct Restore((bool, usize));

impl Restore {
    #[inline]
    fn end(self) -> Vec<Claim> {
        let (_, below) = self.0;
        if LENDING.get().1 == below {
            return Vec::new();
        }
        NOTED.with_borrow_mut(|noted| noted.split_off(below))
    }
}

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        let (_, noted) = LENDING.replace(self.0);
        if noted != self.0.1 {
            NOTED.with_borrow_mut(|noted| noted.truncate(self.0.1));
        }
    }
}

/// Notes that a right is in the message being encoded; whether there is one.
pub(crate) fn lend(claim: Claim) -> bool {
    let (lending, noted) = LENDING.get();
    if lending {
        NOTED.with_borrow_mut(|claims| claims.push(claim));
        LENDING.set((true, noted + 1));
    }
    lending
}

/// A message that is being decoded.
#[derive(Debug)]
struct Received {
    /// Whether whoever asked waits at the lane of this process.
    at_lane: bool,
    dropped: Vec<Right>,
}

/// Decodes a message, which may bring rights. Those that were dropped in the course of it are in the
/// answer: what becomes of them depends on whether the message could be read.
pub(crate) fn receiving<R>(at_lane: bool, decode: impl FnOnce() -> R) -> (R, Vec<Right>) {
    struct Restore(Option<Received>);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECEIVING.replace(self.0.take());
        }
    }
    let received = Received { at_lane, dropped: Vec::new() };
    let _restore = Restore(RECEIVING.replace(Some(received)));
    let decoded = decode();
    let dropped = RECEIVING.take().map(|received| received.dropped);
    (decoded, dropped.unwrap_or_default())
}

/// Whether a message is being decoded; and if so, whether its asker waits at the lane.
pub(crate) fn is_receiving() -> Option<bool> {
    RECEIVING.with_borrow(|received| received.as_ref().map(|received| received.at_lane))
}

/// Notes that a right was dropped while a message is decoded; whether one is.
pub(crate) fn drop_received(right: &Right) -> bool {
    RECEIVING.with_borrow_mut(|received| {
        received.as_mut().map(|received| received.dropped.push(right.clone())).is_some()
    })
}
