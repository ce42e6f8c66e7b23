//! Why a value cannot cross.

/// A value could not be turned into bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value's `Serialize` refused, or asked for what the format cannot do.
    #[error("`{type_name}` cannot be encoded: {text}")]
    #[non_exhaustive]
    Refused {
        /// The value's type.
        type_name: &'static str,
        /// What its `Serialize` said.
        text: String,
    },

    /// The message is larger than [`max_message`](crate::Builder::max_message).
    #[error("the message is larger than the limit of {limit} bytes (see `max_message`)")]
    #[non_exhaustive]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

/// Bytes could not be turned back into a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{type_name}` cannot be decoded: {text}")]
pub struct DecodeError {
    type_name: &'static str,
    text: String,
}

impl DecodeError {
    pub(crate) fn of<T>(text: String) -> Self {
        DecodeError { type_name: std::any::type_name::<T>(), text }
    }
}
