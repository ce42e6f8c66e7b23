//! What moving bytes costs at least: `memcpy` within one process, from and to touched memory.
//!
//! No lane gets there, for it copies in and copies out again. Frozen, and nothing in here is
//! shared with the runtime.

use std::hint::black_box;

/// A source and a target, both touched.
pub(crate) struct Copy {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Copy {
    pub(crate) fn of(size: usize) -> Copy {
        Copy { from: vec![1; size], to: vec![2; size] }
    }

    /// Copies all bytes once.
    pub(crate) fn run(&mut self) {
        black_box(&mut self.to).copy_from_slice(black_box(&self.from));
        black_box(&self.to);
    }
}
