//! What a child inherits, rather than being sent it: ends of channels, and memory.
//!
//! A socket that is on its way in a message makes each `close` of a socket, in whatever process, have
//! the system look for cycles of such. So a child is told numbers. ipc-channel takes a descriptor from
//! nowhere but a message: the child makes a channel, and what was inherited takes the place of what
//! that had.

use std::fmt;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcReceiver, IpcSender};
use serde::{Deserialize, Serialize};

use super::channel::{Guarded, socket_of, socket_of_bytes, socket_of_receiver};
use super::lane::{Fault, Short};
use crate::sys::{self, Owned, Room};

/// What a child inherits. It is said as its number; until the child has it, the parent holds it.
#[derive(Debug)]
pub(crate) struct Heirloom {
    number: RawFd,
    held: Option<OwnedFd>,
}

impl From<OwnedFd> for Heirloom {
    fn from(held: OwnedFd) -> Self {
        Heirloom { number: held.as_raw_fd(), held: Some(held) }
    }
}

impl Heirloom {
    /// One that this process has inherited.
    #[inline]
    pub(crate) fn inherited(number: RawFd) -> Self {
        Heirloom { number, held: None }
    }

    /// As a number, for the child.
    pub(super) fn word(&self) -> u64 {
        u64::try_from(self.number).unwrap_or(u64::MAX)
    }

    /// One that this process has inherited, by what its parent says. What cannot be one is none.
    #[inline]
    pub(super) fn of_word(word: u64) -> Self {
        Heirloom::inherited(RawFd::try_from(word).unwrap_or(RawFd::MAX))
    }

    /// Its number, here and in the child.
    pub(crate) fn number(&self) -> RawFd {
        self.number
    }

    /// Of an end that ipc-channel has made, by its number.
    pub(super) fn of(end: Option<RawFd>, _room: &Room) -> Result<Self, Fault> {
        let end = end.ok_or(Fault::Gone)?;
        // SAFETY: it is the number of an end that the caller holds, and is not kept.
        let end = unsafe { BorrowedFd::borrow_raw(end) };
        Ok(Heirloom::from(end.try_clone_to_owned().map_err(|_| Short::Descriptors)?))
    }

    /// What the child is to inherit: it is to be open when the child is started, and no longer.
    pub(crate) fn take_held(&mut self) -> Option<OwnedFd> {
        self.held.take()
    }

    /// In the child, once: takes it over.
    #[inline]
    pub(super) fn take(self) -> Result<File, Fault> {
        // Where both sides are one process, as in tests, it has been here all the time.
        let here = self.held.map(File::from);
        here.or_else(|| sys::take_inherited(self.number)).ok_or(Fault::Gone)
    }
}

/// An end of a channel that may have been inherited. Most processes have no use for it, so it is made
/// one of ipc-channel's when it is first needed.
pub(crate) enum Late<T> {
    Inherited(Owned),
    Open(T),
}

impl<T> fmt::Debug for Late<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Late")
    }
}

impl<T: Adopt> Late<T> {
    #[inline]
    pub(super) fn new(heirloom: Heirloom) -> Result<Self, Fault> {
        Ok(Late::Inherited(Owned::new(heirloom.take()?)))
    }

    /// The end. It needs descriptors for a moment when it is first asked for.
    pub(super) fn open(&mut self) -> Result<&mut T, Fault> {
        if let Late::Inherited(inherited) = self {
            let open = adopt(inherited.file().ok_or(Fault::Gone)?)?;
            if let Late::Inherited(inherited) = std::mem::replace(self, Late::Open(open)) {
                inherited.close();
            }
        }
        match self {
            Late::Open(open) => Ok(open),
            Late::Inherited(_) => Err(Fault::Gone),
        }
    }
}

/// Takes over at once what a child inherits.
pub(super) fn take_over<T: Adopt>(heirloom: Heirloom) -> Result<T, Fault> {
    adopt(&heirloom.take()?)
}

fn adopt<T: Adopt>(inherited: &File) -> Result<T, Fault> {
    let _room = sys::make_room(4).ok_or(Short::Descriptors)?;
    let (end, socket) = T::make()?;
    let socket = socket.ok_or(Fault::Gone)?;
    // SAFETY: this is the end's own socket, and nothing was sent to it or received from it.
    let placed = unsafe { sys::take_place(inherited, socket) };
    placed.map_err(|error| {
        if sys::is_closed(&error) { Fault::Gone } else { Fault::NoRoom(Short::Descriptors) }
    })?;
    Ok(end)
}

/// An end of a channel of ipc-channel's, and the number of its socket.
pub(crate) trait Adopt: Sized {
    fn make() -> Result<(Self, Option<RawFd>), Fault>;
}

impl<T: fmt::Debug + Serialize> Adopt for IpcSender<T>
where
    T: for<'de> Deserialize<'de>,
{
    fn make() -> Result<(Self, Option<RawFd>), Fault> {
        let (sender, _) = ipc::channel().map_err(|_| Short::Descriptors)?;
        let socket = socket_of(&sender);
        Ok((sender, socket))
    }
}

impl<T: fmt::Debug + Serialize> Adopt for Guarded<IpcReceiver<T>>
where
    T: for<'de> Deserialize<'de>,
{
    fn make() -> Result<(Self, Option<RawFd>), Fault> {
        let (_, receiver) = ipc::channel::<T>().map_err(|_| Short::Descriptors)?;
        let socket = socket_of_receiver(&receiver);
        Ok((Guarded::new(receiver)?, socket))
    }
}

impl Adopt for Guarded<IpcBytesReceiver> {
    fn make() -> Result<(Self, Option<RawFd>), Fault> {
        let (_, receiver) = ipc::bytes_channel().map_err(|_| Short::Descriptors)?;
        let socket = socket_of_receiver(&receiver);
        Ok((Guarded::new(receiver)?, socket))
    }
}

impl Adopt for IpcBytesSender {
    fn make() -> Result<(Self, Option<RawFd>), Fault> {
        let (sender, _) = ipc::bytes_channel().map_err(|_| Short::Descriptors)?;
        let socket = socket_of_bytes(&sender);
        Ok((sender, socket))
    }
}
