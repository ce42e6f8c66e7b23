//! The child's side: how a copy of the program becomes a worker and runs its function.
//!
//! ```text
//!  before main ── takeover ──► greet ──► begin ──► body ──► outcome ──► exit
//!                    └─ (the parent called `init`) main ─ init ─┘
//! ```
//!
//! Nothing here unwinds into whoever called it, and a worker never returns to `main`. What the
//! parent decided is applied after `exec` and before any code of the user.
//!
//! What each start runs through, here and below, is linked side by side, in a section of the program
//! that is called `.procession.start`: the system maps sixteen pages around each that is touched, and
//! they are counted as each worker's.

mod body;
mod context;
mod control;
mod desk;
mod panic;
mod takeover;
mod words;

pub use context::attempt;
pub(crate) use context::{set_attempt, worker};
pub(crate) use control::{StopFlag, at_stop, hear, stop_flag};
pub(crate) use desk::{Tray, answer, longest, open_ring, take_belt, take_lane, take_serves};
pub(crate) use panic::{describe_payload, take_report};
pub use takeover::init;
pub(crate) use takeover::standing;
#[cfg(test)]
pub(crate) use words::up_rubbish;
pub(crate) use words::{
    Inlet, UpTurn, hear_local, hear_packets, settle, up, up_in_time, up_now, wait_up,
};
