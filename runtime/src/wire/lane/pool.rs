//! Regions for messages too large for a ring, used again and again.
//!
//! A fresh region costs more in page faults than the copy itself. The sender lends a region to a
//! message, and has it back when the reader is done with the frame that named it. A region is
//! handed over once, over ipc-channel, before the first frame that names it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipc_channel::ipc::{IpcReceiver, IpcSender, IpcSharedMemory};
use serde::{Deserialize, Serialize};

use super::{Fault, Short, announce};
use crate::wire::channel::{ChannelError, Guarded};
use crate::wire::codec::Encoder;
use crate::wire::heirloom::Late;
use crate::wire::region::Region;

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
    region: Arc<Region>,
}

impl Loan {
    /// Writes the message, and says what the frame says in its place.
    pub(crate) fn fill(&self, row: &Encoder<'_>) -> [u8; 16] {
        let len = row.len();
        let mut at = 0;
        for piece in row.pieces() {
            self.region.write(at, piece);
            at += piece.len();
        }
        let mut place = [0; 16];
        place[..4].copy_from_slice(&self.number.to_le_bytes());
        place[8..].copy_from_slice(&(len as u64).to_le_bytes());
        place
    }
}

/// Why no region was lent.
#[derive(Debug)]
pub(crate) enum Unlent {
    /// All are lent: the reader has to be done up to there.
    Until(u64),
    Fault(Fault),
}

impl From<Fault> for Unlent {
    fn from(fault: Fault) -> Self {
        Unlent::Fault(fault)
    }
}

impl Pool {
    /// A region of at least `len` bytes for the frame that is pushed next. Where nobody reads yet,
    /// regions are announced by [`announce_all`](Pool::announce_all).
    /// It begins at `position`, and the reader is done up to `done`.
    pub(crate) fn lend(
        &mut self,
        len: usize,
        (done, position): (u64, u64),
        spills: Option<&IpcSender<Spill>>,
    ) -> Result<Loan, Unlent> {
        let mut owned = self.find(len, done, spills)?;
        // Any position of a frame that begins here and ends later will do.
        owned.busy_until = position + 1;
        let loan = Loan { number: owned.number, region: Arc::clone(&owned.region) };
        self.regions.push(owned);
        Ok(loan)
    }

    /// Hands all regions over to a reader that knows none of them.
    pub(crate) fn announce_all(&self, spills: &IpcSender<Spill>) -> Result<(), Fault> {
        self.regions.iter().try_for_each(|owned| owned.announce(None, spills))
    }

    /// What lies in a region: for a message that no reader will have.
    pub(crate) fn contents(&self, place: &[u8]) -> Option<Vec<u8>> {
        let number = u32::from_le_bytes(place.get(..4)?.try_into().ok()?);
        let len = u64::from_le_bytes(place.get(8..16)?.try_into().ok()?);
        let owned = self.regions.iter().find(|owned| owned.number == number)?;
        let len = usize::try_from(len).ok().filter(|&len| len <= owned.region.len())?;
        let mut bytes = Vec::new();
        owned.region.read(0, len, &mut bytes);
        Some(bytes)
    }

    /// Takes a region out that is free and large enough.
    fn find(
        &mut self,
        len: usize,
        done: u64,
        spills: Option<&IpcSender<Spill>>,
    ) -> Result<Owned, Unlent> {
        let fits = |owned: &Owned| owned.region.len() >= len;
        // The one used last is the one most likely in a cache.
        let free = self.regions.iter().rposition(|owned| owned.busy_until <= done && fits(owned));
        if let Some(at) = free {
            return Ok(self.regions.remove(at));
        }
        if self.regions.len() < REGIONS {
            return Ok(self.make(len, None, spills)?);
        }
        // All are lent, or too small. The first to come back is the first in the row.
        let at = self.regions.iter().position(fits).unwrap_or(0);
        if self.regions[at].busy_until > done {
            return Err(Unlent::Until(self.regions[at].busy_until));
        }
        let larger = self.make(len, Some(self.regions[at].number), spills)?;
        // Only now: where there was none, the reader still keeps this one.
        self.regions.remove(at);
        Ok(larger)
    }

    /// Makes a region and hands it over, in place of another.
    fn make(
        &mut self,
        len: usize,
        forget: Option<u32>,
        spills: Option<&IpcSender<Spill>>,
    ) -> Result<Owned, Fault> {
        // For the region, and for the copy that ipc-channel makes to send it.
        let room = crate::sys::make_room(4).ok_or(Short::Descriptors)?;
        let region = Region::zeroed(roomy(len), &room)?;
        self.numbers += 1;
        let owned = Owned { number: self.numbers, region: Arc::new(region), busy_until: 0 };
        match spills.map(|spills| owned.announce(forget, spills)) {
            // Whoever reads after one that has gone is told of all regions.
            None | Some(Ok(()) | Err(Fault::Gone)) => Ok(owned),
            Some(Err(fault)) => Err(fault),
        }
    }
}

impl Owned {
    fn announce(&self, forget: Option<u32>, spills: &IpcSender<Spill>) -> Result<(), Fault> {
        let memory = self.region.copy()?;
        Ok(announce(spills, Spill { number: self.number, forget, memory })?)
    }
}

/// A size that the next, slightly larger message fits as well.
fn roomy(len: usize) -> usize {
    len.next_multiple_of(if len > 16 << 20 { 1 << 20 } else { SMALLEST })
}

/// How many regions the reader keeps: those of the sender, and some that it was not told to forget,
/// because that was lost.
const KEPT: usize = 4 * REGIONS;

/// How many regions the reader takes in a row: more than a socket holds. Who sends them faster than
/// they are read would keep it busy for ever.
const LOOKS: u32 = 1024;

/// The reader's regions.
#[derive(Default)]
pub(crate) struct Known {
    regions: BTreeMap<u32, Arc<Region>>,
    /// Some did not get here, and will not.
    lost: bool,
}

impl Known {
    /// The region that a frame names, and how much of it is the message.
    pub(crate) fn find(
        &mut self,
        place: &[u8],
        spills: &mut Late<Guarded<IpcReceiver<Spill>>>,
    ) -> Result<(Arc<Region>, usize), Fault> {
        let place: &[u8; 16] = place.try_into().map_err(|_| Fault::Rubbish)?;
        let [a, b, c, d, ..] = *place;
        let number = u32::from_le_bytes([a, b, c, d]);
        let len = place[8..].try_into().map(u64::from_le_bytes).map_err(|_| Fault::Rubbish)?;
        let len = usize::try_from(len).map_err(|_| Fault::Rubbish)?;
        let mut looks = 0;
        while !self.regions.contains_key(&number) {
            looks += 1;
            if looks > LOOKS || self.regions.len() > KEPT {
                return Err(Fault::Rubbish);
            }
            // It was sent before the frame was published, so it is there, or was lost, or the peer lies.
            match spills.open()?.receive_now() {
                Ok(Spill { number, forget, memory }) => {
                    if let Some(forgotten) = forget {
                        self.regions.remove(&forgotten);
                    }
                    self.regions.insert(number, Arc::new(Region::of(memory)));
                }
                Err(ChannelError::NoRoom) => return Err(Fault::NoRoom(Short::Descriptors)),
                Err(ChannelError::Lost) => self.lost = true,
                Err(_) if self.lost => return Err(Fault::Lost),
                Err(_) => return Err(Fault::Rubbish),
            }
        }
        let region = self.regions.get(&number).ok_or(Fault::Rubbish)?;
        if len > region.len() {
            return Err(Fault::Rubbish);
        }
        Ok((Arc::clone(region), len))
    }
}

#[cfg(test)]
mod tests {
    use ipc_channel::ipc;

    use super::*;

    fn place(number: u32) -> [u8; 16] {
        let mut place = [0; 16];
        place[..4].copy_from_slice(&number.to_le_bytes());
        place[8..].copy_from_slice(&100_u64.to_le_bytes());
        place
    }

    /// Its message was gone, and the next look for it made a liar of whoever had sent it.
    #[test]
    fn a_region_that_did_not_arrive_is_lost_and_no_other() {
        let memory = || IpcSharedMemory::from_bytes(&[7; 100]);
        let (sender, receiver) = ipc::channel::<Spill>().unwrap();
        let mut spills = Late::Open(Guarded::new(receiver).unwrap());
        let mut known = Known::default();
        assert_eq!(known.find(&place(1), &mut spills).err(), Some(Fault::Rubbish));

        // As where there is no descriptor in just that moment: it is taken, and cannot be read.
        let unreadable = sender.clone().to_opaque().to::<(IpcSharedMemory,)>();
        unreadable.send((memory(),)).unwrap();
        sender.send(Spill { number: 2, forget: None, memory: memory() }).unwrap();

        for _ in 0..2 {
            assert_eq!(known.find(&place(1), &mut spills).err(), Some(Fault::Lost));
            assert_eq!(known.find(&place(2), &mut spills).unwrap().1, 100);
        }
    }

    #[test]
    fn a_peer_that_hands_over_more_regions_than_it_can_have_is_found_out() {
        let (sender, receiver) = ipc::channel::<Spill>().unwrap();
        let mut spills = Late::Open(Guarded::new(receiver).unwrap());
        let memory = IpcSharedMemory::from_bytes(&[7; 100]);
        for number in 2..60 {
            sender.send(Spill { number, forget: None, memory: memory.clone() }).unwrap();
        }
        let mut known = Known::default();

        for _ in 0..2 {
            assert_eq!(known.find(&place(1), &mut spills).err(), Some(Fault::Rubbish));
            assert!((REGIONS..30).contains(&known.regions.len()), "{}", known.regions.len());
        }
    }
}
