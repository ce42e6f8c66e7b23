//! Byte fields at the speed of memory: `#[serde(with = "procession::bytes")]`.
//!
//! Serde reads a plain `Vec<u8>` field byte by byte, at one to two gigabytes a second. A field
//! that names this module is copied as a block. An argument or result that *is* a `Vec<u8>`, a
//! `Box<[u8]>` or a `String` needs nothing written.
//!
//! ```
//! use procession::process;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Image {
//!     width: u32,
//!     #[serde(with = "procession::bytes")]
//!     pixels: Vec<u8>,
//! }
//!
//! #[process]
//! fn brighten(mut image: Image) -> Image {
//!     image.pixels.iter_mut().for_each(|pixel| *pixel = pixel.saturating_add(16));
//!     image
//! }
//!
//! # fn main() -> Result<(), procession::Error> {
//! let image = brighten::call(Image { width: 2, pixels: vec![0, 250] })?;
//! assert_eq!(image.pixels, [16, 255]);
//! # assert_eq!(image.width, 2);
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserializer, Serializer};

/// Writes the bytes as one block.
///
/// # Errors
///
/// What the serializer says.
pub fn serialize<T, S>(bytes: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: AsRef<[u8]> + ?Sized,
    S: Serializer,
{
    serializer.serialize_bytes(bytes.as_ref())
}

/// Reads the bytes as one block (and, from formats that have none, as a sequence of numbers).
///
/// # Errors
///
/// What the deserializer says.
pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: From<Vec<u8>>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_byte_buf(Block(PhantomData))
}

struct Block<T>(PhantomData<T>);

impl<'de, T: From<Vec<u8>>> Visitor<'de> for Block<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<T, E> {
        Ok(T::from(bytes.to_vec()))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<T, E> {
        Ok(T::from(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<T, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = row.next_element()? {
            bytes.push(byte);
        }
        Ok(T::from(bytes))
    }
}
