//! Frames in one piece of memory: how the tasks and the results of a pool lie there, and in its rings.
//!
//! ```text
//! │ tag, length │ body, padded to eight bytes │ tag, length │ …
//!    one word of eight bytes
//! ```

use super::codec::{Encoder, number_of};
use super::ring::WORD;
use crate::error::EncodeError;

/// Tag and length before each body.
const HEADER: usize = 8;

/// The longest body: its length is half a word.
pub(crate) const LONGEST_BODY: usize = u32::MAX as usize;

/// How tasks or results lie in one piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As frames.
    Mixed,
    /// As frames that are [alike](first_alike), each of which takes up so many bytes.
    Alike(usize),
    /// As numbers, each of which is a word of its own and has no frame.
    Numbers,
}

impl Shape {
    /// Of frames that have this size, if they are alike, or of which nothing is known.
    #[inline]
    pub(crate) fn of_stride(stride: usize) -> Self {
        if stride == 0 { Shape::Mixed } else { Shape::Alike(stride) }
    }

    /// How many bytes each takes up, if that is the same for all; otherwise 0.
    #[inline]
    pub(crate) fn stride(self) -> usize {
        match self {
            Shape::Mixed => 0,
            Shape::Alike(stride) => stride,
            Shape::Numbers => WORD as usize,
        }
    }
}

/// Adds a row of values, which is written where it stays. If it cannot be encoded, the frames are as
/// before.
pub(crate) fn add_row<'a>(
    frames: &mut Vec<u8>,
    tag: u32,
    limit: usize,
    encode: impl FnOnce(&mut Encoder<'a>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    Rows::behind(frames, limit).add(tag, encode)
}

/// Rows of values that are written where they stay: each is a frame.
pub(crate) struct Rows<'f, 'a> {
    frames: &'f mut Vec<u8>,
    row: Encoder<'a>,
    /// Up to where there are whole frames.
    whole: usize,
}

impl<'f, 'a> Rows<'f, 'a> {
    /// Behind frames that are there. No row may have more bytes than the limit.
    #[inline]
    pub(crate) fn behind(frames: &'f mut Vec<u8>, limit: usize) -> Self {
        let whole = frames.len();
        let row = Encoder::behind(std::mem::take(frames), limit.min(LONGEST_BODY));
        Rows { frames, row, whole }
    }

    /// Adds a row. If it cannot be encoded, or a user's `Serialize` panics, there are those before.
    #[inline]
    pub(crate) fn add(
        &mut self,
        tag: u32,
        encode: impl FnOnce(&mut Encoder<'a>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.row.begin(HEADER);
        encode(&mut self.row)?;
        self.row.end(self.whole + HEADER, |frames, len| seal(frames, self.whole, tag, len));
        self.whole = self.row.place();
        Ok(())
    }

    /// How many bytes all frames have.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.whole
    }
}

impl Drop for Rows<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        *self.frames = self.row.take_all();
        self.frames.truncate(self.whole);
    }
}

/// Adds a frame whose body is there already.
pub(crate) fn add_frame(frames: &mut Vec<u8>, tag: u32, body: &[u8]) {
    assert!(body.len() <= LONGEST_BODY, "no message has 4 GiB");
    let start = frames.len();
    frames.extend_from_slice(&[0; HEADER]);
    frames.extend_from_slice(body);
    seal(frames, start, tag, body.len());
}

/// The first frame: its tag, its body, and how many bytes it takes up.
#[inline]
pub(crate) fn first_frame(frames: &[u8]) -> Option<(u32, &[u8], usize)> {
    let (header, rest) = frames.split_first_chunk::<HEADER>()?;
    let header = u64::from_le_bytes(*header);
    let len = (header & u64::from(u32::MAX)) as usize;
    let padded = len.checked_next_multiple_of(8)?;
    let body = rest.get(..padded)?;
    Some(((header >> 32) as u32, &body[..len], HEADER + padded))
}

/// The first frame and those right behind it that have its tag and its length: their tag, how many they
/// are, and how many bytes each takes up.
#[inline]
pub(crate) fn first_alike(frames: &[u8]) -> Option<(u32, u64, usize)> {
    let (tag, _, size) = first_frame(frames)?;
    let header = frames.first_chunk::<HEADER>()?;
    let rest = frames[size..].chunks_exact(size);
    let more = rest.take_while(|frame| frame.first_chunk() == Some(header)).count();
    Some((tag, 1 + more as u64, size))
}

/// The bodies of frames that are [alike](first_alike), each of which takes up so many bytes.
#[inline]
pub(crate) fn alike_bodies(frames: &[u8], stride: usize) -> impl Iterator<Item = &[u8]> {
    let body = HEADER..HEADER + first_frame(frames).map_or(0, |(_, body, _)| body.len());
    frames.chunks_exact(stride).map(move |frame| &frame[body.clone()])
}

/// The numbers of such words.
#[inline(always)]
pub(crate) fn numbers<T: 'static>(words: &[u8]) -> impl ExactSizeIterator<Item = T> {
    words.as_chunks().0.iter().map(|word| number_of(u64::from_le_bytes(*word)))
}

/// Adds flags to the tag of the first frame.
#[inline]
pub(crate) fn flag_frame(frames: &mut [u8], flags: u32) {
    if let Some(header) = frames.first_chunk_mut::<HEADER>() {
        let flagged = u64::from_le_bytes(*header) | u64::from(flags) << 32;
        *header = flagged.to_le_bytes();
    }
}

/// Pads the last frame, and writes what stands before its body.
#[inline(always)]
fn seal(frames: &mut Vec<u8>, start: usize, tag: u32, len: usize) {
    debug_assert_eq!(frames.len(), start + HEADER + len);
    if !len.is_multiple_of(8) {
        frames.resize(start + HEADER + len.next_multiple_of(8), 0);
    }
    let header = u64::from(tag) << 32 | len as u64;
    frames[start..start + HEADER].copy_from_slice(&header.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use proptest::prelude::*;

    use super::*;
    use crate::wire::Decoder;

    type Values = (Vec<u8>, (u64, Option<String>), String);

    fn add(frames: &mut Vec<u8>, tag: u32, limit: usize, row: &Values) -> Result<(), EncodeError> {
        add_row(frames, tag, limit, |encoder| {
            encoder.section(&row.1)?;
            encoder.section(&row.0)?;
            encoder.section(&row.2)
        })
    }

    proptest! {
        #[test]
        fn rows_are_read_back_one_after_the_other(
            rows in proptest::collection::vec(any::<(u32, Values)>(), 0..8),
        ) {
            let mut frames = Vec::new();
            for (tag, row) in &rows {
                add(&mut frames, *tag, usize::MAX, row).unwrap();
                add_frame(&mut frames, !tag, &row.0);
            }

            let mut rest = frames.as_slice();
            for (tag, row) in &rows {
                let (tagged, mut body, size) = first_frame(rest).unwrap();
                prop_assert_eq!(tagged, *tag);
                let mut read = Decoder::new(&mut body);
                prop_assert_eq!(&read.section::<(u64, Option<String>)>().unwrap(), &row.1);
                prop_assert_eq!(&read.section::<Vec<u8>>().unwrap(), &row.0);
                prop_assert_eq!(&read.section::<String>().unwrap(), &row.2);
                prop_assert!(read.finish::<()>().is_ok());
                rest = &rest[size..];
                prop_assert_eq!(first_frame(rest).map(|(tag, body, _)| (tag, body)), Some((!tag, &row.0[..])));
                rest = &rest[first_frame(rest).unwrap().2..];
            }
            prop_assert!(first_frame(rest).is_none() && rest.is_empty());
        }

        #[test]
        fn a_row_that_fails_leaves_the_frames_as_they_were(row: Values, limit in 0_usize..40) {
            let mut frames = Vec::new();
            add_frame(&mut frames, 3, b"before");
            let before = frames.clone();

            match add(&mut frames, 4, limit, &row) {
                Ok(()) => prop_assert!(first_frame(&frames[before.len()..]).unwrap().1.len() <= limit),
                Err(_) => prop_assert_eq!(frames, before),
            }
        }

        #[test]
        fn frames_that_were_cut_or_are_rubbish_are_none(bytes: Vec<u8>) {
            if let Some((_, body, size)) = first_frame(&bytes) {
                prop_assert!(size <= bytes.len() && body.len() + HEADER <= size);
            }
            let mut frames = Vec::new();
            add_frame(&mut frames, 1, &bytes);
            prop_assert!(first_frame(&frames[..frames.len() - 1]).is_none());
        }
    }

    #[test]
    fn a_panic_while_encoding_leaves_the_frames_as_they_were() {
        let mut frames = Vec::new();
        add_frame(&mut frames, 3, b"before");
        let before = frames.clone();

        let panicked = catch_unwind(AssertUnwindSafe(|| {
            add_row(&mut frames, 4, 99, |row| {
                row.section(&7_u8)?;
                panic!("in the middle of it")
            })
        }));

        assert!(panicked.is_err());
        assert_eq!(frames, before);
    }
}
