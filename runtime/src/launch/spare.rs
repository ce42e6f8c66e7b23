//! What a start needs of the parent, made before it is asked for.

use std::os::fd::OwnedFd;

use super::plan::StartError;
use crate::sys;
use crate::wire::{Carrier, ChildEnds, Fault, ParentEnds, Server, connect};

/// What the launcher thread makes while it is idle, so that the next start need not wait for it.
pub(super) struct Spare {
    pub(super) carrier: Carrier,
    pub(super) server: Server,
    pub(super) greeting: (OwnedFd, OwnedFd),
    pub(super) ends: (ParentEnds, ChildEnds),
    pub(super) nonce: u128,
}

/// The descriptors that a start uses up in the parent, for good or for a moment.
const NEEDED: usize = 24;

impl Spare {
    pub(super) fn new(carrier: Carrier) -> Result<Self, StartError> {
        if !sys::has_head_room(NEEDED) {
            return Err(StartError::Descriptors);
        }
        let _std = sys::fill_std();
        let server = Server::new().map_err(|error| match error.raw_os_error() {
            Some(code) if sys::is_descriptor_limit(code) => StartError::Descriptors,
            _ => StartError::TemporaryDirectory(error),
        })?;
        let greeting =
            sys::greeting_pipe().map_err(|error| StartError::System("making a pipe", error))?;
        let ends = connect(carrier, usize::MAX).map_err(|fault| match fault {
            Fault::NoRoom => StartError::Descriptors,
            _ => StartError::System("making a lane", std::io::Error::other("it was refused")),
        })?;
        let nonce = sys::random().map_err(|error| StartError::System("drawing a nonce", error))?;
        Ok(Spare { carrier, server, greeting, ends, nonce: u128::from_le_bytes(nonce) })
    }
}
