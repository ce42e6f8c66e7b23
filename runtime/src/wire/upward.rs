//! The channel on which a child sends words up to its parent.
//!
//! The parent looks at each datagram before ipc-channel takes it, and never waits: what a child
//! sends, or stops to send half-way, holds up nobody but itself.

use std::os::fd::BorrowedFd;
use std::sync::Mutex;
use std::time::Instant;

use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender};

use super::channel::{self, Guarded};
use super::frames;
use super::heirloom::{Heirloom, Late};
use super::lane::{Fault, Short};
use super::word::{Incoming, Outgoing, WORD, Word, longest};
use crate::sys::{self, Interest, Room};

/// Makes a channel for one child.
pub(crate) fn upward(room: &Room) -> Result<(UpReceiver, Heirloom), Fault> {
    let (sender, receiver) = ipc::bytes_channel().map_err(|_| Short::Descriptors)?;
    let receiver = UpReceiver { socket: Guarded::new(receiver)?, words: Incoming::new(0) };
    Ok((receiver, Heirloom::of(channel::socket_of_bytes(&sender), room)?))
}

/// The child's end.
#[derive(Debug)]
pub(crate) struct UpSender(Mutex<Late<IpcBytesSender>>);

impl UpSender {
    /// Takes over what this process has inherited.
    #[inline]
    pub(crate) fn new(inherited: Heirloom) -> Result<Self, Fault> {
        Ok(UpSender(Mutex::new(Late::new(inherited)?)))
    }

    fn sender(&self) -> Result<IpcBytesSender, Fault> {
        let mut late = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        Ok(late.open()?.clone())
    }

    /// Sends a word, and waits while the parent takes it. One thread at a time: the frames of two
    /// words would mix.
    pub(crate) fn send(&self, word: &Outgoing) -> Result<(), Fault> {
        Ok(frames::send(&self.sender()?, WORD, word.len(), [word.bytes()].into_iter())?)
    }

    /// Sends the next frame of a word, and waits while the parent takes it.
    pub(crate) fn frame(&self, word: &Outgoing) -> Result<(), Fault> {
        Ok(channel::send_bytes(&self.sender()?, &word.frame())?)
    }

    /// Whether one more frame would not have to wait, or not after the deadline.
    pub(crate) fn takes_more(&self, deadline: Option<Instant>) -> bool {
        let Ok(sender) = self.sender() else { return true };
        let Some(socket) = channel::socket_of_bytes(&sender) else { return true };
        // SAFETY: it is the socket of the sender, which is open for as long as that is borrowed.
        let socket = unsafe { BorrowedFd::borrow_raw(socket) };
        if sys::takes_datagram(socket) {
            return true;
        }
        let mut asked = [Interest::in_writing(socket)];
        // Where the system has no memory to wait with, sending waits.
        sys::poll(&mut asked, deadline).is_err() || asked[0].ready
    }

    /// Sends bytes that are no word, for tests.
    #[cfg(test)]
    pub(crate) fn send_rubbish(&self, bytes: &[u8]) {
        self.sender().expect("there is room").send(bytes).expect("the parent lives");
    }
}

/// The parent's end.
pub(crate) struct UpReceiver {
    socket: Guarded<IpcBytesReceiver>,
    words: Incoming,
}

/// What was there to be taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A word that is complete.
    Word(Word),
    /// A part of one.
    Part,
    /// Nothing, for now.
    Nothing,
}

impl UpReceiver {
    /// Sets the most bytes that a message may have.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.words = Incoming::new(longest(limit));
    }

    /// Readable when there is something to take.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Takes one datagram, if one is there.
    pub(crate) fn take(&mut self) -> Result<Taken, Fault> {
        let Some(frame) = self.socket.receive_bytes_now()? else { return Ok(Taken::Nothing) };
        Ok(match self.words.add(&frame)? {
            Some(word) => Taken::Word(word),
            None => Taken::Part,
        })
    }
}
