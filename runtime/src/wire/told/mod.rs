//! What a type's own `Serialize` or `Deserialize` says of a failure.
//!
//! postcard's error has no room for text. A value that failed is visited once more, with an error
//! that keeps it. This costs nothing where nothing fails.

mod reading;
mod writing;

use std::fmt::{self, Display};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) use reading::Telling;
pub(super) use writing::Nowhere;

/// An error that is nothing but its text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told(pub(super) String);

impl Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Told {}

impl serde::ser::Error for Told {
    fn custom<T: Display>(text: T) -> Self {
        Told(text.to_string())
    }
}

impl serde::de::Error for Told {
    fn custom<T: Display>(text: T) -> Self {
        Told(text.to_string())
    }
}

/// What a value has to say that could not be encoded.
pub(super) fn why_not_encoded<T: Serialize>(value: &T, error: postcard::Error) -> String {
    match (value.serialize(Nowhere), error) {
        (Err(said), _) => said.to_string(),
        (_, postcard::Error::SerializeSeqLengthUnknown) => {
            "it has a sequence or map of unknown length, as `#[serde(flatten)]` makes".to_owned()
        }
        (_, error) => error.to_string(),
    }
}

/// What a type has to say of bytes that are none of its values.
pub(super) fn why_not_decoded<T: DeserializeOwned>(bytes: &[u8], error: postcard::Error) -> String {
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
