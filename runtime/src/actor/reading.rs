//! Reading a message of a mailbox, and the rights to answer that it brings.

use serde::de::DeserializeOwned;

use super::reply;
use crate::error::{DecodeError, Undelivered};
use crate::id::Right;
use crate::wire::{Body, Decoder, Tag, is_too_late, receiving};

/// A message that is not handled: it cannot be read, or it has come too late.
pub(super) struct Unread {
    pub(super) why: Undelivered,
    pub(super) rights: Vec<Right>,
    pub(super) row: Vec<u8>,
}

/// Reads a message to where it stays: there is one when this succeeds.
#[inline]
pub(super) fn decode<M: DeserializeOwned + 'static>(
    tag: Tag,
    body: &Body<'_>,
    place: &mut Option<M>,
) -> Result<(), Box<Unread>> {
    let read = match body {
        Body::Bytes(bytes) => read_bytes(tag, bytes, place),
        Body::Region(..) => body.decode(|row| read_row(tag, row, place)),
    };
    read.map_err(|mut unread| {
        unread.row = body.to_owned().into_bytes();
        unread
    })
}

/// Where the bytes are goes by registers: from memory it would be read with a wide load, right behind
/// the two stores that wrote it, for which the processor waits.
#[inline(never)]
fn read_bytes<M: DeserializeOwned + 'static>(
    tag: Tag,
    bytes: &[u8],
    place: &mut Option<M>,
) -> Result<(), Box<Unread>> {
    read_row(tag, Decoder::of_bytes(bytes), place)
}

#[inline]
fn read_row<M: DeserializeOwned + 'static>(
    tag: Tag,
    mut row: Decoder<'_>,
    place: &mut Option<M>,
) -> Result<(), Box<Unread>> {
    let (read, dropped) = receiving(tag == Tag::Ask, || {
        row.section_into(place)?;
        let late = is_too_late();
        if late {
            // What it asks for is of use to nobody.
            *place = None;
        }
        Ok(late)
    });
    let why = match read {
        Ok(false) => {
            if !dropped.is_empty() {
                reply::drop_all(&dropped);
            }
            return Ok(());
        }
        Ok(true) => Undelivered::Expired,
        Err(error) => Undelivered::Decode(DecodeError::to_string(&error)),
    };
    let has_rights = matches!(tag, Tag::Ask | Tag::Passed);
    let rights = if has_rights { row.section() } else { Ok(Vec::new()) };
    let rights = rights.unwrap_or(dropped);
    Err(Box::new(Unread { why, rights, row: Vec::new() }))
}
