//! The child's side: how a copy of the program becomes a worker and runs its function.
//!
//! ```text
//!  before main ── takeover ──► greet ──► begin ──► body ──► outcome ──► exit
//!                    └─ (the parent called `init`) main ─ init ─┘
//! ```
//!
//! Nothing here unwinds into whoever called it, and a worker never returns to `main`. What the
//! parent decided is applied after `exec` and before any code of the user.

mod body;
mod context;
mod control;
mod panic;
mod takeover;
#[allow(dead_code, reason = "actors use it, and follow")]
mod words;

pub(crate) use context::worker;
pub(crate) use control::{StopFlag, stop_flag};
pub use takeover::init;
pub(crate) use takeover::standing;
#[cfg(test)]
pub(crate) use words::up_rubbish;
#[allow(unused_imports, reason = "actors use it, and follow")]
pub(crate) use words::{Inlet, hear_local, hear_packets, up};
