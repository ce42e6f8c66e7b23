//! Values to bytes and back.
//!
//! A message is a row of *sections*, one for each value: a length of eight bytes, then the value.
//! Byte buffers and strings are sections of their own bytes, copied once; everything else is
//! [postcard]. A row is only ever read by the program that wrote it (the builds are compared when
//! a worker starts), so the format carries no names and no versions.
//!
//! What a type's own `Serialize` or `Deserialize` has to say about a failure reaches the user:
//! postcard drops that text, so a value that fails is visited once more, for the text alone.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use postcard::ser_flavors::{Flavor, Size};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::told::{Nowhere, Telling};
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

    /// Adds one value.
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded, or the row grows past its limit.
    pub fn section<T: Serialize + 'static>(&mut self, value: &'a T) -> Result<(), EncodeError> {
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

    fn grown(&mut self, by: usize) -> Result<(), EncodeError> {
        self.len += by;
        if self.len > self.limit {
            return Err(EncodeError::TooLarge { limit: self.limit });
        }
        Ok(())
    }
}

/// What was written of a row. The next row of the same thread has its memory.
struct Buffer(Vec<u8>);

/// More than this is not kept for the next row.
const KEPT: usize = 4096;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Buffer {
    #[inline]
    fn new() -> Self {
        // A thread that is ending has none.
        Buffer(SPARE.try_with(Cell::take).unwrap_or_default())
    }
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        if (1..=KEPT).contains(&self.0.capacity()) {
            let mut bytes = std::mem::take(&mut self.0);
            bytes.clear();
            let _ = SPARE.try_with(|spare| spare.set(bytes));
        }
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
    source: &'a mut dyn Source,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(source: &'a mut dyn Source) -> Self {
        Decoder { source }
    }

    /// Takes the next value.
    ///
    /// # Errors
    ///
    /// If the section is not a `T`.
    pub fn section<T: DeserializeOwned + 'static>(&mut self) -> Result<T, DecodeError> {
        let prefix = self.bytes::<T>(PREFIX)?;
        let len = prefix[..].try_into().map(u64::from_le_bytes).unwrap_or(u64::MAX);
        let bytes = self.bytes::<T>(usize::try_from(len).unwrap_or(usize::MAX))?;
        let bytes = match from_bytes::<T>(bytes) {
            Ok(value) => return value,
            Err(bytes) => bytes,
        };
        match postcard::take_from_bytes::<T>(&bytes) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => Err(DecodeError::of::<T>(format!("{} bytes too many", rest.len()))),
            Err(error) => Err(DecodeError::of::<T>(why_not_decoded::<T>(&bytes, error))),
        }
    }

    /// Passes over a value that was read before.
    pub(crate) fn skip<T>(&mut self) -> Result<(), DecodeError> {
        let prefix = self.bytes::<T>(PREFIX)?;
        let len = prefix[..].try_into().map(u64::from_le_bytes).unwrap_or(u64::MAX);
        self.bytes::<T>(usize::try_from(len).unwrap_or(usize::MAX)).map(drop)
    }

    /// Ends the row.
    ///
    /// # Errors
    ///
    /// If there is more than was taken.
    pub fn finish<T>(self) -> Result<(), DecodeError> {
        match self.source.left() {
            0 => Ok(()),
            left => Err(DecodeError::of::<T>(format!("{left} bytes too many"))),
        }
    }

    fn bytes<T>(&mut self, len: usize) -> Result<Cow<'_, [u8]>, DecodeError> {
        self.source.take(len).map_err(|left| {
            DecodeError::of::<T>(format!("the message ends after {left} of {len} bytes"))
        })
    }
}

impl fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("left", &self.source.left()).finish()
    }
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

/// The bytes of a value that is nothing but bytes.
fn as_bytes<T: 'static>(value: &T) -> Option<&[u8]> {
    let value: &dyn Any = value;
    if let Some(bytes) = value.downcast_ref::<Vec<u8>>() {
        return Some(bytes);
    }
    if let Some(bytes) = value.downcast_ref::<Box<[u8]>>() {
        return Some(bytes);
    }
    value.downcast_ref::<String>().map(String::as_bytes)
}

/// The value that is nothing but these bytes, or the bytes back where `T` is something else.
fn from_bytes<T: 'static>(bytes: Cow<'_, [u8]>) -> Result<Result<T, DecodeError>, Cow<'_, [u8]>> {
    let asked = TypeId::of::<T>();
    let value: Box<dyn Any> = if asked == TypeId::of::<Vec<u8>>() {
        Box::new(bytes.into_owned())
    } else if asked == TypeId::of::<Box<[u8]>>() {
        Box::new(bytes.into_owned().into_boxed_slice())
    } else if asked == TypeId::of::<String>() {
        match String::from_utf8(bytes.into_owned()) {
            Ok(text) => Box::new(text),
            Err(error) => return Ok(Err(DecodeError::of::<T>(error.to_string()))),
        }
    } else {
        return Err(bytes);
    };
    match value.downcast::<T>() {
        Ok(value) => Ok(Ok(*value)),
        Err(_) => unreachable!("the type was compared just above"),
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
        if data.len() > self.full - self.buffer.len() {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.buffer.extend_from_slice(data);
        Ok(())
    }

    #[inline]
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.try_extend(&[data])
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

fn why_not_encoded<T: Serialize>(value: &T, error: postcard::Error) -> String {
    match (value.serialize(Nowhere), error) {
        (Err(said), _) => said.to_string(),
        (_, postcard::Error::SerializeSeqLengthUnknown) => {
            "it has a sequence or map of unknown length, as `#[serde(flatten)]` makes".to_owned()
        }
        (_, error) => error.to_string(),
    }
}

fn why_not_decoded<T: DeserializeOwned>(bytes: &[u8], error: postcard::Error) -> String {
    let mut again = postcard::Deserializer::from_bytes(bytes);
    match (T::deserialize(Telling(&mut again)), error) {
        (Err(said), postcard::Error::SerdeDeCustom) => said.to_string(),
        (_, postcard::Error::WontImplement) => "the format does not say what comes next, which \
             `#[serde(untagged)]`, `#[serde(flatten)]` and self-describing values ask for"
            .to_owned(),
        (_, error) => format!(
            "{error} (is a field left out by `skip_serializing_if`, or are `Serialize` and \
             `Deserialize` not each other's mirror?)"
        ),
    }
}

impl fmt::Debug for Encoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("len", &self.len).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Mixed {
        number: i64,
        text: Option<String>,
        #[serde(with = "crate::bytes")]
        block: Vec<u8>,
        rows: Vec<(u8, f64)>,
    }

    fn mixed() -> impl Strategy<Value = Mixed> {
        let rows = proptest::collection::vec((any::<u8>(), -1e9..1e9), 0..9);
        (any::<i64>(), any::<Option<String>>(), any::<Vec<u8>>(), rows)
            .prop_map(|(number, text, block, rows)| Mixed { number, text, block, rows })
    }

    proptest! {
        #[test]
        fn a_row_of_values_is_read_back(
            mixed in mixed(),
            bytes: Vec<u8>,
            text: String,
            pair: (u32, bool),
        ) {
            let boxed: Box<[u8]> = bytes.clone().into();
            let mut row = Encoder::new(1 << 20);
            row.section(&bytes).unwrap();
            row.section(&mixed).unwrap();
            row.section(&text).unwrap();
            row.section(&boxed).unwrap();
            row.section(&pair).unwrap();
            let len = row.len();
            let row = row.into_vec();
            prop_assert_eq!(row.len(), len);

            let mut source = row.as_slice();
            let mut read = Decoder::new(&mut source);
            prop_assert_eq!(read.section::<Vec<u8>>().unwrap(), bytes);
            prop_assert_eq!(read.section::<Mixed>().unwrap(), mixed);
            prop_assert_eq!(read.section::<String>().unwrap(), text);
            prop_assert_eq!(read.section::<Box<[u8]>>().unwrap(), boxed);
            prop_assert_eq!(read.section::<(u32, bool)>().unwrap(), pair);
            prop_assert!(read.finish::<()>().is_ok());
        }

        #[test]
        fn rubbish_is_an_error_and_never_a_panic(rubbish: Vec<u8>) {
            crate::wire::fuzz::row(&rubbish);
        }

        #[test]
        fn a_row_never_grows_past_its_limit(len in 0_usize..200, limit in 0_usize..200) {
            let numbers: Vec<u16> = vec![7; len];
            let mut row = Encoder::new(limit);

            match row.section(&numbers) {
                Ok(()) => prop_assert!(row.len() <= limit),
                Err(error) => prop_assert_eq!(error, EncodeError::TooLarge { limit }),
            }
        }
    }

    #[test]
    fn what_a_type_says_of_its_failure_is_kept() {
        struct Shy;
        impl Serialize for Shy {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("not in the mood"))
            }
        }
        #[derive(Debug)]
        struct Picky;
        impl<'de> Deserialize<'de> for Picky {
            fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
                Err(serde::de::Error::custom("not this one"))
            }
        }

        let error = Encoder::new(99).section(&Shy).unwrap_err().to_string();
        assert!(error.contains("Shy") && error.contains("not in the mood"), "{error}");
        let mut row = Encoder::new(99);
        row.section(&5_u8).unwrap();
        let row = row.into_vec();
        let error = Decoder::new(&mut row.as_slice()).section::<Picky>().unwrap_err().to_string();
        assert!(error.contains("Picky") && error.contains("not this one"), "{error}");
    }
}
