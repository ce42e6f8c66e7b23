//! Memory that is shared with another process.

use std::ffi::c_void;

use rustix::mm::{Advice, MprotectFlags, madvise, mprotect};

/// Gives the pages of a shared mapping back to the system: they read as zero and cost nothing
/// until they are written again.
///
/// # Safety
///
/// `start` and `len` are a whole mapping of shared memory, aligned to pages, that stays mapped
/// during the call and whose contents nobody needs.
pub(crate) unsafe fn give_back(start: *mut u8, len: usize) {
    // SAFETY: the caller vouches for the range. Where the advice is refused the pages stay, which
    // costs memory and nothing else.
    let _ = unsafe { madvise(start.cast::<c_void>(), len, Advice::LinuxRemove) };
}

/// Has writing to pages of a shared mapping end this process.
///
/// # Safety
///
/// `start` and `len` are pages of one mapping that stays mapped during the call, and nothing of this
/// process writes there from now on.
pub(crate) unsafe fn read_only(start: *mut u8, len: usize) {
    // SAFETY: the caller vouches for the range. Where it is refused the pages stay writable, which
    // only costs a protection against others' mistakes.
    let _ = unsafe { mprotect(start.cast::<c_void>(), len, MprotectFlags::READ) };
}
