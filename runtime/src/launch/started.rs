//! A child that exists, and the meeting with it.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdout};
use std::sync::Arc;

use crate::sys::{self, Build, Pidfd, Wake};
use crate::wire::{ControlSender, Hello, ParentEnds, UpReceiver};

/// A child that was created. Nobody has heard of it yet.
pub(crate) struct Started {
    pub(crate) pid: u32,
    pub(crate) watch: Arc<Pidfd>,
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
    pub(crate) ends: Option<ParentEnds>,
    /// Where its words arrive, and what wakes whoever looks after it.
    pub(crate) words: Option<(UpReceiver, Wake)>,
    pub(crate) control: Option<ControlSender>,
    pub(crate) meeting: Option<Meeting>,
}

/// The child's greeting, to be waited for.
pub(crate) struct Meeting {
    pub(super) greeting: File,
    pub(super) nonce: u128,
}

/// What a hello is held against.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// What was executed.
    pub(crate) program: PathBuf,
    /// Whether it begins in `init()`.
    pub(crate) in_init: bool,
    pub(crate) build: Build,
    pub(crate) table: u64,
}

impl Expected {
    /// The file that was executed, and in place of which, where it is another one than this program.
    pub(crate) fn names_another(&self) -> Option<String> {
        let another = self.program != sys::own_program();
        another.then(|| {
            let (program, own) = (self.program.display(), sys::own_file());
            format!("`{program}`, in place of `{}`,", own.display())
        })
    }
}

/// Why there was no meeting.
#[derive(Debug)]
pub(crate) enum Unmet {
    /// The child has hung up, which is only a hint: its end follows, and says more.
    HungUp,
    /// It is not the child that was expected, or says that it cannot be.
    Wrong(String),
}

impl From<String> for Unmet {
    fn from(why: String) -> Self {
        Unmet::Wrong(why)
    }
}

impl Meeting {
    /// Readable when the child has said something, or cannot any more.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.greeting.as_fd()
    }

    /// Meets a child that has said something: what went wrong on its side comes as text.
    pub(crate) fn greet(&mut self, pid: u32, expected: &Expected) -> Result<(), Unmet> {
        let program = expected.program.display();
        let mut word = [0; 512];
        let len = self
            .greeting
            .read(&mut word)
            .map_err(|error| format!("its greeting could not be read: {error}"))?;
        let hello = match &word[..len] {
            [b'H', hello @ ..] => Hello::read(hello),
            [] => return Err(Unmet::HungUp),
            [_, text @ ..] => return Err(String::from_utf8_lossy(text).into_owned().into()),
        };
        let Some(hello) = hello else {
            return Err("its hello makes no sense".to_owned().into());
        };
        if hello.nonce != self.nonce || hello.pid != pid {
            return Err("someone else said hello in its place".to_owned().into());
        }
        if hello.build != expected.build {
            return Err(format!(
                "`{program}` is another build than this program, `{}`: {:?}, and not {:?}",
                sys::own_file().display(),
                hello.build,
                expected.build
            )
            .into());
        }
        if hello.table != expected.table {
            return Err(format!(
                "`{program}` has other processes than this program, `{}`: its table is {:016x}, \
                 and not {:016x}",
                sys::own_file().display(),
                hello.table,
                expected.table
            )
            .into());
        }
        Ok(())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Whoever took the meeting looks after the child.
        if self.meeting.is_some() && self.watch.signal(sys::SIGKILL).is_ok() {
            self.watch.reap();
        }
    }
}
