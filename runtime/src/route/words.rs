//! The words that a child sends up, taken by whoever looks after it.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use super::edge::Listener;
use super::life::Life;
use super::router;
use crate::outcome::Intent;
use crate::sys::Wake;
use crate::wire::{Fault, Taken, UpReceiver};

/// A child's way up.
pub(super) struct Words {
    life: Arc<Life>,
    /// `None` once the child has closed its end, or is not listened to any more.
    from: Option<UpReceiver>,
    listener: Option<Listener>,
    wake: Option<Arc<Wake>>,
}

/// How much is taken before other things have their turn.
const TURN: usize = 64;

/// More than a socket can hold, in case somebody goes on sending after the child has ended.
const MOST_LEFT: usize = 4096;

impl Words {
    pub(super) fn new(life: Arc<Life>, from: UpReceiver, listener: Option<Listener>) -> Self {
        let wake = life.edge().wake();
        Words { life, from: Some(from), listener, wake }
    }

    /// Readable when the child has sent something.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.from.as_ref().map(UpReceiver::as_fd)
    }

    /// Readable when there is something new to say to the child.
    pub(super) fn wake(&self) -> Option<BorrowedFd<'_>> {
        self.wake.as_deref().map(Wake::as_fd)
    }

    /// Takes note of that. What there is to say is looked at before each wait.
    pub(super) fn woken(&self) {
        if let Some(wake) = &self.wake {
            wake.clear();
        }
    }

    /// Takes what is there. A child that sends what no correct one sends is ended.
    pub(super) fn go_on(&mut self) {
        if let Some(why) = self.take(TURN) {
            let _ = self.life.kill(Intent::Distrust(why));
        }
    }

    /// Takes what a child that has ended had still sent, and says what was wrong with it.
    pub(super) fn drain(&mut self) -> Option<String> {
        self.take(MOST_LEFT)
    }

    fn take(&mut self, most: usize) -> Option<String> {
        for _ in 0..most {
            match self.from.as_mut()?.take() {
                Ok(Taken::Word(word)) => {
                    router::from_below(&self.life, word, self.listener.as_ref());
                }
                Ok(Taken::Part) => {}
                Ok(Taken::Nothing) => return None,
                Err(fault) => {
                    self.from = None;
                    return wrong(fault);
                }
            }
        }
        None
    }
}

fn wrong(fault: Fault) -> Option<String> {
    match fault {
        // It has closed its end, which it may.
        Fault::Gone | Fault::TimedOut => None,
        Fault::Rubbish => Some("what it sent up to its parent makes no sense".to_owned()),
        Fault::NoRoom(_) | Fault::Lost => {
            Some("there was no memory for what it sent up".to_owned())
        }
    }
}
