//! Supervisors: children that are started again when they end.
//!
//! ```text
//! Supervisor ── commands ──► Post ──► Keeper (a thread) ── starts, stops ──► children
//!     ▲                       ▲           │ Restarts::step decides               │
//!     └──── status, end ── Board ◄────────┘                                      │
//!                             └───────────────── that one has ended ─────────────┘
//! ```
//!
//! The [`Keeper`](keeper::Keeper) alone touches the children. It never waits for one of them: that
//! one ends, that a wait is over and that somebody wants something are all news to it, so what one
//! child does delays no other. What a child's end leads to is decided in
//! [`policy`](crate::policy); what becomes of its mailbox is the `actor` module's business.

mod board;
mod builder;
mod keeper;
mod kept;
mod post;
mod status;
mod supervisor;
#[cfg(test)]
mod tests;

pub use builder::{Strategy, SupervisorBuilder};
pub use status::{ChildState, ChildStatus, Status, SupervisorEnd};
pub use supervisor::Supervisor;
