//! What crosses between two processes, and on what: values, frames, rings and shared regions.
//!
//! A [lane](lane) is one direction of one connection. It has two carriers behind one type: a ring
//! in shared memory, and frames over ipc-channel. This is the only module that names ipc-channel.

pub mod bytes;

mod bootstrap;
mod channel;
mod codec;
mod frames;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod lane;
mod mailbox;
mod patience;
mod region;
mod ring;
mod scope;
mod told;
mod upward;
mod variable;
mod word;

pub(crate) use bootstrap::{
    Bootstrap, Control, ControlReceiver, ControlSender, Greeting, ParentIs, Server, Serves,
};
pub(crate) use channel::ChannelError;
pub use codec::{Decoder, Encoder};
pub(crate) use codec::{plain, read_plain};
pub(crate) use lane::{
    Body, Carrier, ChildEnds, Closer, Fault, LaneReceiver, LaneSender, OwnedBody, ParentEnds,
    Reports, Tag, connect,
};
pub(crate) use mailbox::{MailboxOffer, MailboxSender, NotNow};
pub(crate) use patience::Patience;
pub(crate) use ring::{ReaderBell, WaitingRoom};
pub(crate) use scope::{Claim, Claims, drop_received, is_receiving, lend, lending, receiving};
pub(crate) use upward::{Taken, UpReceiver, UpSender, upward};
pub(crate) use variable::{VARIABLE, Variable};
pub(crate) use word::{Incoming, Outgoing, Packet, Word, longest};
