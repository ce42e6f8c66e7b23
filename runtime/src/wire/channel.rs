//! ipc-channel's calls with their surprises taken out, in one place.
//!
//! A call that a signal interrupted is made again: each of our messages is one datagram, which
//! is sent whole or not at all. `Disconnected`, EPIPE and ECONNRESET all mean that the peer has
//! gone. A receive that could bring descriptors asks for room first, because ipc-channel panics
//! where there is none.

use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, IpcReceiver, IpcSender};
use ipc_channel::{IpcError, TryRecvError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sys::Peeked;

/// Why a channel gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelError {
    /// The other side has gone, or what came from it makes no sense.
    Gone,
    /// There is no descriptor left for what the message carries.
    NoRoom,
    /// The message was taken, and what it carried is lost: a thread of the user had the last descriptor
    /// in just that moment. Or it carried what makes no sense.
    Lost,
    /// This side's end was closed, behind our back.
    Closed,
    /// The other side sent what ipc-channel does not send.
    Rubbish,
}

impl From<IpcError> for ChannelError {
    fn from(error: IpcError) -> Self {
        match error {
            IpcError::Io(error) if crate::sys::is_closed(&error) => ChannelError::Closed,
            _ => ChannelError::Gone,
        }
    }
}

/// The most descriptors that one message of ours carries, and what receiving them needs besides.
const CARRIED: u16 = 6;

/// Sends a message. One that carries descriptors is small and goes into an empty socket, so it
/// does not wait and no signal interrupts it: it needs no second try, which it would not survive.
pub(super) fn send<T: Serialize>(sender: &IpcSender<T>, message: T) -> Result<(), ChannelError> {
    within_room(|| sender.send(message))?.map_err(ChannelError::from)
}

/// Does what needs descriptors for a moment. There was room for them just now, but a thread of the
/// user may have taken it, and ipc-channel panics then.
pub(super) fn within_room<T>(act: impl FnOnce() -> T) -> Result<T, ChannelError> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|_| ChannelError::NoRoom)
}

/// The end of a channel whose other end is in the hands of a child.
///
/// ipc-channel believes what a datagram says of itself: one that lies makes it read on for ever,
/// allocate without bound, or panic. So each datagram is looked at before ipc-channel takes it.
/// This end is the only reader, so what was looked at is what is taken.
#[derive(Debug)]
pub(super) struct Guarded<R> {
    receiver: R,
    socket: RawFd,
}

impl<R: fmt::Debug> Guarded<R> {
    /// Guards a receiver, if its socket can be found.
    pub(super) fn new(receiver: R) -> Result<Self, ChannelError> {
        let socket = socket_of_receiver(&receiver);
        Ok(Guarded { socket: socket.ok_or(ChannelError::Gone)?, receiver })
    }
}

/// The socket of a receiver, if it can be found.
pub(super) fn socket_of_receiver(receiver: &impl fmt::Debug) -> Option<RawFd> {
    // ipc-channel has no other way to tell the number. Its version is pinned, and a number that is
    // wrong would be noticed by every test.
    number_behind("value: ", &format!("{receiver:?}"))
}

/// The socket of a sender, if it can be found: as for receivers.
pub(super) fn socket_of<T: fmt::Debug>(sender: &IpcSender<T>) -> Option<RawFd> {
    number_behind("SharedFileDescriptor(", &format!("{sender:?}"))
}

/// The same of a sender of bytes.
pub(super) fn socket_of_bytes(sender: &IpcBytesSender) -> Option<RawFd> {
    number_behind("SharedFileDescriptor(", &format!("{sender:?}"))
}

fn number_behind(name: &str, told: &str) -> Option<RawFd> {
    let rest = told.split(name).nth(1)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

impl<R> Guarded<R> {
    /// Looks at the next datagram: whether it is one that ipc-channel made, and carries what it
    /// should.
    fn check(&self, wait: bool, carries: bool) -> Result<(), ChannelError> {
        let peeked =
            crate::sys::peek(self.socket, wait).ok().flatten().ok_or(ChannelError::Gone)?;
        judge(&peeked, carries)
    }
}

/// How many bytes ipc-channel puts before those of a message: two words, of which each says how many there
/// are, the first with both of them.
pub(super) const HEAD: usize = 16;

/// Whether a datagram is one that ipc-channel made, and carries what it should.
pub(super) fn judge(peeked: &Peeked, carries: bool) -> Result<(), ChannelError> {
    if peeked.len == 0 {
        return Err(ChannelError::Gone);
    }
    let [whole, body] = [0, 8].map(|at| {
        let word = peeked.head[at..at + 8].try_into().map(usize::from_ne_bytes);
        word.unwrap_or(usize::MAX)
    });
    let honest = whole == peeked.len && whole.checked_sub(HEAD) == Some(body);
    if honest && peeked.carries == carries { Ok(()) } else { Err(ChannelError::Rubbish) }
}

impl<T: DeserializeOwned + Serialize> Guarded<IpcReceiver<T>> {
    /// Receives a message with descriptors that was sent already; waits for nothing.
    pub(super) fn receive_now(&self) -> Result<T, ChannelError> {
        let _room = crate::sys::make_room(CARRIED).ok_or(ChannelError::NoRoom)?;
        self.check(false, true)?;
        loop {
            match within_room(|| self.receiver.try_recv()).map_err(|_| ChannelError::Lost)? {
                Err(TryRecvError::IpcError(IpcError::SerializationError(_))) => {
                    return Err(ChannelError::Lost);
                }
                Err(TryRecvError::IpcError(IpcError::Io(error)))
                    if error.kind() == ErrorKind::Interrupted => {}
                Err(TryRecvError::IpcError(error)) => return Err(error.into()),
                Err(TryRecvError::Empty) => return Err(ChannelError::Gone),
                Ok(message) => return Ok(message),
            }
        }
    }
}

impl Guarded<IpcBytesReceiver> {
    /// Receives one datagram of bytes, and waits for it.
    pub(super) fn receive_bytes(&self) -> Result<Vec<u8>, ChannelError> {
        self.check(true, false)?;
        self.take_bytes()
    }

    /// Receives one datagram of bytes, if one is there.
    pub(super) fn receive_bytes_now(&self) -> Result<Option<Vec<u8>>, ChannelError> {
        match crate::sys::peek(self.socket, false) {
            Ok(Some(peeked)) => judge(&peeked, false)?,
            Ok(None) => return Ok(None),
            Err(_) => return Err(ChannelError::Gone),
        }
        self.take_bytes().map(Some)
    }

    /// Where the socket can be waited for.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it is the socket of the receiver, which is open for as long as that is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.socket) }
    }

    /// Takes the datagram that was looked at.
    fn take_bytes(&self) -> Result<Vec<u8>, ChannelError> {
        loop {
            match self.receiver.recv() {
                Err(IpcError::Io(error)) if interrupted(&error) => {}
                other => return Ok(other?),
            }
        }
    }
}

/// Sends one datagram of bytes, and waits while the socket is full.
pub(super) fn send_bytes(sender: &IpcBytesSender, bytes: &[u8]) -> Result<(), ChannelError> {
    loop {
        match sender.send(bytes) {
            Err(error) if interrupted(&error) => {}
            other => return Ok(other.map_err(IpcError::Io)?),
        }
    }
}

fn interrupted(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Interrupted
}

/// Has ipc-channel ask the system what it asks once, at its first send: where there is no descriptor
/// for that it panics, and all later sends with it. A thread of the user may take the last one at any
/// moment, so it asks where none can.
pub(super) fn warm_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        crate::sys::run_unshared(|| {
            if let Ok((sender, _receiver)) = ipc_channel::ipc::bytes_channel() {
                let _ = sender.send(&[]);
            }
        });
    });
}
