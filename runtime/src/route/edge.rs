//! The connection between this process and one living child, besides the lanes.

use std::sync::Arc;

use crate::id::Right;
use crate::outcome::ExitReason;
use crate::wire::Word;

/// The connection to one child: words go down it, and it knows which rights to answer went along.
#[derive(Debug)]
pub(crate) struct Edge {}

/// The child has ended, or hears nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// Hears what a child says to its parent alone. It never waits.
pub(crate) type Listener = Box<dyn Fn(Vec<u8>) + Send + Sync>;

/// Hears how a child ended, before anybody else does and before its rights are lost.
pub(crate) type Mourner = Box<dyn FnOnce(&Arc<Edge>, &ExitReason) + Send>;

/// What whoever starts a child wants to hear of it.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) local: Option<Listener>,
    pub(crate) ended: Option<Mourner>,
}

impl Edge {
    /// Sends a word down; never waits. A word that was not taken is dropped.
    pub(crate) fn send(&self, _word: &Word) -> Result<(), Gone> {
        Err(Gone)
    }

    /// Notes a right that goes down without a packet; not where the child has ended.
    pub(crate) fn lend(&self, _right: Right) -> Result<(), Gone> {
        Err(Gone)
    }

    /// Strikes out a right; whether it was there.
    pub(crate) fn settle(&self, _number: u64) -> bool {
        false
    }

    /// Takes all rights that are down there, the oldest first.
    pub(crate) fn take_rights(&self) -> Vec<Right> {
        Vec::new()
    }
}
