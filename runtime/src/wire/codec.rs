//! Values to bytes and back.
//!
//! A message is a row of *sections*, one for each value: a length of eight bytes, then the value.
//! Byte buffers and strings are sections of their own bytes, copied once; everything else is
//! [postcard]. A number is its own bytes without a length: the shortest messages are made of these,
//! and one of them has its place on one cache line then. A row is only ever read
//! by the program that wrote it (the builds are compared when a worker starts), so the format carries
//! no names and no versions.
//!
//! What a type's own `Serialize` or `Deserialize` has to say about a failure reaches the user:
//! postcard drops that text, so a value that fails is visited once more, for the text alone.

mod buffer;
mod own;
mod short;

use std::borrow::Cow;
use std::fmt;

use postcard::ser_flavors::{Flavor, Size};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::buffer::{Buffer, KEPT};
use self::own::{as_bytes, from_bytes, is_bytes, number, number_bytes, number_len};
pub(crate) use self::own::{is_number, number_of, word_of};
pub(crate) use self::short::ShortRow;
use super::told::{why_not_decoded, why_not_encoded};
use crate::error::{DecodeError, EncodeError};

/// How many bytes say how long a section is.
const PREFIX: usize = size_of::<u64>();

/// A row of sections on its way out: what it borrows is copied only when it is sent.
pub struct Encoder<'a> {
    written: Buffer,
    /// What is borrowed, and before which written byte it belongs.
    borrowed: Vec<(usize, &'a [u8])>,
    len: usize,
    limit: usize,
}

impl<'a> Encoder<'a> {
    /// An empty row that may grow to `limit` bytes.
    #[inline]
    pub(crate) fn new(limit: usize) -> Self {
        Encoder { written: Buffer::new(), borrowed: Vec::new(), len: 0, limit }
    }

    /// A row that was written before.
    pub(crate) fn of_row(row: &'a [u8]) -> Self {
        let (written, borrowed) = (Buffer(Vec::new()), vec![(0, row)]);
        Encoder { written, borrowed, len: row.len(), limit: row.len() }
    }

    /// An empty row that is written straight behind other bytes.
    #[inline]
    pub(super) fn behind(bytes: Vec<u8>, limit: usize) -> Self {
        Encoder { written: Buffer(bytes), borrowed: Vec::new(), len: 0, limit }
    }

    /// Begins another row, behind so many bytes for what is to stand before it.
    #[inline]
    pub(super) fn begin(&mut self, before: usize) {
        let at = self.place();
        self.written.0.resize(at + before, 0);
        self.len = 0;
    }

    /// Ends a row that begins at a place: with all its bytes in place, and how many these are.
    #[inline]
    pub(super) fn end(&mut self, at: usize, seal: impl FnOnce(&mut Vec<u8>, usize)) {
        if !self.borrowed.is_empty() {
            self.put_in(at);
        }
        seal(&mut self.written.0, self.len);
    }

    /// How many bytes there are, with those before the row.
    #[inline]
    pub(super) fn place(&self) -> usize {
        self.written.0.len()
    }

    /// All bytes again, with those that it was put behind.
    #[inline]
    pub(super) fn take_all(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.written.0)
    }

    /// Copies what is borrowed to where it belongs in the row that begins at a place.
    fn put_in(&mut self, start: usize) {
        let bytes = &mut self.written.0;
        let written = bytes.split_off(start);
        let mut from = 0;
        for (at, borrowed) in self.borrowed.drain(..) {
            let at = at - start;
            bytes.extend_from_slice(&written[std::mem::replace(&mut from, at)..at]);
            bytes.extend_from_slice(borrowed);
        }
        bytes.extend_from_slice(&written[from..]);
    }

    /// The row's memory, for [`behind`](Encoder::behind); none if there is much of it.
    #[inline]
    pub(super) fn take_scratch(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.written.0);
        bytes.clear();
        if bytes.capacity() > KEPT { Vec::new() } else { bytes }
    }

    /// Whether there is no memory to be given back.
    #[inline]
    pub(crate) fn owns_nothing(&self) -> bool {
        self.written.0.capacity() == 0 && self.borrowed.capacity() == 0
    }

    /// Adds one value.
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded, or the row grows past its limit.
    #[inline(always)]
    pub fn section<T: Serialize + 'static>(&mut self, value: &'a T) -> Result<(), EncodeError> {
        if let Some((bytes, len)) = number_bytes(value) {
            self.written.0.extend_from_slice(&bytes[..len]);
            return self.grown(len);
        }
        self.no_number(value)
    }

    fn no_number<T: Serialize + 'static>(&mut self, value: &'a T) -> Result<(), EncodeError> {
        if let Some(bytes) = as_bytes(value) {
            self.written.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            self.borrowed.push((self.written.0.len(), bytes));
            return self.grown(PREFIX + bytes.len());
        }
        self.written(value)
    }

    /// Adds one value that is more than bytes, and borrows nothing of it.
    pub(crate) fn written<T: Serialize + 'static>(&mut self, value: &T) -> Result<(), EncodeError> {
        let limit = self.limit;
        let tail = &mut self.written.0;
        let start = tail.len();
        tail.extend_from_slice(&[0; PREFIX]);
        let full = limit.saturating_add(start + PREFIX);
        let written = postcard::serialize_with_flavor(value, Tail { buffer: tail, full });
        if let Err(error) = written {
            if error == postcard::Error::SerializeBufferFull {
                return Err(EncodeError::TooLarge { limit });
            }
            let type_name = std::any::type_name::<T>();
            return Err(EncodeError::Refused { type_name, text: why_not_encoded(value, error) });
        }
        let len = tail.len() - start - PREFIX;
        tail[start..start + PREFIX].copy_from_slice(&(len as u64).to_le_bytes());
        self.grown(PREFIX + len)
    }

    /// How many bytes the row has.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The row's bytes, piece by piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let written = self.written.0.as_slice();
        let mut from = 0;
        let mixed = self.borrowed.iter().flat_map(move |&(at, bytes)| {
            let before = &written[std::mem::replace(&mut from, at)..at];
            [before, bytes]
        });
        let rest = self.borrowed.last().map_or(0, |&(at, _)| at);
        mixed.chain([&written[rest..]])
    }

    /// The row, if it borrows nothing: then it is in one piece.
    #[inline]
    pub(crate) fn one_piece(&self) -> Option<&[u8]> {
        self.borrowed.is_empty().then_some(self.written.0.as_slice())
    }

    /// A copy of the row in one piece.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.len);
        self.pieces().for_each(|piece| whole.extend_from_slice(piece));
        whole
    }

    /// The row in one piece.
    pub(crate) fn into_vec(mut self) -> Vec<u8> {
        if self.borrowed.is_empty() { std::mem::take(&mut self.written.0) } else { self.to_vec() }
    }

    #[inline(always)]
    fn grown(&mut self, by: usize) -> Result<(), EncodeError> {
        self.len += by;
        if self.len > self.limit {
            return Err(EncodeError::TooLarge { limit: self.limit });
        }
        Ok(())
    }
}

/// Where a row of sections is read from. The bytes may lie in memory that another process can
/// write; those are only ever handed out as copies.
pub(crate) trait Source {
    /// Gives the next `len` bytes, or says how many are left.
    fn take(&mut self, len: usize) -> Result<Cow<'_, [u8]>, usize>;
    /// How many bytes are left.
    fn left(&self) -> usize;
}

impl Source for &[u8] {
    #[inline]
    fn take(&mut self, len: usize) -> Result<Cow<'_, [u8]>, usize> {
        let (head, rest) = self.split_at_checked(len).ok_or(self.len())?;
        *self = rest;
        Ok(Cow::Borrowed(head))
    }

    fn left(&self) -> usize {
        self.len()
    }
}

/// A row of sections that came in.
pub struct Decoder<'a> {
    source: From<'a>,
}

/// Bytes of this process are read without a detour.
enum From<'a> {
    Bytes(&'a [u8]),
    Source(&'a mut dyn Source),
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(source: &'a mut dyn Source) -> Self {
        Decoder { source: From::Source(source) }
    }

    /// Reads what is in one piece.
    #[inline]
    pub(crate) fn of_bytes(bytes: &'a [u8]) -> Self {
        Decoder { source: From::Bytes(bytes) }
    }

    /// Takes the next value.
    ///
    /// # Errors
    ///
    /// If the section is not a `T`.
    #[inline(always)]
    pub fn section<T: DeserializeOwned + 'static>(&mut self) -> Result<T, DecodeError> {
        if let From::Bytes(bytes) = &mut self.source
            && !is_bytes::<T>()
            && let Some((section, rest)) = first_section::<T>(bytes)
        {
            *bytes = rest;
            return value_of(section);
        }
        self.other()
    }

    #[unsafe(link_section = ".procession.start")]
    fn other<T: DeserializeOwned + 'static>(&mut self) -> Result<T, DecodeError> {
        match from_bytes::<T>(self.next::<T>()?) {
            Ok(value) => value,
            Err(bytes) => value_of(&bytes),
        }
    }

    /// Takes the next value to where it stays: one that is passed on from hand to hand is copied by
    /// each.
    #[inline]
    pub(crate) fn section_into<T: DeserializeOwned + 'static>(
        &mut self,
        place: &mut Option<T>,
    ) -> Result<(), DecodeError> {
        *place = Some(self.section()?);
        Ok(())
    }

    /// Takes the next value, without a word why if there is none. It is moved once.
    #[inline(always)]
    pub(crate) fn section_at_once<T: DeserializeOwned + 'static>(&mut self) -> Option<T> {
        let From::Bytes(bytes) = &mut self.source else { return None };
        if is_bytes::<T>() {
            return None;
        }
        let (section, rest) = first_section::<T>(bytes)?;
        *bytes = rest;
        if let Some(number) = number(section) {
            return number.ok();
        }
        let mut deserializer = postcard::Deserializer::from_bytes(section);
        match T::deserialize(&mut deserializer) {
            Ok(value) if deserializer.finalize().is_ok_and(<[u8]>::is_empty) => Some(value),
            _ => None,
        }
    }

    /// Passes over a value that was read before.
    pub(crate) fn skip<T: 'static>(&mut self) -> Result<(), DecodeError> {
        self.next::<T>().map(drop)
    }

    fn next<T: 'static>(&mut self) -> Result<Cow<'_, [u8]>, DecodeError> {
        if let Some(len) = number_len::<T>() {
            return self.bytes::<T>(len);
        }
        let prefix = self.bytes::<T>(PREFIX)?;
        let len = prefix[..].try_into().map(u64::from_le_bytes).unwrap_or(u64::MAX);
        self.bytes::<T>(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// Ends the row.
    ///
    /// # Errors
    ///
    /// If there is more than was taken.
    #[inline]
    #[unsafe(link_section = ".procession.start")]
    pub fn finish<T>(self) -> Result<(), DecodeError> {
        match self.left() {
            0 => Ok(()),
            left => Err(DecodeError::of::<T>(format!("{left} bytes too many"))),
        }
    }

    #[inline]
    fn bytes<T>(&mut self, len: usize) -> Result<Cow<'_, [u8]>, DecodeError> {
        let taken = match &mut self.source {
            From::Bytes(bytes) => bytes.take(len),
            From::Source(source) => source.take(len),
        };
        taken.map_err(|left| ends_after::<T>(left, len))
    }

    #[inline]
    pub(super) fn left(&self) -> usize {
        match &self.source {
            From::Bytes(bytes) => bytes.len(),
            From::Source(source) => source.left(),
        }
    }
}

impl fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("left", &self.left()).finish()
    }
}

/// Reads a row that is a whole message.
pub(crate) type DecodeRow<T> = fn(&mut Decoder<'_>) -> Result<T, DecodeError>;

/// Reads a row that is a whole message.
#[inline(always)]
pub(crate) fn read_row<T>(
    row: &[u8],
    decode: impl FnOnce(&mut Decoder<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut decoder = Decoder::of_bytes(row);
    let value = decode(&mut decoder)?;
    decoder.finish::<T>()?;
    Ok(value)
}

/// The section that a row begins with, and what follows it.
#[inline(always)]
fn first_section<T: 'static>(row: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(len) = number_len::<T>() {
        return row.split_at_checked(len);
    }
    let (prefix, rest) = row.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*prefix)).ok()?)
}

#[inline(always)]
fn value_of<T: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<T, DecodeError> {
    number(bytes).unwrap_or_else(|| no_number(bytes))
}

#[inline]
fn no_number<T: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<T, DecodeError> {
    match postcard::take_from_bytes::<T>(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(DecodeError::of::<T>(format!("{} bytes too many", rest.len()))),
        Err(error) => Err(DecodeError::of::<T>(why_not_decoded::<T>(bytes, error))),
    }
}

#[cold]
fn ends_after<T>(left: usize, len: usize) -> DecodeError {
    DecodeError::of::<T>(format!("the message ends after {left} of {len} bytes"))
}

/// The bytes of a value of ours.
///
/// They are counted first: what grows piece by piece takes new memory for each value, because the
/// allocator has it grow into what nobody has touched yet.
pub(crate) fn plain<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    let len = postcard::serialize_with_flavor(value, Size::default()).ok()?;
    let mut bytes = Vec::with_capacity(len);
    postcard::serialize_with_flavor(value, Tail { buffer: &mut bytes, full: len }).ok()?;
    Some(bytes)
}

/// A value of ours from its bytes.
pub(crate) fn read_plain<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}

/// Appends to a buffer until that is full.
struct Tail<'b> {
    buffer: &'b mut Vec<u8>,
    full: usize,
}

impl Flavor for Tail<'_> {
    type Output = ();

    #[inline]
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        // A short number: a copy of any number of bytes would be a call.
        if let &[byte] = data {
            return self.try_push(byte);
        }
        if data.len() > self.full - self.buffer.len() {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.buffer.extend_from_slice(data);
        Ok(())
    }

    #[inline]
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        if self.buffer.len() == self.full {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.buffer.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Encoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("len", &self.len).finish()
    }
}

#[cfg(test)]
mod tests;
