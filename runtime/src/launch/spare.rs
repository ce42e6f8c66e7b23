//! What a start needs of the parent, made before it is asked for.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard};

use super::plan::StartError;
use crate::sys::{self, Wake};
use crate::wire::{
    Carrier, ChildEnds, ControlOffer, Fault, Heirloom, ParentEnds, Short, UpReceiver, connect,
    upward,
};

/// What is made while a child begins, so that the next start need not wait for it. Nothing of it has a
/// name in the file system, so nothing stays behind when the program ends.
pub(super) struct Spare {
    pub(super) carrier: Carrier,
    pub(super) control: ControlOffer,
    pub(super) greeting: (OwnedFd, OwnedFd),
    pub(super) ends: (ParentEnds, ChildEnds),
    pub(super) up: (UpReceiver, Heirloom),
    pub(super) wake: Wake,
    pub(super) nonce: u128,
}

/// The descriptors that a start uses up in the parent, for good or for a moment.
const NEEDED: u16 = 24;

static READY: Mutex<Option<Spare>> = Mutex::new(None);

fn ready() -> MutexGuard<'static, Option<Spare>> {
    READY.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Has what the next start needs lie ready: it takes a while. What fails now is tried again, and told,
/// when it is needed.
pub(crate) fn lay_ready(carrier: Carrier) {
    // One at a time: room for descriptors is made for one.
    static MAKING: Mutex<()> = Mutex::new(());
    if let Ok(_alone) = MAKING.try_lock()
        && ready().is_none()
    {
        let made = Spare::new(carrier).ok();
        *ready() = made;
    }
}

impl Spare {
    /// The one that lies ready, or a new one.
    pub(super) fn take(carrier: Carrier) -> Result<Self, StartError> {
        let spare = ready().take();
        match spare {
            Some(spare) if spare.carrier == carrier => Ok(spare),
            // One for the other carrier would only use up descriptors.
            other => {
                drop(other);
                Self::new(carrier)
            }
        }
    }

    fn new(carrier: Carrier) -> Result<Self, StartError> {
        let room = sys::make_room(NEEDED).ok_or(Short::Descriptors)?;
        let greeting = sys::pipe().map_err(|error| StartError::System("making a pipe", error))?;
        let refused = |fault| match fault {
            Fault::NoRoom(short) => short.into(),
            _ => StartError::System("making a lane", std::io::Error::other("it was refused")),
        };
        let control = ControlOffer::new(&room).map_err(refused)?;
        let ends = connect(carrier, usize::MAX, &room).map_err(refused)?;
        let up = upward(&room).map_err(refused)?;
        let wake =
            Wake::new().map_err(|error| StartError::System("making an event descriptor", error))?;
        let nonce = sys::random().map_err(|error| StartError::System("drawing a nonce", error))?;
        let nonce = u128::from_le_bytes(nonce);
        Ok(Spare { carrier, control, greeting, ends, up, wake, nonce })
    }
}
