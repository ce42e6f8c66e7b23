//! How a child and its parent meet: what a child is started with, the first word, and the hello.
//!
//! ```text
//!  parent                                        child
//!  variable: descriptors, digest ─────────────►  ChildEnds, UpSender, ControlReceiver
//!  Bootstrap ────────── lane, Tag::Begin ─────►  Bootstrap::read
//!  Hello::read  ◄────────── greeting pipe ─────  Hello::write
//! ```
//!
//! The child inherits its ends of all channels, so nobody else can be at them, nothing has a name, and
//! neither side waits for the other: the first word lies there when the child gets to it. What that
//! word says is for an equal build alone, so the child first compares itself with what the variable
//! says; its hello is for the parent to know, and to compare in full.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Mutex;
use std::time::Instant;

use ipc_channel::ipc::{self, IpcReceiver, IpcSender};
use serde::{Deserialize, Serialize};

use super::channel::{self, ChannelError};
use super::codec::{Decoder, Encoder};
use super::heirloom::{Heirloom, Late};
use super::lane::{Body, Fault};
use super::special::Special;
use crate::error::DecodeError;
use crate::sys::{Build, Identity, Interest, Room};

/// What a child says first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) nonce: u128,
    pub(crate) pid: u32,
    pub(crate) build: Build,
    pub(crate) table: u64,
}

impl Hello {
    /// How many bytes it has: few enough for a pipe to take them at once.
    pub(crate) const LEN: usize = 10 * 8;

    /// As bytes.
    #[inline]
    pub(crate) fn write(&self) -> [u8; Self::LEN] {
        let [kind, a, b, c, d, e] = self.build.words();
        let nonce = [self.nonce as u64, (self.nonce >> 64) as u64];
        let words = [nonce[0], nonce[1], self.pid.into(), self.table, kind, a, b, c, d, e];
        let mut bytes = [0; Self::LEN];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// From bytes; `None` if they are not a hello of this build's.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let mut words = [0; 10];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let [low, high, pid, table, build @ ..] = words;
        Some(Hello {
            nonce: u128::from(high) << 64 | u128::from(low),
            pid: pid.try_into().ok()?,
            build: Build::of_words(build)?,
            table,
        })
    }
}

/// What a child that is another build than its parent tells by: it must not read what that says.
#[inline]
pub(crate) fn digest_of(build: &Build, table: u64) -> u64 {
    // Like FNV-1a, by words.
    build.words().into_iter().chain([table]).fold(0xcbf2_9ce4_8422_2325, |digest, word| {
        (digest ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29)
    })
}

/// What a parent says to a child, besides messages.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Control {
    /// Please stop.
    Stop,
    /// A part of a word.
    Frame(#[serde(with = "super::bytes")] Vec<u8>),
}

/// All that a child needs to know: the first word, which comes over its lane.
#[derive(Debug)]
pub(crate) struct Bootstrap {
    pub(crate) entry: u32,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) parent: ParentIs,
    pub(crate) max_message: u64,
    /// The number that all processes of this run of the program share.
    pub(crate) tree: u64,
    pub(crate) special: Special,
}

impl Bootstrap {
    /// As the bytes of a row. Numbers and texts are sections of their own, so that a child needs no
    /// serialiser to begin.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Bootstrap { entry, name, id, parent, max_message, tree, special } = self;
        let special = special.words();
        let mut row = Encoder::new(usize::MAX);
        let mut write = || {
            [entry, &parent.pid].into_iter().try_for_each(|number| row.section(number))?;
            [max_message, tree].into_iter().try_for_each(|number| row.section(number))?;
            [name, id, &parent.name, &parent.id]
                .into_iter()
                .try_for_each(|text| row.section(text))?;
            special.iter().try_for_each(|word| row.section(word))
        };
        // These are numbers and texts: there is nothing in them that could fail.
        let _ = write();
        row.into_vec()
    }

    /// From the body of a message.
    #[inline]
    pub(crate) fn read(body: &Body<'_>) -> Result<Self, Fault> {
        body.decode(Self::read_row).map_err(|_| Fault::Rubbish)
    }

    #[unsafe(link_section = ".procession.start")]
    fn read_row(mut row: Decoder<'_>) -> Result<Self, DecodeError> {
        let [entry, pid] = [row.section()?, row.section()?];
        let [max_message, tree] = [row.section()?, row.section()?];
        let [name, id] = [row.section()?, row.section()?];
        let parent = ParentIs { pid, name: row.section()?, id: row.section()? };
        let special = Special::read(&mut row, tree, &parent)?;
        row.finish::<Self>()?;
        Ok(Bootstrap { entry, name, id, parent, max_message, tree, special })
    }

    /// What the child inherits besides its ends of the lanes.
    pub(crate) fn heirlooms(&mut self) -> impl Iterator<Item = &mut Heirloom> {
        self.special.heirlooms()
    }
}

/// What a child knows of its parent.
#[derive(Clone, Debug)]
pub(crate) struct ParentIs {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) id: String,
}

/// The control channel of a child that is not started yet.
pub(crate) struct ControlOffer {
    sender: ControlSender,
    receiver: IpcReceiver<Control>,
    socket: RawFd,
    lifeline: OwnedFd,
}

impl ControlOffer {
    pub(crate) fn new(_room: &Room) -> Result<Self, Fault> {
        channel::warm_up();
        let (sender, receiver) = ipc::channel().map_err(|_| Fault::NoRoom)?;
        let socket = channel::socket_of_receiver(&receiver).ok_or(Fault::Gone)?;
        let (lifeline, held) = crate::sys::pipe().map_err(|_| Fault::NoRoom)?;
        let sender = ControlSender::new(sender, held).ok_or(Fault::Gone)?;
        Ok(ControlOffer { sender, receiver, socket, lifeline })
    }

    /// What the child inherits to end with its parent: the pipe of which the sender holds the other
    /// end.
    pub(crate) fn lifeline(&self) -> BorrowedFd<'_> {
        self.lifeline.as_fd()
    }

    /// What the child inherits.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it is the socket of the receiver, which is open for as long as that is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.socket) }
    }

    /// The parent's end. The child's are closed here: from now on only the child holds them.
    pub(crate) fn into_sender(self) -> ControlSender {
        drop((self.receiver, self.lifeline));
        self.sender
    }
}

/// The parent's end of the control channel. That it is open is what the child's life hangs on.
#[derive(Debug)]
pub(crate) struct ControlSender {
    sender: Mutex<IpcSender<Control>>,
    socket: RawFd,
    _lifeline: OwnedFd,
}

impl ControlSender {
    fn new(sender: IpcSender<Control>, lifeline: OwnedFd) -> Option<Self> {
        let socket = channel::socket_of(&sender)?;
        Some(ControlSender { sender: Mutex::new(sender), socket, _lifeline: lifeline })
    }

    pub(crate) fn stop(&self) -> Result<(), ChannelError> {
        self.send(Control::Stop)
    }

    /// Sends a part of a word. It does not wait where the channel [takes it](Self::takes_more).
    pub(crate) fn frame(&self, frame: Vec<u8>) -> Result<(), ChannelError> {
        self.send(Control::Frame(frame))
    }

    /// Whether one more message would not have to wait. Who sends asks, and sends alone.
    pub(crate) fn takes_more(&self) -> bool {
        crate::sys::takes_datagram(self.as_fd())
    }

    /// Where it can be waited for.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it is the socket of the sender, which is open for as long as that is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.socket) }
    }

    fn send(&self, control: Control) -> Result<(), ChannelError> {
        let sender = self.sender.lock().map_err(|_| ChannelError::Gone)?;
        channel::send(&sender, control)
    }
}

/// The length of the datagram that asks to stop: two words of ipc-channel's, and one byte. No other
/// is as short.
const STOP: usize = 16 + 1;

/// The child's end of the control channel.
pub(crate) struct ControlReceiver {
    receiver: Late<IpcReceiver<Control>>,
    socket: RawFd,
    identity: Identity,
}

impl ControlReceiver {
    /// Takes over the end that this process was started with.
    #[inline]
    pub(crate) fn new(inherited: RawFd) -> Result<Self, Fault> {
        let receiver = Late::new(Heirloom::inherited(inherited))?;
        let identity = crate::sys::identity(inherited).ok_or(Fault::Gone)?;
        Ok(ControlReceiver { receiver, socket: inherited, identity })
    }

    /// Gets ready to receive, for which there have to be descriptors.
    pub(crate) fn open(&mut self) -> Result<(), Fault> {
        if matches!(self.receiver, Late::Inherited(_)) {
            let receiver = self.receiver.open()?;
            self.socket = channel::socket_of_receiver(receiver).ok_or(Fault::Gone)?;
        }
        Ok(())
    }

    /// Waits until there is something to receive, and takes no memory for that; whether it is the
    /// wish to stop. That can be told even if the function has closed the channel meanwhile.
    pub(crate) fn wait(&self) -> bool {
        self.is_to_stop(true)
    }

    /// Whether what comes next is the wish to stop.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn is_to_stop(&self, wait: bool) -> bool {
        // What is wrong here is wrong for whoever receives.
        self.is_ours()
            && matches!(crate::sys::peek(self.socket, wait), Ok(Some(peeked)) if peeked.len == STOP)
    }

    /// Whether the parent is gone and has left nothing to receive.
    fn is_over(&self) -> bool {
        matches!(crate::sys::peek(self.socket, false), Ok(Some(peeked)) if peeked.len == 0)
    }

    /// What says that there is something to receive.
    pub(crate) fn news(&self) -> ControlNews {
        ControlNews(self.socket, self.identity)
    }

    /// Whether there is something to receive, as far as can be told.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn has_more(&self) -> bool {
        self.is_ours() && matches!(crate::sys::peek(self.socket, false), Ok(Some(_)))
    }

    /// Waits for a word. Without a descriptor none is taken; any other error is the end of the parent.
    pub(crate) fn receive(&mut self) -> Result<Control, ChannelError> {
        if !self.is_ours() {
            return Err(ChannelError::Closed);
        }
        match self.open() {
            Ok(()) => {}
            Err(Fault::NoRoom) if !self.is_over() => return Err(ChannelError::NoRoom),
            Err(Fault::NoRoom) => return Err(ChannelError::Gone),
            Err(_) => return Err(ChannelError::Closed),
        }
        match self.receiver.open() {
            Ok(receiver) => channel::receive_plain(receiver),
            Err(_) => Err(ChannelError::Closed),
        }
    }

    /// Whether the number still stands for the channel. A function that closes all descriptors may have
    /// opened something of its own there, and nothing of that is ours to take.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn is_ours(&self) -> bool {
        self.news().is_there()
    }
}

/// A control channel to wait at, for who does not receive from it.
#[derive(Clone, Copy)]
pub(crate) struct ControlNews(RawFd, Identity);

impl ControlNews {
    fn is_there(self) -> bool {
        crate::sys::identity(self.0) == Some(self.1)
    }

    /// Waits until there is something to receive, or until the deadline.
    pub(crate) fn wait(self, deadline: Option<Instant>) {
        if self.is_there() {
            // SAFETY: it is open, or the answer is that it is not.
            let socket = unsafe { BorrowedFd::borrow_raw(self.0) };
            let mut asked = [Interest::in_reading(Some(socket))];
            // Where the system has no memory to wait with, who waits looks again.
            let _ = crate::sys::poll(&mut asked, deadline);
        }
    }
}
