//! ipc-channel's calls with their surprises taken out, in one place.
//!
//! A call that a signal interrupted is made again: each of our messages is one datagram, which
//! is sent whole or not at all. `Disconnected`, EPIPE and ECONNRESET all mean that the peer has
//! gone. A receive that could bring descriptors asks for room first, because ipc-channel panics
//! where there is none.

use std::io::{self, ErrorKind};

use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, IpcReceiver, IpcSender};
use ipc_channel::{IpcError, TryRecvError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a channel gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelError {
    /// The other side has gone, or what came from it makes no sense.
    Gone,
    /// There is no descriptor left for what the message carries.
    NoRoom,
    /// This side's end was closed, behind our back.
    Closed,
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
    Ok(sender.send(message)?)
}

/// Receives a message, and waits for it.
pub(super) fn receive<T>(receiver: &IpcReceiver<T>) -> Result<T, ChannelError>
where
    T: DeserializeOwned + Serialize,
{
    if !crate::sys::has_head_room(CARRIED) {
        return Err(ChannelError::NoRoom);
    }
    let _std = crate::sys::fill_std();
    loop {
        match receiver.recv() {
            Err(IpcError::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
            other => return Ok(other?),
        }
    }
}

/// Receives a message that was sent already; waits for nothing.
pub(super) fn receive_now<T>(receiver: &IpcReceiver<T>) -> Result<T, ChannelError>
where
    T: DeserializeOwned + Serialize,
{
    if !crate::sys::has_head_room(CARRIED) {
        return Err(ChannelError::NoRoom);
    }
    let _std = crate::sys::fill_std();
    loop {
        match receiver.try_recv() {
            Err(TryRecvError::IpcError(IpcError::Io(error)))
                if error.kind() == ErrorKind::Interrupted => {}
            Err(TryRecvError::IpcError(error)) => return Err(error.into()),
            Err(TryRecvError::Empty) => return Err(ChannelError::Gone),
            Ok(message) => return Ok(message),
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

/// Receives one datagram of bytes, and waits for it.
pub(super) fn receive_bytes(receiver: &IpcBytesReceiver) -> Result<Vec<u8>, ChannelError> {
    loop {
        match receiver.recv() {
            Err(IpcError::Io(error)) if interrupted(&error) => {}
            other => return Ok(other?),
        }
    }
}

fn interrupted(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Interrupted
}
