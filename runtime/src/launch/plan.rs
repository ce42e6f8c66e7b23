//! What is to be started, and why it was not.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::wire::{Carrier, Short};

/// Everything that a start needs.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The file to execute.
    pub(crate) program: PathBuf,
    /// What `ps` shows.
    pub(crate) title: OsString,
    /// Changes to the environment, in order; `None` removes.
    pub(crate) variables: Vec<(OsString, Option<OsString>)>,
    pub(crate) clear_variables: bool,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) stdin: Stdin,
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
    /// Whether it stays in the process group of its parent.
    pub(crate) share_group: bool,
    pub(crate) carrier: Carrier,
    /// What it inherits besides its ends of the lanes.
    pub(crate) inherited: Vec<OwnedFd>,
    pub(crate) max_message: usize,
    pub(crate) by_contents: bool,
    /// Of the build and the table that the child must have.
    pub(crate) digest: u64,
    pub(crate) in_init: bool,
    pub(crate) depth: u32,
}

/// Where a child's standard input comes from.
#[derive(Debug)]
pub(crate) enum Stdin {
    Null,
    Inherit,
    File(File),
}

/// Where one of a child's output streams goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Piped,
    Inherit,
    Null,
}

/// Why nothing was started.
#[derive(Debug)]
pub(crate) enum StartError {
    /// There is no more of that for what is shared with the child.
    NoRoom(Short),
    Processes(io::Error),
    WorkingDirectory(PathBuf, io::Error),
    Execute(io::Error),
    System(&'static str, io::Error),
}

impl From<Short> for StartError {
    fn from(short: Short) -> Self {
        StartError::NoRoom(short)
    }
}
