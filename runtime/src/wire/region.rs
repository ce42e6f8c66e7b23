//! Regions of shared memory: those that a child inherits, and those that ipc-channel carries.
//!
//! The other side may write a region at any time, so its bytes are only copied, through raw
//! pointers. ipc-channel asserts where the system has no memory or no descriptor left: whether
//! there is room is asked before, and what still fails is caught here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use ipc_channel::ipc::IpcSharedMemory;

use super::heirloom::Heirloom;
use super::lane::{Fault, Short};
use crate::sys::{self, Mapping, Room};

/// A mapped region of shared memory.
#[derive(Debug)]
pub(crate) struct Region {
    start: NonNull<u8>,
    len: usize,
    memory: Held,
}

/// Keeps the mapping.
enum Held {
    /// One that children inherit.
    Own(Mapping),
    /// One that ipc-channel carries.
    Carried(IpcSharedMemory),
}

impl std::fmt::Debug for Held {
    /// Shows no bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

// SAFETY: the mapping stays until the region is dropped, and is only accessed by copies.
unsafe impl Send for Region {}
// SAFETY: as above; who may write where is decided by the cursors of the lane.
unsafe impl Sync for Region {}

/// Where zeros for small regions are copied from: a loop over bytes, which ipc-channel would run
/// instead, takes a millisecond in an unoptimised build.
static ZEROS: [u8; 1 << 17] = [0; 1 << 17];

/// Whether the system lets this process have so much: more would be a signal, not an error.
fn allowed(len: usize) -> bool {
    sys::file_size_limit().is_none_or(|most| len as u64 <= most)
}

/// The same, and whether there are addresses for it: without them ipc-channel panics. Other threads
/// may take them meanwhile, which is rare, and caught.
fn has_room(len: usize) -> bool {
    allowed(len) && sys::has_addresses(len)
}

fn short_of(error: &std::io::Error) -> Short {
    if sys::is_at_limit(error) { Short::Descriptors } else { Short::Memory }
}

impl Region {
    /// Makes a region of zeros that children can inherit. It takes no memory until it is written.
    pub(crate) fn new(len: usize, _room: &Room) -> Result<Self, Short> {
        allowed(len).then_some(()).ok_or(Short::Memory)?;
        Ok(Self::mapped(Mapping::new(len).map_err(|error| short_of(&error))?))
    }

    /// Maps a region that this process inherits.
    #[inline]
    pub(crate) fn inherited(heirloom: Heirloom) -> Result<Self, Fault> {
        let mapping = Mapping::of(heirloom.take()?.into()).map_err(|error| short_of(&error))?;
        Ok(Self::mapped(mapping))
    }

    #[inline]
    fn mapped(mapping: Mapping) -> Self {
        Region { start: mapping.start(), len: mapping.len(), memory: Held::Own(mapping) }
    }

    /// What a child inherits of it.
    pub(crate) fn heirloom(&self) -> Result<Heirloom, Fault> {
        match &self.memory {
            Held::Own(mapping) => {
                Ok(Heirloom::from(mapping.descriptor().map_err(|error| short_of(&error))?))
            }
            Held::Carried(_) => Err(Short::Memory.into()),
        }
    }

    /// Makes a region of zeros that ipc-channel carries.
    pub(crate) fn zeroed(len: usize, _room: &Room) -> Result<Self, Short> {
        match ZEROS.get(..len) {
            Some(zeros) => Self::filled(zeros),
            None if !has_room(len.saturating_mul(2)) => Err(Short::Memory),
            None => Self::filled(&vec![0; len]),
        }
    }

    fn filled(bytes: &[u8]) -> Result<Self, Short> {
        has_room(bytes.len()).then_some(()).ok_or(Short::Memory)?;
        let made = AssertUnwindSafe(|| IpcSharedMemory::from_bytes(bytes));
        Ok(Self::of(catch_unwind(made).map_err(|_| Short::Descriptors)?))
    }

    /// Takes in a region that another process made.
    pub(crate) fn of(memory: IpcSharedMemory) -> Self {
        let bytes: &[u8] = &memory;
        let (start, len) = (NonNull::from(bytes).cast::<u8>(), bytes.len());
        Region { start, len, memory: Held::Carried(memory) }
    }

    /// Has writing to a stretch of pages end this process, not spoil what it shares.
    pub(crate) fn read_only(&self, pages: std::ops::Range<usize>) {
        assert!(pages.start.is_multiple_of(4096) && pages.end <= self.len);
        // SAFETY: the range was just checked to be within the mapping.
        let start = unsafe { self.start.add(pages.start) };
        // SAFETY: these are pages of the mapping, and the caller writes there no more.
        unsafe { crate::sys::read_only(start.as_ptr(), pages.len()) };
    }

    /// What ipc-channel sends.
    pub(crate) fn copy(&self) -> Result<IpcSharedMemory, Short> {
        let Held::Carried(memory) = &self.memory else { return Err(Short::Memory) };
        has_room(self.len).then_some(()).ok_or(Short::Memory)?;
        catch_unwind(AssertUnwindSafe(|| memory.clone())).map_err(|_| Short::Descriptors)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Copies bytes in.
    ///
    /// # Panics
    ///
    /// If they do not fit: offsets are this side's own, never the other's.
    #[inline]
    pub(crate) fn write(&self, at: usize, bytes: &[u8]) {
        assert!(at <= self.len && bytes.len() <= self.len - at);
        // SAFETY: the range was just checked to be within the mapping.
        let to = unsafe { self.start.add(at) };
        // SAFETY: both ranges are valid, and a slice of ours does not overlap a shared mapping.
        unsafe { to.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// Copies bytes out and appends them to a buffer.
    ///
    /// # Panics
    ///
    /// If the range is not within the region; the caller checks what the other side said.
    #[inline]
    pub(crate) fn read(&self, at: usize, len: usize, into: &mut Vec<u8>) {
        assert!(at <= self.len && len <= self.len - at);
        into.reserve(len);
        let old = into.len();
        // SAFETY: the range was just checked to be within the mapping.
        let from = unsafe { self.start.add(at) };
        // SAFETY: `reserve` made room for `len` bytes behind the `old` ones.
        let to = unsafe { into.as_mut_ptr().add(old) };
        // SAFETY: both ranges are valid and of different allocations. The other process may write
        // meanwhile if it lies; bytes have no invalid values, so that gives wrong bytes.
        unsafe { to.copy_from_nonoverlapping(from.as_ptr(), len) };
        // SAFETY: the bytes up to there were just written.
        unsafe { into.set_len(old + len) };
    }

    /// Writes eight aligned bytes.
    ///
    /// # Panics
    ///
    /// If they do not fit.
    #[inline]
    pub(crate) fn write_word(&self, at: usize, word: u64) {
        assert!(at.is_multiple_of(8) && at < self.len && self.len - at >= 8);
        // SAFETY: the word was just checked to be within the mapping.
        let to = unsafe { self.start.add(at) };
        // SAFETY: mappings are aligned to pages and the offset to eight, so the word is aligned.
        unsafe { to.cast::<u64>().as_ptr().write_volatile(word.to_le()) };
    }

    /// Writes an aligned word and others behind it.
    ///
    /// # Panics
    ///
    /// If they do not fit.
    #[inline(always)]
    pub(crate) fn write_words(&self, at: usize, first: u64, others: &[[u8; 8]]) {
        assert!(at.is_multiple_of(8) && at < self.len && others.len() < (self.len - at) / 8);
        // SAFETY: the range was just checked to be within the mapping.
        let to = unsafe { self.start.add(at) }.cast::<u64>();
        // SAFETY: mappings are aligned to pages and the offset to eight, so the word is aligned.
        unsafe { to.as_ptr().write_volatile(first.to_le()) };
        for (place, word) in others.iter().enumerate() {
            // SAFETY: so many words were just checked to be within the mapping.
            let to = unsafe { to.add(1 + place) };
            // SAFETY: as the first.
            unsafe { to.as_ptr().write_volatile(u64::from_ne_bytes(*word)) };
        }
    }

    /// Reads eight aligned bytes.
    #[inline]
    pub(crate) fn read_word(&self, at: usize) -> u64 {
        assert!(at.is_multiple_of(8) && at < self.len && self.len - at >= 8);
        // SAFETY: the word was just checked to be within the mapping.
        let word = unsafe { self.start.add(at) };
        // SAFETY: mappings are aligned to pages and the offset to eight, so the word is aligned.
        u64::from_le(unsafe { word.cast::<u64>().as_ptr().read_volatile() })
    }
}
