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

/// The other side of a channel has gone, or what came from it makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerGone;

/// The most descriptors that one message of ours carries, and what receiving them needs besides.
const CARRIED: usize = 6;

/// Sends a message. One that carries descriptors is small and goes into an empty socket, so it
/// does not wait and no signal interrupts it: it needs no second try, which it would not survive.
pub(super) fn send<T: Serialize>(sender: &IpcSender<T>, message: T) -> Result<(), PeerGone> {
    sender.send(message).map_err(|_| PeerGone)
}

/// Receives a message, and waits for it.
pub(super) fn receive<T>(receiver: &IpcReceiver<T>) -> Result<T, PeerGone>
where
    T: DeserializeOwned + Serialize,
{
    if !crate::sys::has_head_room(CARRIED) {
        return Err(PeerGone);
    }
    loop {
        match receiver.recv() {
            Err(IpcError::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
            other => return other.map_err(|_| PeerGone),
        }
    }
}

/// Receives a message that was sent already; waits for nothing.
pub(super) fn receive_now<T>(receiver: &IpcReceiver<T>) -> Result<T, PeerGone>
where
    T: DeserializeOwned + Serialize,
{
    if !crate::sys::has_head_room(CARRIED) {
        return Err(PeerGone);
    }
    loop {
        match receiver.try_recv() {
            Err(TryRecvError::IpcError(IpcError::Io(error)))
                if error.kind() == ErrorKind::Interrupted => {}
            other => return other.map_err(|_| PeerGone),
        }
    }
}

/// Sends one datagram of bytes, and waits while the socket is full.
pub(super) fn send_bytes(sender: &IpcBytesSender, bytes: &[u8]) -> Result<(), PeerGone> {
    loop {
        match sender.send(bytes) {
            Err(error) if interrupted(&error) => {}
            other => return other.map_err(|_| PeerGone),
        }
    }
}

/// Receives one datagram of bytes, and waits for it.
pub(super) fn receive_bytes(receiver: &IpcBytesReceiver) -> Result<Vec<u8>, PeerGone> {
    loop {
        match receiver.recv() {
            Err(IpcError::Io(error)) if interrupted(&error) => {}
            other => return other.map_err(|_| PeerGone),
        }
    }
}

fn interrupted(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Interrupted
}
