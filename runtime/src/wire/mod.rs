//! What crosses between two processes, and on what: values, frames, rings and shared regions.
//!
//! A [lane](lane) is one direction of one connection. It has two carriers behind one type: a ring
//! in shared memory, and frames over ipc-channel. This is the only module that names ipc-channel.

pub mod bytes;

mod batch;
mod belt;
mod bootstrap;
mod channel;
mod codec;
mod control;
mod frames;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gong;
mod heirloom;
mod lane;
mod mailbox;
mod patience;
mod region;
mod ring;
mod scope;
mod special;
mod told;
mod upward;
mod variable;
mod word;
mod workbench;

pub(crate) use batch::{
    Rows, Shape, add_frame, add_row, alike_bodies, first_alike, first_frame, flag_frame, numbers,
};
pub(crate) use belt::{Answers, Belt, BeltRegion, LanePair, is_result};
pub(crate) use bootstrap::{Bootstrap, Hello, ParentIs, digest_of};
pub(crate) use channel::ChannelError;
pub(crate) use codec::{DecodeRow, ShortRow, is_number, plain, read_plain, read_row, word_of};
pub use codec::{Decoder, Encoder};
pub(crate) use control::{Control, ControlOffer, ControlReceiver, ControlSender};
pub(crate) use gong::{Gong, Sleeper};
pub(crate) use heirloom::Heirloom;
pub(crate) use lane::{
    Body, Carrier, ChildEnds, ChildLanes, Closer, Fault, LaneReceiver, LaneSender, Message,
    OwnedBody, ParentEnds, Reports, Short, Tag, WAKE, connect, task_function, task_tag,
};
pub(crate) use mailbox::{MailboxEnds, MailboxSender, NotNow};
pub(crate) use patience::Patience;
pub(crate) use ring::{NUMBERS, ReaderBell, WORD, WaitingRoom};
pub(crate) use scope::{
    Claims, asking, asks_with, begin_lending, come_too_late, drop_received, is_lending,
    is_receiving, is_too_late, lend, lending, receiving,
};
pub(crate) use special::{Serves, Special};
pub(crate) use upward::{Taken, UpReceiver, UpSender, upward};
pub(crate) use variable::{VARIABLE, Variable};
pub(crate) use word::{Incoming, Outgoing, Packet, Word, longest};
pub(crate) use workbench::{BeltEnds, Results, Workbench};

/// Between what was said and a look at the other side, where that does the same the other way round:
/// one of the two then sees the other.
pub(crate) fn fence() {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}
