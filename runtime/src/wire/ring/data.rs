//! The bytes of a ring, addressed by positions that only grow.

#[cfg(not(loom))]
pub(crate) use mapped::Data;
#[cfg(loom)]
pub(crate) use model::Data;

#[cfg(not(loom))]
mod mapped {
    use std::ops::Range;
    use std::sync::Arc;

    use crate::wire::region::Region;

    /// How many bytes are few.
    const SHORT: usize = 64;

    /// A stretch of a shared region whose length is a power of two.
    #[derive(Clone)]
    pub(crate) struct Data {
        region: Arc<Region>,
        start: usize,
        capacity: usize,
    }

    impl Data {
        pub(crate) fn in_region(region: &Arc<Region>, stretch: Range<usize>) -> Self {
            assert!(stretch.len().is_power_of_two() && stretch.end <= region.len());
            Data { region: Arc::clone(region), start: stretch.start, capacity: stretch.len() }
        }

        pub(crate) fn capacity(&self) -> u64 {
            self.capacity as u64
        }

        /// Copies into the ring, around its end where need be.
        #[inline]
        #[unsafe(link_section = ".procession.start")]
        pub(crate) fn write(&self, at: u64, bytes: &[u8]) {
            let at = self.place(at);
            if bytes.len() <= SHORT && at.is_multiple_of(8) && bytes.len() + at <= self.capacity {
                return self.write_short(self.start + at, bytes);
            }
            let (first, rest) = bytes.split_at(bytes.len().min(self.capacity - at));
            self.region.write(self.start + at, first);
            if !rest.is_empty() {
                self.region.write(self.start, rest);
            }
        }

        /// Writes a few bytes word by word, which costs less than a call that copies any number.
        #[inline]
        fn write_short(&self, mut at: usize, bytes: &[u8]) {
            let (words, rest) = bytes.as_chunks::<8>();
            for word in words {
                self.region.write_word(at, u64::from_le_bytes(*word));
                at += 8;
            }
            if !rest.is_empty() {
                // From the last eight bytes, where there are so many: a copy of any number of bytes
                // is what is to be avoided.
                let word = match bytes.last_chunk() {
                    Some(last) => u64::from_le_bytes(*last) >> (8 * (8 - rest.len())),
                    None => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
                };
                self.region.write_word(at, word);
            }
        }

        /// Writes eight bytes that do not lie around the end.
        #[inline]
        pub(crate) fn write_word(&self, at: u64, word: u64) {
            self.region.write_word(self.start + self.place(at), word);
        }

        /// Writes a word and others behind it if they do not lie around the end; whether they do not.
        #[inline(always)]
        pub(crate) fn write_words(&self, at: u64, first: u64, others: &[[u8; 8]]) -> bool {
            let at = self.place(at);
            let fits = 8 * (1 + others.len()) <= self.capacity - at;
            if fits {
                self.region.write_words(self.start + at, first, others);
            }
            fits
        }

        /// Copies out of the ring and appends to a buffer.
        #[inline]
        pub(crate) fn read(&self, at: u64, len: usize, into: &mut Vec<u8>) {
            let at = self.place(at);
            let first = len.min(self.capacity - at);
            self.region.read(self.start + at, first, into);
            if first < len {
                self.region.read(self.start, len - first, into);
            }
        }

        /// Reads eight bytes that do not lie around the end.
        #[inline]
        pub(crate) fn read_word(&self, at: u64) -> u64 {
            self.region.read_word(self.start + self.place(at))
        }

        #[inline]
        fn place(&self, at: u64) -> usize {
            (at as usize) & (self.capacity - 1)
        }
    }
}

#[cfg(loom)]
mod model {
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;

    /// Cells that tell loom who touches them, so that it finds two who do so at once.
    #[derive(Clone)]
    pub(crate) struct Data(Arc<Vec<UnsafeCell<u8>>>);

    impl Data {
        pub(crate) fn model(capacity: usize) -> Self {
            Data(Arc::new((0..capacity).map(|_| UnsafeCell::new(0)).collect()))
        }

        pub(crate) fn capacity(&self) -> u64 {
            self.0.len() as u64
        }

        pub(crate) fn write(&self, at: u64, bytes: &[u8]) {
            for (at, &byte) in (at..).zip(bytes) {
                // SAFETY: loom checks that nobody else touches the cell meanwhile.
                self.0[(at % self.capacity()) as usize].with_mut(|cell| unsafe { *cell = byte });
            }
        }

        pub(crate) fn write_word(&self, at: u64, word: u64) {
            self.write(at, &word.to_le_bytes());
        }

        pub(crate) fn read(&self, at: u64, len: usize, into: &mut Vec<u8>) {
            for at in at..at + len as u64 {
                // SAFETY: as above.
                into.push(self.0[(at % self.capacity()) as usize].with(|cell| unsafe { *cell }));
            }
        }

        pub(crate) fn read_word(&self, at: u64) -> u64 {
            let mut bytes = Vec::new();
            self.read(at, 8, &mut bytes);
            bytes.try_into().map_or(0, u64::from_le_bytes)
        }
    }

    // SAFETY: access is checked by loom.
    unsafe impl Send for Data {}
    // SAFETY: as above.
    unsafe impl Sync for Data {}
}
