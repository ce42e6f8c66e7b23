//! How a connection is made: two lanes, and where panics report.

use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};

use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcReceiver, IpcSender};

use super::pool::Spill;
use super::{Fault, Known, LaneReceiver, LaneSender, Pool, Receiving, Short, Tag};
use crate::sys::Room;
use crate::wire::channel::{Guarded, socket_of, socket_of_bytes, socket_of_receiver};
use crate::wire::codec::Encoder;
use crate::wire::frames;
use crate::wire::heirloom::{Heirloom, Late, take_over};
use crate::wire::region::Region;
use crate::wire::ring::{CONTROL, Consumer, Control, Producer, Shared};

/// What carries a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Carrier {
    /// Rings in shared memory.
    Ring,
    /// Frames over ipc-channel.
    Frames,
}

// One region holds it all, so that a start hands over one descriptor and maps once:
//
//   control words, both rings │ ring to the child │ ring to the parent │ two reports
//
// A ring ends up resident whole, so they are small: what is large travels in regions of its own.
const PAGE: usize = 4096;
const TO_CHILD: std::ops::Range<usize> = PAGE..PAGE + (32 << 10);
const TO_PARENT: std::ops::Range<usize> = TO_CHILD.end..TO_CHILD.end + (16 << 10);
const REPORT: usize = 8 << 10;
const REPORTS: std::ops::Range<usize> = TO_PARENT.end..TO_PARENT.end + 2 * REPORT;
const TURN: usize = 2 * CONTROL;
const _: () = assert!(TURN + 64 <= PAGE && align_of::<Control>() <= 128);

/// The parent's side of a connection.
pub(crate) struct ParentEnds {
    pub(crate) to_child: LaneSender,
    pub(crate) from_child: LaneReceiver,
    pub(crate) reports: Reports,
    pub(crate) closer: Closer,
}

/// The child's side of a connection: what it inherits.
#[derive(Debug)]
pub(crate) enum ChildEnds {
    Ring { memory: Heirloom, spills_in: Heirloom, spills_out: Heirloom },
    Frames { from_parent: Heirloom, to_parent: Heirloom },
}

/// Makes a connection over which messages of up to `limit` bytes travel.
pub(crate) fn connect(
    carrier: Carrier,
    limit: usize,
    room: &Room,
) -> Result<(ParentEnds, ChildEnds), Fault> {
    match carrier {
        Carrier::Ring => {
            let region = Arc::new(Region::new(REPORTS.end, room)?);
            let (spills_to_child, spills_in) = ipc::channel().map_err(|_| Short::Descriptors)?;
            let (spills_out, spills_from_child) = ipc::channel().map_err(|_| Short::Descriptors)?;
            let (to_child, to_parent) = rings(&region);
            let closer = Closer::Rings(to_child.clone(), to_parent.clone());
            let spills_in = Heirloom::of(socket_of_receiver(&spills_in), room)?;
            let spills_out = Heirloom::of(socket_of(&spills_out), room)?;
            let spills_from_child = Late::Open(Guarded::new(spills_from_child)?);
            let ends = ParentEnds {
                to_child: sending(to_child, Late::Open(spills_to_child)),
                from_child: receiving(to_parent, spills_from_child, limit),
                reports: Reports::Slots { region: Arc::clone(&region), turn: 0 },
                closer,
            };
            Ok((ends, ChildEnds::Ring { memory: region.heirloom()?, spills_in, spills_out }))
        }
        Carrier::Frames => {
            let (to_child, from_parent) = ipc::bytes_channel().map_err(|_| Short::Descriptors)?;
            let (to_parent, from_child) = ipc::bytes_channel().map_err(|_| Short::Descriptors)?;
            let ends = ParentEnds {
                to_child: LaneSender::Frames(to_child),
                from_child: framed(Guarded::new(from_child)?, limit),
                reports: Reports::InLane(to_parent.clone(), None),
                closer: Closer::Poke(Mutex::new(to_parent.clone())),
            };
            let from_parent = Heirloom::of(socket_of_receiver(&from_parent), room)?;
            let to_parent = Heirloom::of(socket_of_bytes(&to_parent), room)?;
            Ok((ends, ChildEnds::Frames { from_parent, to_parent }))
        }
    }
}

impl ChildEnds {
    /// Their numbers, as the variable tells them.
    pub(crate) fn numbers(&self) -> EndNumbers {
        match self {
            ChildEnds::Ring { memory, spills_in, spills_out } => {
                EndNumbers::Ring([memory, spills_in, spills_out].map(Heirloom::number))
            }
            ChildEnds::Frames { from_parent, to_parent } => {
                EndNumbers::Frames([from_parent, to_parent].map(Heirloom::number))
            }
        }
    }

    /// Those that this process inherits.
    #[inline]
    pub(crate) fn inherited(numbers: EndNumbers) -> Self {
        match numbers {
            EndNumbers::Ring(numbers) => {
                let [memory, spills_in, spills_out] = numbers.map(Heirloom::inherited);
                ChildEnds::Ring { memory, spills_in, spills_out }
            }
            EndNumbers::Frames(numbers) => {
                let [from_parent, to_parent] = numbers.map(Heirloom::inherited);
                ChildEnds::Frames { from_parent, to_parent }
            }
        }
    }

    /// What the child inherits of it.
    pub(crate) fn heirlooms(&mut self) -> Vec<&mut Heirloom> {
        match self {
            ChildEnds::Ring { memory, spills_in, spills_out } => {
                vec![memory, spills_in, spills_out]
            }
            ChildEnds::Frames { from_parent, to_parent } => vec![from_parent, to_parent],
        }
    }

    /// Opens the child's side.
    #[inline]
    pub(crate) fn open(self, limit: usize) -> Result<ChildLanes, Fault> {
        match self {
            ChildEnds::Ring { memory, spills_in, spills_out } => {
                let region = Arc::new(Region::inherited(memory)?);
                if region.len() < REPORTS.end {
                    return Err(Fault::Rubbish);
                }
                let (to_child, to_parent) = rings(&region);
                let reports = Reports::Slots { region, turn: 0 };
                let from_parent = receiving(to_child, Late::new(spills_in)?, limit);
                Ok((from_parent, sending(to_parent, Late::new(spills_out)?), reports))
            }
            ChildEnds::Frames { from_parent, to_parent } => {
                let to_parent: IpcBytesSender = take_over(to_parent)?;
                Ok((
                    framed(take_over(from_parent)?, limit),
                    LaneSender::Frames(to_parent.clone()),
                    Reports::InLane(to_parent, None),
                ))
            }
        }
    }
}

/// The child's side, open: from its parent, to its parent, and where its panics report.
pub(crate) type ChildLanes = (LaneReceiver, LaneSender, Reports);

/// The descriptors of a child's ends, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndNumbers {
    Ring([RawFd; 3]),
    Frames([RawFd; 2]),
}

#[inline]
fn rings(region: &Arc<Region>) -> (Shared, Shared) {
    let to_child = Shared::in_region(region, 0, TO_CHILD);
    (to_child, Shared::in_region(region, CONTROL, TO_PARENT))
}

#[inline]
fn sending(ring: Shared, spills: Late<IpcSender<Spill>>) -> LaneSender {
    LaneSender::Ring { ring: Producer::new(ring), pool: Pool::default(), spills }
}

#[inline]
fn receiving(
    ring: Shared,
    spills: Late<Guarded<IpcReceiver<Spill>>>,
    limit: usize,
) -> LaneReceiver {
    let ring = Consumer::new(ring);
    LaneReceiver::new(Receiving::Ring { ring, known: Known::default(), spills }, limit)
}

fn framed(from: Guarded<IpcBytesReceiver>, limit: usize) -> LaneReceiver {
    LaneReceiver::new(Receiving::Frames(from, Vec::new()), limit)
}

/// Wakes whoever waits for a child that is dead.
pub(crate) enum Closer {
    Rings(Shared, Shared),
    Poke(Mutex<IpcBytesSender>),
}

impl Closer {
    /// Says that the child is dead: every wait on its lanes ends, after what is complete.
    pub(crate) fn close(&self) {
        match self {
            Closer::Rings(to_child, to_parent) => {
                to_child.close();
                to_parent.close();
            }
            Closer::Poke(sender) => {
                if let Ok(sender) = sender.lock() {
                    // The reader drains the socket until it finds this, so there will be room.
                    let _ = frames::send_aside(&sender, Tag::Poke as u32, std::iter::empty());
                }
            }
        }
    }
}

/// Where a panic hook leaves its report.
///
/// A panic may be caught, or be one of thousands, so a report must not fill a lane or wait for
/// room in one. In a region there are two slots, written in turn: the last whole report counts.
pub(crate) enum Reports {
    Slots { region: Arc<Region>, turn: u32 },
    InLane(IpcBytesSender, Option<Vec<u8>>),
}

impl Reports {
    /// Leaves a report, cut to what a slot holds by the caller.
    pub(crate) fn leave(&mut self, row: &Encoder<'_>) {
        match self {
            Reports::Slots { region, turn } => {
                if row.len() > Self::LONGEST {
                    return;
                }
                *turn += 1;
                let start = slot(*turn);
                region.write(start, &(row.len() as u64).to_le_bytes());
                let mut at = start + 8;
                for piece in row.pieces() {
                    region.write(at, piece);
                    at += piece.len();
                }
                std::sync::atomic::fence(std::sync::atomic::Ordering::Release);
                region.write(TURN, &u64::from(*turn).to_le_bytes());
            }
            Reports::InLane(sender, last) => {
                *last = Some(row.to_vec());
                // A parent that has gone needs no report.
                let _ = frames::send_aside(sender, Tag::Report as u32, row.pieces());
            }
        }
    }

    /// The longest report.
    pub(crate) const LONGEST: usize = REPORT - 8;

    /// The last whole report of a process that is dead.
    pub(crate) fn last(&self) -> Option<Vec<u8>> {
        let Reports::Slots { region, .. } = self else {
            return None;
        };
        let turn = u32::try_from(region.read_word(TURN)).ok().filter(|&turn| turn > 0)?;
        let len = usize::try_from(region.read_word(slot(turn))).ok()?;
        let mut report = Vec::new();
        (len <= Self::LONGEST).then(|| region.read(slot(turn) + 8, len, &mut report))?;
        Some(report)
    }
}

impl Reports {
    /// Takes back the last report that this process has left. Over a lane it has gone already.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        let last = self.last();
        match self {
            Reports::Slots { region, .. } => {
                region.write(TURN, &[0; 8]);
                last
            }
            Reports::InLane(_, last) => last.take(),
        }
    }
}

fn slot(turn: u32) -> usize {
    REPORTS.start + (turn as usize % 2) * REPORT
}
