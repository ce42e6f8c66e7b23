//! Tasks on their way to a worker.

use std::ops::Range;
use std::sync::Arc;

use super::call::Call;
use crate::policy::Attempts;
use crate::wire::{self, Shape};

/// Tasks of one call that follow one another.
pub(super) struct Chunk {
    pub(super) call: Arc<Call>,
    /// Which task of the call is the first.
    pub(super) first: u64,
    pub(super) count: u64,
    frames: Frames,
    /// How often its task was tried before. Only a lone task ever was.
    pub(super) attempts: Attempts,
}

/// Frames, or numbers without, that lie one behind the other. Others may have a part as well.
#[derive(Clone, Debug)]
pub(super) struct Frames {
    all: Arc<Vec<u8>>,
    range: Range<usize>,
    shape: Shape,
}

impl Frames {
    pub(super) fn new(frames: Vec<u8>, shape: Shape) -> Self {
        let range = 0..frames.len();
        Frames { all: Arc::new(frames), range, shape }
    }

    #[inline]
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.all[self.range.clone()]
    }

    /// The tag and the body of the first one, unless it is a number.
    #[inline]
    pub(super) fn first(&self) -> Option<(u32, &[u8])> {
        let framed = self.shape != Shape::Numbers;
        let (tag, body, _) = wire::first_frame(self.bytes()).filter(|_| framed)?;
        Some((tag, body))
    }

    /// Takes the first frames off, so many or all.
    pub(super) fn split_front(&mut self, frames: u64) -> Frames {
        let len = match self.shape.stride() {
            0 => length(self.bytes(), frames),
            stride => (stride as u64).saturating_mul(frames).min(self.range.len() as u64) as usize,
        };
        self.split_at(len)
    }

    /// Takes the first bytes off, which are whole frames.
    pub(super) fn split_at(&mut self, len: usize) -> Frames {
        let cut = self.range.start + len;
        let (all, range) = (Arc::clone(&self.all), self.range.start..cut);
        let front = Frames { all, range, shape: self.shape };
        self.range.start = cut;
        front
    }
}

impl Chunk {
    pub(super) fn new(call: &Arc<Call>, first: u64, count: u64, frames: Frames) -> Self {
        let call = Arc::clone(call);
        Chunk { call, first, count, frames, attempts: Attempts::default() }
    }

    pub(super) fn frames(&self) -> &Frames {
        &self.frames
    }

    /// Takes the first tasks off, so many or all.
    pub(super) fn split_front(&mut self, tasks: u64) -> Chunk {
        let tasks = tasks.min(self.count);
        let frames = if tasks == self.count {
            let cut = self.frames.range.end;
            let front = self.frames.clone();
            self.frames.range.start = cut;
            front
        } else {
            self.frames.split_front(tasks)
        };
        let (first, attempts) = (self.first, self.attempts);
        self.first += tasks;
        self.count -= tasks;
        Chunk { call: Arc::clone(&self.call), first, count: tasks, frames, attempts }
    }

    /// The task that so many others of the chunk precede, by itself.
    pub(super) fn single(&self, at: u64) -> Chunk {
        let (call, mut frames) = (Arc::clone(&self.call), self.frames.clone());
        frames.split_front(at);
        let frames = frames.split_front(1);
        Chunk { call, first: self.first + at, count: 1, frames, attempts: self.attempts }
    }
}

/// How many bytes the first frames have.
fn length(frames: &[u8], count: u64) -> usize {
    let mut at = 0;
    for _ in 0..count {
        let Some((_, _, len)) = wire::first_frame(&frames[at..]) else { break };
        at += len;
    }
    at
}
