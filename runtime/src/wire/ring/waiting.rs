//! Where writers wait for room that do not hold the producer meanwhile.

use std::time::{Duration, Instant};

#[cfg(not(loom))]
use std::sync::atomic::Ordering::{Acquire, Relaxed};

#[cfg(loom)]
use loom::sync::atomic::Ordering::{Acquire, Relaxed};

use super::Shared;
use super::cut::fence_of_writer;
use crate::wire::patience::Patience;

/// Waits for room without holding the producer. One at a time: whoever goes on has the bell taken off.
pub(crate) struct WaitingRoom(Shared);

/// How many looks a waiting writer takes for much room, before it is content with little.
const MOMENT: u32 = 16;

/// How often it looks again where the reader may not see that it sleeps.
const LOOK: Duration = Duration::from_millis(1);

impl WaitingRoom {
    pub(super) fn new(shared: Shared) -> Self {
        WaitingRoom(shared)
    }

    /// Waits until the reader is done up to a position, or is gone, or the deadline has passed, or until
    /// the condition holds: whoever makes it true passes a fence and tolls afterwards. May return early
    /// for no reason; the caller looks again.
    pub(crate) fn wait(
        &self,
        position: u64,
        deadline: Option<Instant>,
        patience: &mut Patience,
        called_off: impl Fn() -> bool,
    ) {
        if self.look(position, patience) {
            return;
        }
        let control = self.0.control();
        let waiting = control.written.0.load(Relaxed).saturating_sub(position);
        control.need.store(self.0.data.capacity().saturating_sub(waiting), Relaxed);
        control.writer.0.arm();
        // For the reader as well, which has only a cheap one before it looks for a sleeper.
        #[cfg(not(loom))]
        let fenced = fence_of_writer(crate::sys::has_fences_elsewhere());
        #[cfg(loom)]
        let fenced = fence_of_writer(false);
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let late = left.is_some_and(|left| left.is_zero());
        if self.reached(position) || late || called_off() {
            control.writer.0.disarm();
            return;
        }
        // Who cannot be sure to be seen looks again soon.
        let left = if fenced { left } else { Some(left.map_or(LOOK, |left| left.min(LOOK))) };
        control.writer.0.sleep(left);
    }

    fn reached(&self, position: u64) -> bool {
        self.0.control().read.0.done.load(Acquire) >= position || self.0.is_closed()
    }

    /// Looks for a moment.
    #[cfg(not(loom))]
    fn look(&self, position: u64, patience: &mut Patience) -> bool {
        // A fast reader has half of it done in a moment. Who came back for each message would get
        // in its way, and would have to give the processor away each time.
        let written = self.0.control().written.0.load(Relaxed);
        let half = position + written.saturating_sub(position) / 2;
        let mut looks = 0;
        patience.look(|| {
            looks += 1;
            self.reached(half) || looks > MOMENT && self.reached(position)
        })
    }

    #[cfg(loom)]
    fn look(&self, position: u64, _patience: &mut Patience) -> bool {
        self.reached(position)
    }

    /// Wakes whoever waits, for good.
    #[cfg(not(loom))]
    pub(crate) fn close(&self) {
        self.0.close();
    }

    /// Wakes whoever waits, to look again.
    #[cfg(not(loom))]
    pub(crate) fn toll(&self) {
        self.0.toll_writer();
    }
}
