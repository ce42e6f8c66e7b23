//! File descriptors: how many are left, which ones a child may see, and the three that have names.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard};

use rustix::fs::{Mode, OFlags};
use rustix::io::{DupFlags, fcntl_dupfd_cloexec, fcntl_getfd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Resource, getrlimit};

/// Room for more descriptors, for as long as it is held.
///
/// ipc-channel asserts and panics where there is none, so room is made before each step of it that
/// opens or receives descriptors. One thread of ours holds room at a time, or two would count on
/// the same. Threads of the user may still take it: the failure is rare then, not impossible.
///
/// Meanwhile the standard descriptors are filled where the program has closed them: a channel end
/// or a region that landed on one of them would be printed into.
#[derive(Debug)]
pub(crate) struct Room {
    _std: StdFilled,
    _alone: MutexGuard<'static, ()>,
}

/// Makes room for `count` more descriptors; `None` at the limit.
pub(crate) fn make_room(count: u16) -> Option<Room> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    has_room(count).then(|| Room { _std: fill_std(), _alone: alone })
}

/// Whether there is room for `count` more descriptors now.
fn has_room(count: u16) -> bool {
    let Some(limit) = descriptor_limit() else { return true };
    let Ok(limit) = RawFd::try_from(limit.min(1 << 30)) else { return true };
    // Numbers are given out from below: where the highest ones are all free, there is room.
    let highest = asked(limit.saturating_sub(count.into())..limit);
    if highest.iter().all(|one| one.revents & libc::POLLNVAL != 0) {
        return highest.len() == usize::from(count);
    }
    // Some are taken, so there may be holes below: count them by filling them.
    let Ok((held, _other)) = pipe_with(PipeFlags::CLOEXEC) else { return false };
    let fill = (2..count).map(|_| fcntl_dupfd_cloexec(&held, 3));
    fill.collect::<Result<Vec<OwnedFd>, _>>().is_ok()
}

/// The most descriptors this process may have open.
pub(crate) fn descriptor_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Standard descriptors that the program has closed, filled for as long as anyone holds this.
#[derive(Debug)]
struct StdFilled(());

/// Who fills them: how many hold them, and what with.
static FILLED: Mutex<(usize, Vec<OwnedFd>)> = Mutex::new((0, Vec::new()));

/// Fills standard descriptors that the program has closed, for as long as the answer is kept.
#[inline]
#[unsafe(link_section = ".procession.start")]
fn fill_std() -> StdFilled {
    let mut filled = FILLED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    filled.0 += 1;
    while filled.1.len() < 3 && !std_is_open() {
        // The lowest free number is taken, which is one of the three. Children inherit it: what
        // they open themselves must not land there either.
        match rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty()) {
            Ok(null) => filled.1.push(null),
            Err(_) => break,
        }
    }
    StdFilled(())
}

impl Drop for StdFilled {
    fn drop(&mut self) {
        let mut filled = FILLED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        filled.0 -= 1;
        if filled.0 == 0 {
            filled.1.clear();
        }
    }
}

/// Fills the standard descriptors that are closed for good. For a worker, whose std has not done
/// it as it does before `main`.
#[inline]
pub(crate) fn fill_std_for_good() {
    std::mem::forget(fill_std());
}

#[inline]
fn std_is_open() -> bool {
    let mut asked = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: the pointer and the length are those of an array of such entries.
    unsafe { libc::poll(asked.as_mut_ptr(), asked.len() as libc::nfds_t, 0) };
    asked.iter().all(|one| one.revents & libc::POLLNVAL == 0)
}

/// Asks for many descriptors at once which of them are open; opens nothing.
fn asked(numbers: Range<RawFd>) -> Vec<libc::pollfd> {
    let mut asked: Vec<libc::pollfd> =
        numbers.map(|fd| libc::pollfd { fd, events: 0, revents: 0 }).collect();
    // SAFETY: the pointer and the length are those of a vector of such entries.
    unsafe { libc::poll(asked.as_mut_ptr(), asked.len() as libc::nfds_t, 0) };
    asked
}

fn is_open(number: RawFd) -> bool {
    // SAFETY: the number is only asked about; where it is not open the call says so.
    let asked = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_getfd(asked).is_ok()
}

/// A pipe: (reader, writer).
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC)?)
}

/// Whether an error says that the descriptor is not open, or is something else by now.
pub(crate) fn is_closed(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK | libc::EINVAL))
}

/// Whether an error of the system says that there are too many open files.
pub(crate) fn is_at_limit(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// The error that says so.
pub(crate) fn at_limit() -> io::Error {
    io::Error::from_raw_os_error(libc::EMFILE)
}

/// Takes over a descriptor that this process was started with. `None` if it is not open.
#[inline]
pub(crate) fn take_inherited(number: RawFd) -> Option<File> {
    if !is_open(number) {
        return None;
    }
    // SAFETY: it is open, and the variable that named it is read once in the life of a process,
    // before any code that could have opened or closed descriptors.
    Some(unsafe { File::from_raw_fd(number) })
}

/// Marks every descriptor from `first` on as not for the programs that this one starts.
#[inline]
pub(crate) fn close_on_exec_from(first: u32) {
    // SAFETY: the call changes flags of descriptors and touches no memory. Where the kernel does
    // not have it, the descriptors keep their flags: a leak to grandchildren, not an error.
    unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
}

/// Leaves the descriptors of this process to its other threads: what the calling thread opens is its
/// own from now on. Nothing is closed by that.
pub(super) fn leave_descriptors() {
    // SAFETY: the call touches no memory, and another thread shares what is closed, so that it stays
    // open there. Where the kernel does not have it, the thread shares them on.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_UNSHARE) };
}

/// Puts what a descriptor stands for in the place of another, whose number stays.
///
/// # Safety
///
/// The number is that of an open descriptor whose owner does not mind what it stands for.
pub(crate) unsafe fn take_place(of: &File, number: RawFd) -> io::Result<()> {
    // SAFETY: the caller vouches for the number, and its owner closes it, not this.
    let mut place = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
    Ok(rustix::io::dup3(of, &mut place, DupFlags::CLOEXEC)?)
}

/// What an open descriptor stands for, to be told from what its number stands for later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

/// What a number stands for now; `None` if it is not open.
#[inline]
pub(crate) fn identity(number: RawFd) -> Option<Identity> {
    // SAFETY: the number is only asked about; where it is not open the call says so.
    let asked = ManuallyDrop::new(unsafe { File::from_raw_fd(number) });
    asked.metadata().ok().map(|file| Identity(file.dev(), file.ino()))
}

/// A descriptor that may be closed behind our back, with something of the user's opened under its number.
#[derive(Debug)]
pub(crate) struct Owned(ManuallyDrop<File>, Option<Identity>);

impl Owned {
    pub(crate) fn new(file: File) -> Self {
        let identity = identity(file.as_raw_fd());
        Owned(ManuallyDrop::new(file), identity)
    }

    /// The file, if it is still what it was.
    pub(crate) fn file(&self) -> Option<&File> {
        (self.1.is_some() && identity(self.0.as_raw_fd()) == self.1).then_some(&*self.0)
    }

    /// Closes it, if it is still what it was.
    pub(crate) fn close(self) {
        if self.file().is_some() {
            drop(ManuallyDrop::into_inner(self.0));
        }
    }
}

/// Whether this is an open pipe, other than a standard stream.
#[inline]
pub(crate) fn is_pipe(number: RawFd) -> bool {
    if number < 3 || !is_open(number) {
        return false;
    }
    // SAFETY: it is open, and no other thread runs that could close it.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    let kind = rustix::fs::fstat(descriptor).map(|status| status.st_mode & libc::S_IFMT);
    kind == Ok(libc::S_IFIFO)
}
