//! Regions for messages too large for a ring, used again and again.
//!
//! A fresh region costs more in page faults than the copy itself. The sender lends a region to a
//! message, and has it back when the reader is done with the frame that named it. A region is
//! handed over once, over ipc-channel, before the first frame that names it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use ipc_channel::ipc::{IpcReceiver, IpcSender, IpcSharedMemory};
use serde::{Deserialize, Serialize};

use super::{Fault, announce};
use crate::wire::channel::{ChannelError, Guarded};
use crate::wire::region::Region;
use crate::wire::ring::Producer;

/// How many regions a lane keeps; one more message waits until the oldest is free.
const REGIONS: usize = 4;

/// The smallest region.
const SMALLEST: usize = 64 * 1024;

/// A region on its way to the reader, and the one it takes the place of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spill {
    number: u32,
    forget: Option<u32>,
    memory: IpcSharedMemory,
}

/// The sender's regions, the one used last at the end.
#[derive(Default)]
pub(crate) struct Pool {
    regions: Vec<Owned>,
    numbers: u32,
}

struct Owned {
    number: u32,
    region: Arc<Region>,
    /// The position that the reader has passed when it no longer needs the region.
    busy_until: u64,
}

/// A region that a message may be written to.
pub(crate) struct Loan {
    number: u32,
    pub(crate) region: Arc<Region>,
}

impl Loan {
    /// What the frame says in place of the message.
    pub(crate) fn place(&self, len: usize) -> [u8; 16] {
        let mut place = [0; 16];
        place[..4].copy_from_slice(&self.number.to_le_bytes());
        place[8..].copy_from_slice(&(len as u64).to_le_bytes());
        place
    }
}

impl Pool {
    /// A region of at least `len` bytes for the frame that is pushed next.
    pub(crate) fn lend(
        &mut self,
        len: usize,
        ring: &mut Producer,
        spills: &IpcSender<Spill>,
        deadline: Option<Instant>,
    ) -> Result<Loan, Fault> {
        let mut owned = self.find(len, ring, spills, deadline)?;
        // Any position of a frame that begins here and ends later will do.
        owned.busy_until = ring.position() + 1;
        let loan = Loan { number: owned.number, region: Arc::clone(&owned.region) };
        self.regions.push(owned);
        Ok(loan)
    }

    /// Takes a region out that is free and large enough.
    fn find(
        &mut self,
        len: usize,
        ring: &mut Producer,
        spills: &IpcSender<Spill>,
        deadline: Option<Instant>,
    ) -> Result<Owned, Fault> {
        let done = ring.done().map_err(|_| Fault::Rubbish)?;
        let fits = |owned: &Owned| owned.region.len() >= len;
        // The one used last is the one most likely in a cache.
        let free = self.regions.iter().rposition(|owned| owned.busy_until <= done && fits(owned));
        if let Some(at) = free {
            return Ok(self.regions.remove(at));
        }
        if self.regions.len() < REGIONS {
            return self.make(len, None, spills);
        }
        // All are lent, or too small. The first to come back is the first in the row.
        let at = self.regions.iter().position(fits).unwrap_or(0);
        ring.wait_until_done(self.regions[at].busy_until, deadline)?;
        let owned = self.regions.remove(at);
        if fits(&owned) { Ok(owned) } else { self.make(len, Some(owned.number), spills) }
    }

    /// Makes a region and hands it over, in place of another.
    fn make(
        &mut self,
        len: usize,
        forget: Option<u32>,
        spills: &IpcSender<Spill>,
    ) -> Result<Owned, Fault> {
        // For the region, and for the copy that ipc-channel makes to send it.
        let room = crate::sys::make_room(4).ok_or(Fault::NoRoom)?;
        let region = Region::zeroed(roomy(len), &room).map_err(|_| Fault::NoRoom)?;
        self.numbers += 1;
        let number = self.numbers;
        let memory = region.copy().map_err(|_| Fault::NoRoom)?;
        announce(spills, Spill { number, forget, memory })?;
        Ok(Owned { number, region: Arc::new(region), busy_until: 0 })
    }
}

/// A size that the next, slightly larger message fits as well.
fn roomy(len: usize) -> usize {
    len.next_multiple_of(if len > 16 << 20 { 1 << 20 } else { SMALLEST })
}

/// The reader's regions.
#[derive(Default)]
pub(crate) struct Known(HashMap<u32, Arc<Region>>);

impl Known {
    /// The region that a frame names, and how much of it is the message.
    pub(crate) fn find(
        &mut self,
        place: &[u8],
        spills: &Guarded<IpcReceiver<Spill>>,
    ) -> Result<(Arc<Region>, usize), Fault> {
        let place: &[u8; 16] = place.try_into().map_err(|_| Fault::Rubbish)?;
        let [a, b, c, d, ..] = *place;
        let number = u32::from_le_bytes([a, b, c, d]);
        let len = place[8..].try_into().map(u64::from_le_bytes).map_err(|_| Fault::Rubbish)?;
        let len = usize::try_from(len).map_err(|_| Fault::Rubbish)?;
        while !self.0.contains_key(&number) {
            // It was sent before the frame was published, so it is there, or the peer lies.
            let spill = spills.receive_now().map_err(|error| match error {
                ChannelError::NoRoom => Fault::NoRoom,
                _ => Fault::Rubbish,
            })?;
            if let Some(forgotten) = spill.forget {
                self.0.remove(&forgotten);
            }
            self.0.insert(spill.number, Arc::new(Region::of(spill.memory)));
        }
        let region = self.0.get(&number).ok_or(Fault::Rubbish)?;
        if len > region.len() {
            return Err(Fault::Rubbish);
        }
        Ok((Arc::clone(region), len))
    }
}
