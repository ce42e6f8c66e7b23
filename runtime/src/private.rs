//! What the attributes expand to. Nothing here is for people: it may change in any release.

pub use linkme;
pub use serde;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::actor::{
    AnyMailbox, Message, Methods, StructActor, StructAddress, Unfit, actor_entry_of,
    constructor_failed, message, parts,
};
pub use crate::error::{DecodeError, EncodeError};
pub use crate::process::entry_of;
pub use crate::registry::{ENTRIES, Entry, SETUPS};
pub use crate::wire::{Decoder, Encoder};

/// A parameter's type: whole, owned, and able to cross.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to another process",
    label = "this argument has to cross to the process",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait Argument: Serialize + DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Argument for T {}

/// A return type: whole, owned, and able to cross.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent back from another process",
    label = "this result has to cross back to the caller",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it",
    note = "where it is the error of a `Result` (as in `anyhow::Result` or `io::Result`), use \
            `procession::Failure`: it keeps the text and `?` makes one of any error"
)]
pub trait Returned: Serialize + DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Returned for T {}

/// How values of a type cross.
#[derive(Debug)]
pub struct Crossing<T: 'static> {
    /// Adds a value to a row.
    pub encode: for<'a> fn(&'a T, &mut Encoder<'a>) -> Result<(), EncodeError>,
    /// Takes a value out of a row.
    pub decode: fn(&mut Decoder<'_>) -> Result<T, DecodeError>,
}

/// How arguments cross; compiles only where they can.
pub const fn argument<T: Argument>() -> Crossing<T> {
    Crossing { encode: encode::<T>, decode: decode::<T> }
}

/// How results cross; compiles only where they can.
pub const fn returned<T: Returned>() -> Crossing<T> {
    Crossing { encode: encode::<T>, decode: decode::<T> }
}

#[inline(always)]
fn encode<'a, T: Serialize + 'static>(
    value: &'a T,
    row: &mut Encoder<'a>,
) -> Result<(), EncodeError> {
    row.section(value)
}

#[inline(always)]
fn decode<T: DeserializeOwned + 'static>(row: &mut Decoder<'_>) -> Result<T, DecodeError> {
    row.section()
}

pub mod door {
    //! Bare lanes, for benchmarks.

    pub use crate::process::door::{Forty, Lane, Mode};
}

#[cfg(any(test, fuzzing))]
pub use crate::wire::fuzz;
