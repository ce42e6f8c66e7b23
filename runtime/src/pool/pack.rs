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
        let (call, frames) = (Arc::clone(call), Vec::new());
        Pack { call, limit, frames, count: 0, stride: 0, last: 0, unit, until: unit }
    }

    /// How many tasks it has.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn is_full(&self) -> bool {
        self.frames.len() >= if self.call.numbers { 2 * BYTES } else { BYTES }
    }

    /// Adds tasks until it is full: how many, and why the next one cannot be encoded if that is why it
    /// is not among them.
    pub(super) fn add<P: Process>(&mut self, items: &[P::Input]) -> (usize, Option<EncodeError>) {
        if self.call.numbers {
            wire::add_numbers(&mut self.frames, items);
            self.count += items.len() as u64;
            return (items.len(), None);
        }
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
        let (count, stride) = (std::mem::take(&mut self.count), std::mem::take(&mut self.stride));
        if count == 0 {
            return None;
        }
        // The next one will most likely be as long; a single large task says nothing of the next.
        let room = Vec::with_capacity(self.frames.len().min(2 * BYTES));
        let mut frames = std::mem::replace(&mut self.frames, room);
        if self.call.numbers {
            return Some(Chunk::new(&self.call, first, count, Frames::new(frames, Shape::Numbers)));
        }
        flag_frame(&mut frames[self.last..], WAKE);
        self.until = self.unit;
        Some(Chunk::new(&self.call, first, count, Frames::new(frames, Shape::of_stride(stride))))
    }
}
