//! Rows that are short: most messages are, and these are written where they are made.

use postcard::ser_flavors::Flavor;
use serde::Serialize;

use super::buffer::spare;
use super::own::{is_bytes, number_bytes};
use super::{Encoder, PREFIX};
use crate::error::EncodeError;
use crate::wire::told::why_not_encoded;

/// How many bytes are few.
const SHORT: usize = 112;

/// A row of one value. If it is not short after all, it goes on in memory of its own.
pub(crate) struct ShortRow {
    bytes: [u8; SHORT],
    len: usize,
    /// All of it, where it is longer.
    long: Vec<u8>,
}

impl ShortRow {
    /// Whether a value of this type may be written so: bytes are better borrowed.
    #[inline(always)]
    pub(crate) fn is_for<T: 'static>() -> bool {
        !is_bytes::<T>()
    }

    /// The row of a value.
    ///
    /// # Errors
    ///
    /// As [`Encoder::section`].
    #[inline(always)]
    pub(crate) fn write<T: Serialize + 'static>(
        &mut self,
        value: &T,
        limit: usize,
    ) -> Result<(), EncodeError> {
        if let Some((bytes, len)) = number_bytes(value) {
            self.bytes[..bytes.len()].copy_from_slice(&bytes);
            self.len = len;
        } else {
            let full = limit.saturating_add(PREFIX);
            let end = End { bytes: &mut self.bytes, len: PREFIX, long: &mut self.long, full };
            match postcard::serialize_with_flavor(value, end) {
                Ok(len) => self.len = len,
                Err(error) => return Err(refused(value, limit, error)),
            }
            let prefix = ((self.len - PREFIX) as u64).to_le_bytes();
            let start = if self.len <= SHORT { &mut self.bytes[..] } else { &mut self.long[..] };
            start[..PREFIX].copy_from_slice(&prefix);
        }
        if self.len > limit { Err(EncodeError::TooLarge { limit }) } else { Ok(()) }
    }

    #[inline(always)]
    pub(crate) fn new() -> Self {
        ShortRow { bytes: [0; SHORT], len: 0, long: Vec::new() }
    }

    /// The row in words, the last of which is filled up, and how many bytes it has; if it is short.
    #[inline(always)]
    pub(crate) fn words(&self) -> Option<(&[[u8; 8]], usize)> {
        let words = self.bytes.as_chunks().0.get(..self.len.div_ceil(8))?;
        Some((words, self.len))
    }

    /// The same as a row of any length.
    pub(crate) fn into_encoder<'a>(self, limit: usize) -> Encoder<'a> {
        let mut whole = self.long;
        if self.len <= SHORT {
            whole = spare();
            whole.extend_from_slice(&self.bytes[..self.len]);
        }
        let mut row = Encoder::behind(whole, limit);
        row.len = self.len;
        row
    }
}

#[cold]
fn refused<T: Serialize>(value: &T, limit: usize, error: postcard::Error) -> EncodeError {
    if error == postcard::Error::SerializeBufferFull {
        return EncodeError::TooLarge { limit };
    }
    let type_name = std::any::type_name::<T>();
    EncodeError::Refused { type_name, text: why_not_encoded(value, error) }
}

/// Where a row goes on. How long it is stays in a register where the compiler sees all of this.
struct End<'r> {
    bytes: &'r mut [u8; SHORT],
    len: usize,
    long: &'r mut Vec<u8>,
    full: usize,
}

impl Flavor for End<'_> {
    type Output = usize;

    #[inline(always)]
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        let len = self.len + data.len();
        match self.bytes.get_mut(self.len..len) {
            Some(to) => to.copy_from_slice(data),
            None => go_on(self.bytes, self.len, self.long, data, self.full)?,
        }
        self.len = len;
        Ok(())
    }

    #[inline(always)]
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        match self.bytes.get_mut(self.len) {
            Some(to) => *to = data,
            None => go_on(self.bytes, self.len, self.long, &[data], self.full)?,
        }
        self.len += 1;
        Ok(())
    }

    #[inline(always)]
    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.len)
    }
}

/// Goes on where there is room.
#[cold]
#[inline(never)]
fn go_on(
    bytes: &[u8; SHORT],
    len: usize,
    long: &mut Vec<u8>,
    data: &[u8],
    full: usize,
) -> postcard::Result<()> {
    if data.len() > full.saturating_sub(len) {
        return Err(postcard::Error::SerializeBufferFull);
    }
    if long.is_empty() {
        *long = spare();
        long.extend_from_slice(&bytes[..len]);
    }
    long.extend_from_slice(data);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Encoder, SHORT, ShortRow};
    use crate::error::EncodeError;

    /// The row's bytes, by either way.
    fn rows<T: serde::Serialize + 'static>(value: &T, limit: usize) -> [Option<Vec<u8>>; 2] {
        let mut short = ShortRow::new();
        let written = short.write(value, limit).is_ok();
        if written && let Some((words, len)) = short.words() {
            assert!(len <= SHORT && words.len() == len.div_ceil(8));
            assert_eq!(words.as_flattened()[..len], short.bytes[..len]);
        }
        let mut row = Encoder::new(limit);
        let same = row.section(value).is_ok();
        [written.then(|| short.into_encoder(limit).into_vec()), same.then(|| row.into_vec())]
    }

    proptest! {
        #[test]
        fn a_row_has_the_same_bytes_however_it_was_written(
            (numbers, text) in (proptest::collection::vec(any::<u64>(), 0..16), ".{0,60}"),
            number in any::<i32>(),
            limit in 0..300_usize,
        ) {
            let [short, row] = rows(&(numbers, text, number), limit);
            prop_assert_eq!(short, row);
            let [short, row] = rows(&number, limit);
            prop_assert_eq!(short, row);
        }
    }

    #[test]
    fn a_row_that_is_not_short_goes_on_and_one_beyond_the_limit_does_not() {
        let long = vec![7_u16; 5000];
        let [short, row] = rows(&long, 1 << 20);
        assert!(short.is_some() && short == row);

        let refused = ShortRow::new().write(&long, 4000).unwrap_err();
        assert!(matches!(refused, EncodeError::TooLarge { limit: 4000 }), "{refused:?}");
    }
}
