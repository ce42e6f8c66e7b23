//! Tasks on their way into a chunk.

use std::sync::Arc;

use super::call::Call;
use super::chunk::{Chunk, Frames};
use crate::error::EncodeError;
use crate::process::Process;
use crate::wire::{self, Rows, Shape, WAKE, flag_frame};

/// No chunk is longer than this unless a single task is: what a worker has at once fits its ring.
pub(super) const BYTES: usize = 64 << 10;

/// Tasks on their way into a chunk.
pub(super) struct Pack {
    call: Arc<Call>,
    /// No task may have more bytes.
    limit: usize,
    frames: Vec<u8>,
    /// The same where tasks are numbers, which have no frames.
    words: Vec<[u8; 8]>,
    count: u64,
    /// How many bytes each has, if all have as many.
    stride: usize,
    /// Where the last one begins.
    last: usize,
    /// After how many tasks the worker is to look whether somebody waits.
    unit: u64,
    until: u64,
}

impl Pack {
    pub(super) fn new(call: &Arc<Call>, limit: usize) -> Self {
        let unit = call.terms.chunk_size.unwrap_or(u64::MAX);
        let (call, frames, words) = (Arc::clone(call), Vec::new(), Vec::new());
        Pack { call, limit, frames, words, count: 0, stride: 0, last: 0, unit, until: unit }
    }

    /// How many tasks it has.
    pub(super) fn count(&self) -> u64 {
        self.count + self.words.len() as u64
    }

    pub(super) fn is_full(&self) -> bool {
        self.frames.len() >= BYTES || self.words.len() >= 2 * BYTES / size_of::<[u8; 8]>()
    }

    /// Adds tasks that are numbers, so many at the most: how many.
    #[inline(always)]
    pub(super) fn add_numbers<T: 'static>(
        &mut self,
        items: &mut impl Iterator<Item = T>,
        most: usize,
    ) -> usize {
        let mut added = 0;
        while added < most {
            let mut block = [[0; 8]; FEW];
            let next = FEW.min(most - added);
            let mut few = Few { words: &mut self.words, block: &mut block, count: 0 };
            while few.count < next
                && let Some(item) = items.next()
            {
                few.block[few.count] = wire::word_of(&item).unwrap_or_default().to_le_bytes();
                few.count += 1;
            }
            let came = few.count;
            added += came;
            if came < next {
                break;
            }
        }
        added
    }

    /// Whether its tasks are numbers.
    pub(super) fn is_of_numbers(&self) -> bool {
        self.call.numbers
    }

    /// Adds tasks until it is full: how many, and why the next one cannot be encoded if that is why it
    /// is not among them.
    pub(super) fn add<P: Process>(&mut self, items: &[P::Input]) -> (usize, Option<EncodeError>) {
        let tag = self.call.tag();
        let mut rows = Rows::behind(&mut self.frames, self.limit);
        for (added, item) in items.iter().enumerate() {
            let start = rows.len();
            if start >= BYTES {
                return (added, None);
            }
            let ends = self.until == 1;
            let wake = if ends { WAKE } else { 0 };
            if let Err(error) = rows.add(tag | wake, |row| P::encode(item, row)) {
                return (added, Some(error));
            }
            let size = rows.len() - start;
            if size != self.stride {
                self.stride = if self.count == 0 { size } else { 0 };
            }
            self.until = if ends { self.unit } else { self.until - 1 };
            (self.count, self.last) = (self.count + 1, start);
        }
        (items.len(), None)
    }

    /// The chunk, whose first task has this number. The worker looks whether somebody waits after the
    /// last one.
    pub(super) fn take(&mut self, first: u64) -> Option<Chunk> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        // The next one will most likely be as long; a single large task says nothing of the next.
        if self.call.numbers {
            let room = Vec::with_capacity(self.words.len());
            let words = std::mem::replace(&mut self.words, room).into_flattened();
            return Some(Chunk::new(&self.call, first, count, Frames::new(words, Shape::Numbers)));
        }
        let room = Vec::with_capacity(self.frames.len().min(BYTES));
        let mut frames = std::mem::replace(&mut self.frames, room);
        flag_frame(&mut frames[self.last..], WAKE);
        let stride = std::mem::take(&mut self.stride);
        (self.count, self.until) = (0, self.unit);
        Some(Chunk::new(&self.call, first, count, Frames::new(frames, Shape::of_stride(stride))))
    }
}

/// A few words on their way into a pack: until then they are counted in a register.
struct Few<'w> {
    words: &'w mut Vec<[u8; 8]>,
    block: &'w mut [[u8; 8]; FEW],
    count: usize,
}

const FEW: usize = 64;

/// What came before a panic of the input came.
impl Drop for Few<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.words.extend_from_slice(&self.block[..self.count]);
    }
}
