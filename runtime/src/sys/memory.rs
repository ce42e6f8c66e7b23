//! Memory that is shared with another process.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};

/// Whether this process could map so many more bytes.
pub(crate) fn has_addresses(len: usize) -> bool {
    // SAFETY: a new mapping at an address of the system's choice disturbs nobody.
    let tried =
        unsafe { mmap_anonymous(std::ptr::null_mut(), len, ProtFlags::empty(), MapFlags::PRIVATE) };
    // SAFETY: it was made just above, and nobody else knows of it.
    tried.is_ok_and(|start| unsafe { munmap(start, len) }.is_ok())
}

/// Shared memory that this process has mapped, and what it can be passed on by.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<c_void>,
    len: usize,
    file: OwnedFd,
}

// SAFETY: the mapping belongs to the process, not to a thread, and stays until this is dropped.
unsafe impl Send for Mapping {}
// SAFETY: as above; this hands out its address and nothing else.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Makes memory of zeros, which costs nothing until it is written. Nobody can change its length any
    /// more: who shares it could end the others by that.
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        let file = memfd_create("procession", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, len as u64)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Self::map(file, len)
    }

    /// Maps memory that another process has made.
    pub(crate) fn of(file: OwnedFd) -> io::Result<Self> {
        let len = usize::try_from(fstat(&file)?.st_size).unwrap_or(0);
        Self::map(file, len)
    }

    fn map(file: OwnedFd, len: usize) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the system chooses where, so nothing that is mapped is replaced.
        let start =
            unsafe { mmap(std::ptr::null_mut(), len, protection, MapFlags::SHARED, &file, 0) }?;
        let start = NonNull::new(start).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Mapping { start, len, file })
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start.cast()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Another descriptor of it.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.file.as_fd().try_clone_to_owned()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the whole mapping, and whoever had its address borrowed it from this.
        let _ = unsafe { munmap(self.start.as_ptr(), self.len) };
    }
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

/// Gives memory back to the system that is free now and would be kept.
pub(crate) fn give_back() {
    // Other C libraries keep none.
    #[cfg(target_env = "gnu")]
    // SAFETY: the call touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0)
    };
}
