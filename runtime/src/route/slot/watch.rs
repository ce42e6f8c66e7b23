//! Who wants to hear when the process that serves a slot ends.

use super::{Slot, Status};
use crate::error::Undelivered;
use crate::id::Right;
use crate::outcome::ExitReason;
use crate::route::asks::Unanswered;
use crate::route::post;

/// How a process that served a slot has ended.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) pid: u32,
    pub(super) incarnation: u32,
    pub(super) reason: ExitReason,
}

impl Slot {
    /// Tells a right when the process that serves it ends; at once if none does. With the number of an
    /// incarnation that is of the first end after that one.
    pub(crate) fn watch(&self, right: Right, after: u32) {
        let mut state = self.state();
        let is_over = matches!(state.status, Status::Over(_));
        let missed =
            after > 0 && state.last_end.as_ref().is_some_and(|end| end.incarnation > after);
        if (state.serving.is_some() || after > 0) && !missed && !is_over {
            state.watchers.insert(right.number, right);
            return;
        }
        let (incarnation, reason) = match (&state.last_end, &state.status) {
            (Some(end), _) => (end.incarnation, end.reason.clone()),
            (None, Status::Over(Undelivered::Ended(reason))) => (state.incarnation, reason.clone()),
            (None, Status::Over(why)) => (state.incarnation, ExitReason::Lost(why.to_string())),
            (None, _) => (0, ExitReason::StartFailed("it has not started yet".to_owned())),
        };
        drop(state);
        post::down(right, incarnation, &reason);
    }

    /// Forgets one who does not want to hear any more.
    pub(crate) fn forget(&self, number: u64) {
        let right = self.state().watchers.remove(&number);
        if let Some(right) = right {
            // Nobody waits for it. Those on the way are done with the right, too.
            post::answer(right, Err(Unanswered::Dropped));
        }
    }
}
