//! Starts children, and meets them.
//!
//! ```text
//! Plan ── start ──► Started ──► Meeting ── greet ──► met, or why not
//! ```
//!
//! Dropping a [`Started`] kills and reaps its child, so a start that fails half-way leaves nothing
//! behind and needs no clean-up code.
//!
//! Starting happens on the launcher thread: on Linux a child that asks to die with its parent dies
//! with the parent's *thread*. That thread does nothing else, so a child that hangs in its first
//! steps delays nobody. What the child does is the `worker` module's business, listening to a
//! running child the `route` module's.

mod launcher;
mod plan;
mod spare;
mod started;

pub(crate) use launcher::start;
pub(crate) use plan::{Plan, StartError, Stdin, Stream};
pub(crate) use spare::lay_ready;
pub(crate) use started::{Expected, Meeting, Unmet};
