//! File descriptors: how many are left, which ones a child may see, and the three that have names.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Resource, getrlimit};

/// Whether `count` more descriptors can be opened now.
///
/// Asked before every step that would assert or panic at the limit inside ipc-channel. Another
/// thread may still take them in between; the answer makes the failure rare, not impossible.
pub(crate) fn has_head_room(count: usize) -> bool {
    let Ok(probe) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC) else {
        return false;
    };
    let mut held: Vec<OwnedFd> = Vec::with_capacity(count);
    (2..count).all(|_| match fcntl_dupfd_cloexec(&probe.0, 3) {
        Ok(one) => {
            held.push(one);
            true
        }
        Err(_) => false,
    })
}

/// The most descriptors this process may have open.
pub(crate) fn descriptor_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Holds the standard descriptors that were closed, so that nothing else gets their numbers.
#[derive(Debug)]
pub(crate) struct StdFilled {
    _held: Vec<OwnedFd>,
}

/// Fills standard descriptors that the program has closed for as long as the answer is kept: a
/// channel end that landed on one of them would be handed to children as their standard stream.
pub(crate) fn fill_std() -> StdFilled {
    let mut held = Vec::new();
    while held.len() < 3 && (0..3).any(|number| !is_open(number)) {
        // The lowest free number is taken, which is one of the three.
        match File::open("/dev/null") {
            Ok(null) => held.push(OwnedFd::from(null)),
            Err(_) => break,
        }
    }
    StdFilled { _held: held }
}

fn is_open(number: RawFd) -> bool {
    // SAFETY: the number is only asked about; where it is not open the call says so.
    let asked = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_getfd(asked).is_ok()
}

/// A pipe through which a worker says that its hello is on the way: (reader, writer).
pub(crate) fn greeting_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC)?)
}

/// Lets children inherit the descriptor under its number, until it is closed.
pub(crate) fn inheritable(descriptor: &OwnedFd) -> io::Result<()> {
    Ok(fcntl_setfd(descriptor, FdFlags::empty())?)
}

/// Whether an error of the system says that there are too many open files.
pub(crate) fn is_descriptor_limit(code: i32) -> bool {
    matches!(code, libc::EMFILE | libc::ENFILE)
}

/// Takes over a descriptor that this process was started with. `None` if it is not open.
pub(crate) fn take_inherited(number: RawFd) -> Option<File> {
    if !is_open(number) {
        return None;
    }
    // SAFETY: it is open, and the variable that named it is read once in the life of a process,
    // before any code that could have opened or closed descriptors.
    Some(unsafe { File::from_raw_fd(number) })
}

/// Puts the descriptor elsewhere where it stands in the place of standard input, and opens the
/// null device there. Returns where it is now.
pub(crate) fn replace_stdin(descriptor: File) -> io::Result<File> {
    if descriptor.as_raw_fd() != 0 {
        return Ok(descriptor);
    }
    let moved = fcntl_dupfd_cloexec(&descriptor, 3)?;
    drop(descriptor);
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY, Mode::empty())?;
    // The lowest free number is 0, so the null device is standard input now and stays it.
    std::mem::forget(null);
    Ok(File::from(moved))
}

/// Marks every descriptor from `first` on as not for the programs that this one starts.
pub(crate) fn close_on_exec_from(first: u32) {
    // SAFETY: the call changes flags of descriptors and touches no memory. Where the kernel does
    // not have it, the descriptors keep their flags: a leak to grandchildren, not an error.
    unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
}

/// Removes a file and the directory it is alone in, and keeps a descriptor that stands for it.
pub(crate) fn unlink_but_hold(path: &Path) -> io::Result<OwnedFd> {
    let held = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    std::fs::remove_file(path)?;
    if let Some(directory) = path.parent() {
        std::fs::remove_dir(directory)?;
    }
    Ok(held?)
}
