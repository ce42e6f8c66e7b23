//! A ring in shared memory: one process writes frames, another reads them, nobody locks.
//!
//! ```text
//!            done            taken          written
//!   ───────────┼───────────────┼───────────────┼──────────►  positions only grow
//!     free     │ being handled │    waiting    │   free
//! ```
//!
//! What must stay true, whatever the other side does:
//!
//! - A side keeps its own position privately and only publishes it; it never reads it back.
//! - Every position and length of the other side is checked before it is used. One that cannot be
//!   is a [`Violation`], never a hang and never an access out of bounds.
//! - A frame is visible only when it is complete; one of [numbers] word by word.
//! - Who sleeps has said so before the last look; who publishes looks for a sleeper afterwards.
//!   Both have a full fence in between, so that one of them sees the other; where one side sleeps so
//!   rarely that it can pay for both, the other's is [cheap](cut). A process may be killed between the
//!   two, so **whoever observes a death tolls the bells**.
//!
//! Bytes are copied through raw pointers: a reference to memory that another process writes would
//! be undefined behaviour. The whole protocol is checked by loom in `model` and those beside it.

mod claimer;
mod consumer;
mod control;
mod count;
mod cut;
mod data;
mod feeder;
#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, loom))]
mod model_claims;
#[cfg(all(test, loom))]
mod model_numbers;
mod numbers;
mod producer;
mod waiting;

pub(crate) use claimer::{Claimer, Wait};
#[cfg(not(loom))]
pub(crate) use consumer::Frame;
#[cfg(not(loom))]
pub(crate) use consumer::ReaderBell;
pub(crate) use consumer::{Consumer, PopError};
pub(crate) use control::Shared;
#[cfg(not(loom))]
pub(crate) use control::{CONTROL, Control};
pub(crate) use count::Count;
pub(crate) use feeder::Feeder;
#[cfg(not(loom))]
pub(crate) use numbers::WORD;
pub(crate) use numbers::{MOST, NUMBERS};
pub(crate) use producer::{Producer, PushError};
pub(crate) use waiting::WaitingRoom;

/// The other side published a position or a length that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Violation;

/// Length and tag before each frame.
const HEADER: u64 = 8;

/// What a frame with so many bytes takes up: positions stay aligned to eight.
pub(crate) const fn footprint(len: u64) -> u64 {
    (HEADER + len).next_multiple_of(8)
}
