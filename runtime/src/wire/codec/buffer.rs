//! The memory that rows are written to, used again and again.

use std::cell::Cell;

/// What was written of a row. The next row of the same thread has its memory.
pub(super) struct Buffer(pub(super) Vec<u8>);

/// What a row has room for at first.
const FEW: usize = 64;

/// More than this is not kept for the next row.
pub(super) const KEPT: usize = 4096;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Memory for a row. It comes back from the row that has it.
#[inline]
pub(super) fn spare() -> Vec<u8> {
    // A thread that is ending has none.
    let spare = SPARE.try_with(Cell::take).unwrap_or_default();
    // What has room for a few numbers need not grow, which it would do far from what else a start
    // runs through.
    if spare.capacity() == 0 { Vec::with_capacity(FEW) } else { spare }
}

impl Buffer {
    #[inline]
    pub(super) fn new() -> Self {
        Buffer(spare())
    }

    #[inline(never)]
    #[unsafe(link_section = ".procession.start")]
    fn keep(&mut self) {
        if self.0.capacity() <= KEPT {
            let mut bytes = std::mem::take(&mut self.0);
            bytes.clear();
            let _ = SPARE.try_with(|spare| spare.set(bytes));
        }
    }
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        if self.0.capacity() > 0 {
            self.keep();
        }
    }
}
