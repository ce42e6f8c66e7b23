//! One direction of one connection between a parent and a child.
//!
//! The carrier is chosen when the connection is made, and both behave alike: messages of any size
//! up to the limit arrive whole, in order, or not at all.

mod carriers;
mod pool;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, IpcReceiver, IpcSender};

use super::channel::{self, ChannelError, Guarded};
use super::codec::{Decoder, Encoder, Source};
use super::frames::{self, FrameError};
use super::heirloom::Late;
use super::region::Region;
use super::ring::{Consumer, Frame, NUMBERS, PopError, Producer, PushError, ReaderBell};
pub(crate) use carriers::{
    Carrier, ChildEnds, ChildLanes, Closer, EndNumbers, ParentEnds, Reports, connect,
};
pub(super) use pool::{Known, Pool, Spill, Unlent};

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Tag {
    /// A value: arguments, a result, a user's message.
    Value = 1,
    /// The function returned, but its value cannot be encoded: the text why.
    Unencodable = 2,
    /// The function did not run, because its arguments cannot be read: the text why.
    BadArguments = 3,
    /// The function panicked; the report has gone its own way.
    Panicked = 4,
    /// What a panic hook had to say.
    Report = 5,
    /// Nothing: it only wakes the reader.
    Poke = 6,
    /// Asks for an answer, or is one.
    Sync = 7,
    /// A user's message, and the rights to answer that are in it.
    Ask = 8,
    /// The answer to an ask: its number, and the value.
    Answer = 9,
    /// There will be no answer to an ask: its number.
    NoAnswer = 10,
    /// As [`Ask`](Tag::Ask), where nobody waits for the answers at this lane.
    Passed = 11,
    /// A task of a pool: see [`task_tag`].
    Task = 12,
    /// The next task was taken; only over frames.
    Took = 13,
    /// The first word of a parent to its child.
    Begin = 14,
}

/// The tag of a task: which function of the table it is for. `None` where the table is longer than
/// fits.
pub(crate) fn task_tag(function: u32) -> Option<u32> {
    (function < 1 << (29 - FUNCTION)).then_some(function << FUNCTION | Tag::Task as u32)
}

/// Whose task it is, by its tag.
pub(crate) fn task_function(tag: u32) -> Option<u32> {
    let plain = tag & !(NUMBERS | WAKE | SPILLED);
    (plain & 0xff == Tag::Task as u32).then_some(plain >> FUNCTION)
}

/// Where in a task's tag the function stands.
const FUNCTION: u32 = 8;

/// Set in a task's tag where the worker looks afterwards whether its parent sleeps.
pub(crate) const WAKE: u32 = 1 << 30;

/// Set in a tag where the frame only says in which region the message lies.
pub(super) const SPILLED: u32 = 1 << 31;

impl Tag {
    /// What a frame is, by its tag.
    pub(crate) fn of_frame(tag: u32) -> Result<Self, Fault> {
        Tag::of(tag & 0xff)
    }

    pub(super) fn of(number: u32) -> Result<Self, Fault> {
        Ok(match number {
            1 => Tag::Value,
            2 => Tag::Unencodable,
            3 => Tag::BadArguments,
            4 => Tag::Panicked,
            5 => Tag::Report,
            6 => Tag::Poke,
            7 => Tag::Sync,
            8 => Tag::Ask,
            9 => Tag::Answer,
            10 => Tag::NoAnswer,
            11 => Tag::Passed,
            12 => Tag::Task,
            13 => Tag::Took,
            14 => Tag::Begin,
            _ => return Err(Fault::Rubbish),
        })
    }
}

/// Why a message did not cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The other side is gone, and everything it had completed was taken.
    Gone,
    /// The deadline passed.
    TimedOut,
    /// The other side sent what no correct peer sends.
    Rubbish,
    /// The system has no more for a large message, or for what is shared.
    NoRoom(Short),
    /// There was none for a moment, and so what was in the message is lost for good.
    Lost,
}

/// What the system has no more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Short {
    Descriptors,
    Memory,
}

impl From<Short> for Fault {
    fn from(short: Short) -> Self {
        Fault::NoRoom(short)
    }
}

impl From<PushError> for Fault {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Closed => Fault::Gone,
            PushError::Full => Fault::TimedOut,
            PushError::Violation => Fault::Rubbish,
        }
    }
}

impl From<PopError> for Fault {
    fn from(error: PopError) -> Self {
        match error {
            PopError::Closed => Fault::Gone,
            PopError::Empty => Fault::TimedOut,
            PopError::Violation => Fault::Rubbish,
        }
    }
}

impl From<FrameError> for Fault {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Gone => Fault::Gone,
            FrameError::Rubbish => Fault::Rubbish,
            FrameError::NoRoom => Short::Memory.into(),
        }
    }
}

impl From<ChannelError> for Fault {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::NoRoom => Short::Descriptors.into(),
            ChannelError::Lost => Fault::Lost,
            ChannelError::Rubbish => Fault::Rubbish,
            ChannelError::Gone | ChannelError::Closed => Fault::Gone,
        }
    }
}

/// The end of a lane that sends.
pub(crate) enum LaneSender {
    Ring { ring: Producer, pool: Pool, spills: Late<IpcSender<Spill>> },
    Frames(IpcBytesSender),
}

impl LaneSender {
    /// Sends a row of values.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn send(
        &mut self,
        tag: Tag,
        row: &Encoder<'_>,
        deadline: Option<Instant>,
    ) -> Result<(), Fault> {
        match self {
            LaneSender::Ring { ring, .. } if row.len() <= ring.longest() => {
                let (tag, len) = (tag as u32, row.len());
                match row.one_piece() {
                    Some(row) => Ok(ring.push(tag, len, [row].into_iter(), deadline)?),
                    None => Ok(ring.push(tag, len, row.pieces(), deadline)?),
                }
            }
            LaneSender::Ring { ring, pool, spills } => {
                let spills = spills.open()?;
                let loan = loop {
                    let at = (ring.done().map_err(PushError::from)?, ring.position());
                    match pool.lend(row.len(), at, Some(spills)) {
                        Ok(loan) => break loan,
                        Err(Unlent::Until(position)) => ring.wait_until_done(position, deadline)?,
                        Err(Unlent::Fault(fault)) => return Err(fault),
                    }
                };
                let place = loan.fill(row);
                let tag = tag as u32 | SPILLED;
                Ok(ring.push(tag, place.len(), [place.as_slice()].into_iter(), deadline)?)
            }
            LaneSender::Frames(sender) => {
                Ok(frames::send(sender, tag as u32, row.len(), row.pieces())?)
            }
        }
    }

    /// Puts a row of values where the reader finds it by what this gives. The frame that says so
    /// begins at `position`, and the reader is done up to `done`.
    pub(super) fn spill(
        &mut self,
        row: &Encoder<'_>,
        done: u64,
        position: u64,
    ) -> Result<[u8; 16], Unlent> {
        let LaneSender::Ring { pool, spills, .. } = self else {
            return Err(Unlent::Fault(Short::Memory.into()));
        };
        let spills = spills.open()?;
        Ok(pool.lend(row.len(), (done, position), Some(spills))?.fill(row))
    }

    /// Sends a row of values that is in one piece already.
    pub(crate) fn send_bytes(&mut self, tag: Tag, row: &[u8]) -> Result<(), Fault> {
        self.send(tag, &Encoder::of_row(row), None)
    }

    /// Sends a text.
    pub(crate) fn send_text(&mut self, tag: Tag, text: &str) -> Result<(), Fault> {
        let text = text.to_owned();
        let mut row = Encoder::new(usize::MAX);
        // A text is bytes: there is nothing in it that could fail.
        let _ = row.section(&text);
        self.send(tag, &row, None)
    }
}

/// The end of a lane that receives.
pub(crate) struct LaneReceiver {
    carrier: Receiving,
    limit: usize,
    report: Option<Vec<u8>>,
}

pub(super) enum Receiving {
    Ring {
        ring: Consumer,
        known: Known,
        spills: Late<Guarded<IpcReceiver<Spill>>>,
    },
    /// And where a message is put together.
    Frames(Guarded<IpcBytesReceiver>, Vec<u8>),
}

/// A message that was taken out of a lane. Its space is given back when the next one is asked for.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) tag: Tag,
    pub(crate) body: Body<'a>,
}

/// The bytes of a message.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    Bytes(&'a [u8]),
    Region(Arc<Region>, usize),
}

impl LaneReceiver {
    pub(super) fn new(carrier: Receiving, limit: usize) -> Self {
        LaneReceiver { carrier, limit, report: None }
    }

    /// Changes the most bytes that a message may have.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The last report of a panic that came along with messages.
    pub(crate) fn take_report(&mut self) -> Option<Vec<u8>> {
        self.report.take()
    }

    /// Takes the next message, and waits for it until the deadline. The frame carrier has no
    /// deadlines: it waits until the other side has sent or gone.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn receive(&mut self, deadline: Option<Instant>) -> Result<Message<'_>, Fault> {
        self.take(|ring| ring.pop(deadline))
    }

    /// Takes the next message, and waits for it until the deadline or until the condition holds. Only
    /// rings can be called off: by their [`bell`](LaneReceiver::bell).
    pub(crate) fn receive_unless(
        &mut self,
        deadline: Option<Instant>,
        called_off: impl Fn() -> bool,
    ) -> Result<Message<'_>, Fault> {
        self.take(|ring| ring.pop_unless(deadline, called_off))
    }

    /// What wakes whoever waits for a message of a ring.
    pub(crate) fn bell(&self) -> Option<ReaderBell> {
        match &self.carrier {
            Receiving::Ring { ring, .. } => Some(ring.bell()),
            Receiving::Frames(..) => None,
        }
    }

    /// Takes the next message if it is there. Only rings can tell.
    pub(crate) fn receive_now(&mut self) -> Result<Message<'_>, Fault> {
        self.take(Consumer::pop_now)
    }

    /// Takes the next message if it is at hand already, lies in one piece and is nothing but a value.
    #[inline(always)]
    pub(crate) fn receive_at_hand(&mut self) -> Option<&[u8]> {
        let Receiving::Ring { ring, .. } = &mut self.carrier else { return None };
        let Frame { body, .. } = ring.pop_at_hand(Tag::Value as u32)?;
        ring.bytes().get(body)
    }

    /// Is done with the last message.
    #[inline]
    pub(crate) fn release(&mut self) {
        if let Receiving::Ring { ring, .. } = &mut self.carrier {
            ring.release();
        }
    }

    #[inline]
    fn take(
        &mut self,
        pop: impl FnOnce(&mut Consumer) -> Result<Frame, PopError>,
    ) -> Result<Message<'_>, Fault> {
        let LaneReceiver { carrier, limit, report } = self;
        let (receiver, buffer) = match carrier {
            Receiving::Ring { ring, known, spills } => {
                let Frame { tag, body } = pop(ring)?;
                let (tagged, body) = (Tag::of(tag & !SPILLED)?, &ring.bytes()[body]);
                let body = if tag & SPILLED == 0 {
                    Body::Bytes(body)
                } else {
                    spilled(body, *limit, known, spills)?
                };
                return Ok(Message { tag: tagged, body });
            }
            Receiving::Frames(receiver, buffer) => (receiver, buffer),
        };
        let tag = frames::receive(receiver, *limit, buffer, |tag, body| match Tag::of(tag) {
            Ok(Tag::Report) => {
                *report = Some(body.to_vec());
                Ok(())
            }
            Ok(Tag::Poke) => Err(FrameError::Gone),
            _ => Err(FrameError::Rubbish),
        })?;
        Ok(Message { tag: Tag::of(tag)?, body: Body::Bytes(buffer) })
    }

    /// The message of which a frame only says where it lies.
    pub(super) fn spilled(&mut self, place: &[u8]) -> Result<Body<'static>, Fault> {
        match &mut self.carrier {
            Receiving::Ring { known, spills, .. } => spilled(place, self.limit, known, spills),
            Receiving::Frames(..) => Err(Fault::Rubbish),
        }
    }
}

#[cold]
fn spilled(
    place: &[u8],
    limit: usize,
    known: &mut Known,
    spills: &mut Late<Guarded<IpcReceiver<Spill>>>,
) -> Result<Body<'static>, Fault> {
    let (region, len) = known.find(place, spills)?;
    if len > limit { Err(Fault::Rubbish) } else { Ok(Body::Region(region, len)) }
}

impl Body<'_> {
    /// Reads the row of values.
    #[inline]
    pub(crate) fn decode<R>(&self, read: impl FnOnce(Decoder<'_>) -> R) -> R {
        match self {
            Body::Bytes(bytes) => read(Decoder::of_bytes(bytes)),
            Body::Region(region, len) => {
                read(Decoder::new(&mut InRegion { region, at: 0, end: *len }))
            }
        }
    }

    /// Keeps the message for longer than the lane would.
    pub(crate) fn to_owned(&self) -> OwnedBody {
        match self {
            Body::Bytes(bytes) if bytes.len() <= FEW => {
                let mut few = [0; FEW];
                few[..bytes.len()].copy_from_slice(bytes);
                OwnedBody::Few(few, bytes.len())
            }
            Body::Bytes(bytes) => OwnedBody::Bytes(bytes.to_vec()),
            Body::Region(region, len) => OwnedBody::Region(Arc::clone(region), *len),
        }
    }
}

/// How many bytes need no memory of their own.
const FEW: usize = 32;

/// The bytes of a message, for as long as one likes.
#[derive(Debug)]
pub(crate) enum OwnedBody {
    /// So many of them.
    Few([u8; FEW], usize),
    Bytes(Vec<u8>),
    Region(Arc<Region>, usize),
}

impl OwnedBody {
    /// The bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self {
            OwnedBody::Few(few, len) => few[..len].to_vec(),
            OwnedBody::Bytes(bytes) => bytes,
            OwnedBody::Region(region, len) => {
                let mut bytes = Vec::new();
                region.read(0, len, &mut bytes);
                bytes
            }
        }
    }

    /// The same, to read from.
    pub(crate) fn body(&self) -> Body<'_> {
        match self {
            OwnedBody::Few(few, len) => Body::Bytes(&few[..*len]),
            OwnedBody::Bytes(bytes) => Body::Bytes(bytes),
            OwnedBody::Region(region, len) => Body::Region(Arc::clone(region), *len),
        }
    }
}

/// Reads a message where it lies.
struct InRegion<'a> {
    region: &'a Region,
    at: usize,
    end: usize,
}

impl Source for InRegion<'_> {
    fn take(&mut self, len: usize) -> Result<Cow<'_, [u8]>, usize> {
        if len > self.end - self.at {
            return Err(self.end - self.at);
        }
        let mut bytes = Vec::new();
        self.region.read(self.at, len, &mut bytes);
        self.at += len;
        Ok(Cow::Owned(bytes))
    }

    fn left(&self) -> usize {
        self.end - self.at
    }
}

/// Sends a region to the reader of a ring.
fn announce(spills: &IpcSender<Spill>, spill: Spill) -> Result<(), ChannelError> {
    channel::send(spills, spill)
}
