//! Decisions: functions of a state, an event and the time to what is to be done.
//!
//! Nothing here looks at a clock, draws a number or acts; whoever carries a decision out passes
//! the time and the chance in. So each is tested against a model, in no time at all.

mod backoff;
mod chunk;
mod respawn;
mod restart;
mod retry;

pub(crate) use backoff::Backoff;
pub(crate) use chunk::{MOST, MOST_NUMBERS, PART, Pace};
pub(crate) use respawn::{Respawn, Verdict};
pub use restart::Restart;
pub(crate) use restart::{Action, Event, Limits, Restarts};
pub(crate) use retry::{Attempts, Fate, Terms, Trouble, fate};
