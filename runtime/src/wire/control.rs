//! The control channel: what a parent says to a child, besides messages.
//!
//! It is one of ipc-channel's, and the parent sends by that. The child receives without: to make the
//! socket that it has inherited one of ipc-channel's takes descriptors, and when there is something to
//! hear it may have none. What is said is bytes, behind the two words with which ipc-channel begins a
//! datagram.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Mutex;
use std::time::Instant;

use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender};

use super::channel::{self, ChannelError, HEAD};
use super::lane::{Fault, Short};
use crate::sys::{Identity, Interest, Room, identity, peek, pipe, poll, receive, takes_datagram};

/// What a parent says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Control<'a> {
    /// Please stop.
    Stop,
    /// A part of a word.
    Frame(&'a [u8]),
}

/// What such a datagram begins with. The wish to stop is nothing else, and no other is as short.
const STOP: u8 = 0;
const FRAME: u8 = 1;

/// The control channel of a child that is not started yet.
pub(crate) struct ControlOffer {
    sender: ControlSender,
    receiver: IpcBytesReceiver,
    socket: RawFd,
    lifeline: OwnedFd,
}

impl ControlOffer {
    pub(crate) fn new(_room: &Room) -> Result<Self, Fault> {
        channel::warm_up();
        let (sender, receiver) = ipc::bytes_channel().map_err(|_| Short::Descriptors)?;
        let socket = channel::socket_of_receiver(&receiver).ok_or(Fault::Gone)?;
        let (lifeline, held) = pipe().map_err(|_| Short::Descriptors)?;
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
    sender: Mutex<IpcBytesSender>,
    socket: RawFd,
    _lifeline: OwnedFd,
}

impl ControlSender {
    fn new(sender: IpcBytesSender, lifeline: OwnedFd) -> Option<Self> {
        let socket = channel::socket_of_bytes(&sender)?;
        Some(ControlSender { sender: Mutex::new(sender), socket, _lifeline: lifeline })
    }

    pub(crate) fn stop(&self) -> Result<(), ChannelError> {
        self.send(&[STOP])
    }

    /// Sends a part of a word. It does not wait where the channel [takes it](Self::takes_more).
    pub(crate) fn frame(&self, frame: &[u8]) -> Result<(), ChannelError> {
        self.send(&[&[FRAME], frame].concat())
    }

    /// Whether one more message would not have to wait. Who sends asks, and sends alone.
    pub(crate) fn takes_more(&self) -> bool {
        takes_datagram(self.as_fd())
    }

    /// Where it can be waited for.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it is the socket of the sender, which is open for as long as that is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.socket) }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), ChannelError> {
        let sender = self.sender.lock().map_err(|_| ChannelError::Gone)?;
        channel::send_bytes(&sender, bytes)
    }
}

/// The child's end of the control channel: the number that it has inherited. It is never closed, and
/// whoever has a copy may wait at it; one receives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ControlReceiver {
    socket: RawFd,
    identity: Identity,
}

impl ControlReceiver {
    /// Takes over the end that this process was started with.
    #[inline]
    pub(crate) fn new(inherited: RawFd) -> Result<Self, Fault> {
        let identity = identity(inherited).ok_or(Fault::Gone)?;
        Ok(ControlReceiver { socket: inherited, identity })
    }

    /// Waits until there is something to receive, and takes no memory for that; whether it is the
    /// wish to stop. That can be told even if the function has closed the channel meanwhile.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn wait(self) -> bool {
        // What is wrong here is wrong for whoever receives.
        self.is_ours()
            && matches!(peek(self.socket, true), Ok(Some(peeked)) if peeked.len == HEAD + 1)
    }

    /// Waits until there is something to receive, or until the deadline.
    pub(crate) fn wait_until(self, deadline: Option<Instant>) {
        if self.is_ours() {
            // SAFETY: it is open, or the answer is that it is not.
            let socket = unsafe { BorrowedFd::borrow_raw(self.socket) };
            let mut asked = [Interest::in_reading(Some(socket))];
            // Where the system has no memory to wait with, who waits looks again.
            let _ = poll(&mut asked, deadline);
        }
    }

    /// Whether there is something to receive, as far as can be told.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn has_more(self) -> bool {
        self.is_ours() && matches!(peek(self.socket, false), Ok(Some(_)))
    }

    /// Waits for what comes next, which is put into a buffer; an error is the end of the parent, unless the
    /// channel is closed here.
    pub(crate) fn receive(self, buffer: &mut Vec<u8>) -> Result<Control<'_>, ChannelError> {
        if !self.is_ours() {
            return Err(ChannelError::Closed);
        }
        let peeked = peek(self.socket, true).ok().flatten().ok_or(ChannelError::Gone)?;
        channel::judge(&peeked, false)?;
        if !receive(self.socket, peeked.len, buffer) {
            return Err(ChannelError::Gone);
        }
        match buffer.get(HEAD..) {
            Some([STOP]) => Ok(Control::Stop),
            Some([FRAME, frame @ ..]) => Ok(Control::Frame(frame)),
            _ => Err(ChannelError::Rubbish),
        }
    }

    /// Whether the number still stands for the channel. A function that closes all descriptors may have
    /// opened something of its own there, and nothing of that is ours to take.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn is_ours(self) -> bool {
        identity(self.socket) == Some(self.identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_arrives_in_order_and_the_end_of_the_parent_after_it() {
        let room = crate::sys::make_room(16).unwrap();
        let offer = ControlOffer::new(&room).unwrap();
        let inherited = offer.as_fd().try_clone_to_owned().unwrap();
        let receiver = ControlReceiver::new(std::os::fd::AsRawFd::as_raw_fd(&inherited)).unwrap();
        let sender = offer.into_sender();
        assert!(!receiver.has_more());
        let mut buffer = Vec::new();

        sender.frame(&[7; 60_000]).unwrap();
        sender.stop().unwrap();
        sender.frame(&[]).unwrap();
        drop(sender);

        assert!(!receiver.wait() && receiver.has_more());
        assert_eq!(receiver.receive(&mut buffer), Ok(Control::Frame(&[7; 60_000])));
        assert!(receiver.wait());
        assert_eq!(receiver.receive(&mut buffer), Ok(Control::Stop));
        assert_eq!(receiver.receive(&mut buffer), Ok(Control::Frame(&[])));
        assert_eq!(receiver.receive(&mut buffer), Err(ChannelError::Gone));
        drop(inherited);
        assert_eq!(receiver.receive(&mut buffer), Err(ChannelError::Closed));
    }
}
