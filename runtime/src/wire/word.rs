//! What travels between a parent and a child besides lanes: words, in frames that are put together
//! again.

use serde::{Deserialize, Serialize};

use crate::id::{ProcessId, Right};

/// One thing said over an edge of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Word {
    /// For some process of the tree, which may be further on.
    Packet(Packet),
    /// For the process at the other end of this edge.
    Local(#[serde(with = "super::bytes")] Vec<u8>),
}

/// What one process of the tree sends to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Packet {
    pub(crate) to: ProcessId,
    pub(crate) from: ProcessId,
    /// The rights to answer that travel in it.
    pub(crate) rights: Vec<Right>,
    /// The number of the right that it uses up, if it is an answer.
    pub(crate) answers: Option<u64>,
    /// The message itself, which nobody on the way reads.
    #[serde(with = "super::bytes")]
    pub(crate) parcel: Vec<u8>,
}
