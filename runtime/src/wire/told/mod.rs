//! What a type's own `Serialize` or `Deserialize` says of a failure.
//!
//! postcard's error has no room for text. A value that failed is visited once more, with an error
//! that keeps it. This costs nothing where nothing fails.

mod reading;
mod writing;

use std::fmt::{self, Display};

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
