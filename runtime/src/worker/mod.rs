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

pub(crate) use context::worker;
pub(crate) use control::{StopFlag, stop_flag};
pub use takeover::init;
pub(crate) use takeover::standing;
