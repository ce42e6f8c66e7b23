//! Why a value cannot cross.

/// A value could not be turned into bytes.
///
/// # Examples
///
/// ```
/// use procession::{EncodeError, SpawnError, process};
/// use serde::{Deserialize, Serialize, Serializer};
///
/// #[derive(Serialize, Deserialize)]
/// struct Secret(#[serde(serialize_with = "refuse")] u8);
///
/// fn refuse<S: Serializer>(_: &u8, _: S) -> Result<S::Ok, S::Error> {
///     Err(serde::ser::Error::custom("it stays here"))
/// }
///
/// #[process]
/// fn tell(secret: Secret) -> u8 {
///     secret.0
/// }
///
/// let Err(SpawnError::Encode { source, .. }) = tell::spawn(Secret(1)) else { panic!() };
/// assert!(matches!(source, EncodeError::Refused { .. }));
/// assert!(source.to_string().contains("it stays here"));
/// ```
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
///
/// A process that cannot read its arguments fails to start, and a result that cannot be read is
/// undeliverable: what this error says is in the [`ExitReason`](crate::ExitReason).
///
/// # Examples
///
/// ```
/// use procession::process;
/// use serde::{Deserialize, Deserializer, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Even(#[serde(deserialize_with = "even")] u8);
///
/// fn even<'de, D: Deserializer<'de>>(read: D) -> Result<u8, D::Error> {
///     let n = u8::deserialize(read)?;
///     if n % 2 == 0 { Ok(n) } else { Err(serde::de::Error::custom("an odd number")) }
/// }
///
/// #[process]
/// fn half(n: Even) -> u8 {
///     n.0 / 2
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// assert_eq!(half::call(Even(8))?, 4);
/// let error = half::spawn(Even(7))?.join().unwrap_err();
/// assert!(error.to_string().contains("an odd number"));
/// # Ok(())
/// # }
/// ```
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
