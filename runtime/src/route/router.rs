//! The way from one process of the tree to any other: by path, up to the parent or down to a child.

use std::sync::Arc;

use super::life::Life;
use crate::id::Right;
use crate::outcome::ExitReason;
use crate::wire::Packet;

/// Who is told what arrives in this process. None of them waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Post {
    /// A packet for this process.
    pub(crate) received: fn(Packet),
    /// A packet that cannot go on from here.
    pub(crate) unroutable: fn(Packet),
    /// A right that was somewhere below a child that has ended.
    pub(crate) lost: fn(Right, &Arc<Life>, &ExitReason),
}

/// Names those who are told, once. What came before waits for them.
pub(crate) fn set_post(_post: Post) {}

/// Begins to pass on what the parent sends. Called before a worker's function, and harmless again.
pub(crate) fn ready() {}

/// Sends a packet on its way; it comes back if there is none. May wait while a parent takes it.
#[expect(clippy::result_large_err, reason = "the packet comes back whole")]
pub(crate) fn send(packet: Packet) -> Result<(), Packet> {
    Err(packet)
}
