//! What may travel only in messages of the runtime's own: rights to answer.
//!
//! A right is one value's at a time. While a message is encoded, what gives a right away notes it
//! here, and loses it only when the message has really gone: a message that is given back still has
//! all of its rights. Anywhere else, in arguments or in JSON, a right does not travel.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::id::Right;

thread_local! {
    /// Whether a message is being encoded, and how many rights were noted.
    static LENDING: Cell<(bool, usize)> = const { Cell::new((false, 0)) };
    static NOTED: RefCell<Vec<Right>> = const { RefCell::new(Vec::new()) };
    /// Where the holder of each hears that it has gone, until that is decided.
    static HOLDERS: RefCell<Vec<Arc<AtomicBool>>> = const { RefCell::new(Vec::new()) };
    /// The number of the right with which the message being encoded asks.
    static ASKS: Cell<Option<u64>> = const { Cell::new(None) };
    /// Whether a message is being decoded, and if so, whether its asker waits at the lane of this
    /// process; how many rights were dropped; and whether the message came too late.
    static RECEIVING: Cell<(Option<bool>, usize, bool)> = const { Cell::new((None, 0, false)) };
    static DROPPED: RefCell<Vec<Right>> = const { RefCell::new(Vec::new()) };
}

/// The rights of a message that was encoded. Unless they [go](Claims::commit) they stay where they are.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) rights: Vec<Right>,
    /// Which of the holders are theirs: those from here on. What is encoded meanwhile is above.
    holders: usize,
}

impl Claims {
    /// Says that the message has gone, and its rights with it.
    #[inline]
    pub(crate) fn commit(self) {
        HOLDERS.with_borrow(|holders| {
            holders[self.holders..].iter().for_each(|gone| gone.store(true, Ordering::Relaxed));
        });
    }
}

impl Drop for Claims {
    #[inline]
    fn drop(&mut self) {
        HOLDERS.with_borrow_mut(|holders| holders.truncate(self.holders));
    }
}

/// Encodes a message, which may carry rights.
#[inline]
pub(crate) fn lending<R>(encode: impl FnOnce() -> R) -> (R, Option<Claims>) {
    let lending = begin_lending();
    let encoded = encode();
    (encoded, lending.end())
}

/// Encodes a message that asks with the right of this number, or with none.
#[inline]
pub(crate) fn asking<R>(with: Option<u64>, encode: impl FnOnce() -> R) -> R {
    struct Before(Option<u64>);
    impl Drop for Before {
        fn drop(&mut self) {
            ASKS.set(self.0);
        }
    }
    let _before = Before(ASKS.replace(with));
    encode()
}

/// Whether the message being encoded asks with this right.
pub(crate) fn asks_with(right: &Right) -> bool {
    ASKS.get() == Some(right.number)
}

/// Begins to encode a message; see [`lending`].
#[inline]
pub(crate) fn begin_lending() -> Lending {
    // A user's `Serialize` may send a message itself: what it notes lies above what was noted.
    let outer = LENDING.get();
    LENDING.set((true, outer.1));
    Lending(outer)
}

/// What it was before, and is again even if encoding panics.
pub(crate) struct Lending((bool, usize));

impl Lending {
    /// The rights that were noted, if there are any.
    #[inline]
    pub(crate) fn end(self) -> Option<Claims> {
        let (_, below) = self.0;
        let noted = LENDING.get().1 - below;
        if noted == 0 {
            return None;
        }
        LENDING.set(self.0);
        let rights = NOTED.with_borrow_mut(|noted| noted.split_off(below));
        Some(Claims { rights, holders: HOLDERS.with_borrow(Vec::len) - noted })
    }
}

impl Drop for Lending {
    #[inline]
    fn drop(&mut self) {
        let (_, below) = self.0;
        let noted = LENDING.replace(self.0).1 - below;
        if noted != 0 {
            NOTED.with_borrow_mut(|rights| rights.truncate(below));
            HOLDERS.with_borrow_mut(|holders| holders.truncate(holders.len() - noted));
        }
    }
}

/// Whether a message is being encoded.
pub(crate) fn is_lending() -> bool {
    LENDING.get().0
}

/// Notes that a right is in the message being encoded, and where its holder hears that it has gone.
pub(crate) fn lend(right: Right, holder: Arc<AtomicBool>) {
    let (lending, noted) = LENDING.get();
    NOTED.with_borrow_mut(|rights| rights.push(right));
    HOLDERS.with_borrow_mut(|holders| holders.push(holder));
    LENDING.set((lending, noted + 1));
}

/// Decodes a message, which may bring rights. Those that were dropped in the course of it are in the
/// answer: what becomes of them depends on whether the message could be read.
#[inline]
pub(crate) fn receiving<R>(at_lane: bool, decode: impl FnOnce() -> R) -> (R, Vec<Right>) {
    // A user's `Deserialize` may read a message itself: what it drops lies above what was dropped.
    let outer = RECEIVING.get();
    RECEIVING.set((Some(at_lane), outer.1, false));
    let restore = Received(outer);
    let decoded = decode();
    (decoded, restore.end())
}

/// What it was before, and is again even if decoding panics.
struct Received((Option<bool>, usize, bool));

impl Received {
    #[inline]
    fn end(self) -> Vec<Right> {
        let (_, below, _) = self.0;
        if RECEIVING.get().1 == below {
            return Vec::new();
        }
        DROPPED.with_borrow_mut(|dropped| dropped.split_off(below))
    }
}

impl Drop for Received {
    #[inline]
    fn drop(&mut self) {
        let (_, dropped, _) = RECEIVING.replace(self.0);
        if dropped != self.0.1 {
            DROPPED.with_borrow_mut(|dropped| dropped.truncate(self.0.1));
        }
    }
}

/// Whether a message is being decoded; and if so, whether its asker waits at the lane.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn is_receiving() -> Option<bool> {
    RECEIVING.get().0
}

/// Notes that nobody waits any more for the answer to the message being decoded.
#[cold]
pub(crate) fn come_too_late() {
    let (receiving, dropped, _) = RECEIVING.get();
    RECEIVING.set((receiving, dropped, true));
}

/// Whether the message being decoded has come too late.
#[inline]
pub(crate) fn is_too_late() -> bool {
    RECEIVING.get().2
}

/// Notes that a right was dropped while a message is decoded; whether one is.
pub(crate) fn drop_received(right: &Right) -> bool {
    let (receiving, dropped, late) = RECEIVING.get();
    if receiving.is_some() {
        DROPPED.with_borrow_mut(|rights| rights.push(right.clone()));
        RECEIVING.set((receiving, dropped + 1, late));
    }
    receiving.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ProcessId;

    fn right(number: u64) -> Right {
        Right::new(number, ProcessId::root(), u64::MAX)
    }

    fn numbers(rights: &[Right]) -> Vec<u64> {
        rights.iter().map(|right| right.number).collect()
    }

    #[test]
    fn rights_are_dropped_in_the_message_that_brought_them() {
        let (inner, outer) = receiving(true, || {
            assert!(drop_received(&right(1)));
            let ((), inner) = receiving(false, || {
                assert_eq!(is_receiving(), Some(false));
                assert!(drop_received(&right(2)));
            });
            assert_eq!(is_receiving(), Some(true));
            assert!(drop_received(&right(3)));
            inner
        });

        assert_eq!((numbers(&inner), numbers(&outer)), (vec![2], vec![1, 3]));
        assert_eq!(is_receiving(), None);
        assert!(!drop_received(&right(4)));
    }

    #[test]
    fn a_message_whose_decoding_panics_leaves_nothing_to_the_next() {
        let ((), outer) = receiving(true, || {
            assert!(drop_received(&right(1)));
            let decode = || receiving(false, || assert!(!drop_received(&right(2)), "as it should"));
            std::panic::catch_unwind(decode).unwrap_err();
            assert_eq!(is_receiving(), Some(true));
        });

        assert_eq!(numbers(&outer), [1]);
        assert!(receiving(true, || ()).1.is_empty());
    }
}
