//! Values that are their own bytes: numbers, buffers and strings.

use std::any::{Any, TypeId};
use std::borrow::Cow;

use crate::error::DecodeError;

/// How many bytes a number has; `None` where `T` is something else.
#[inline(always)]
pub(super) fn number_len<T: 'static>() -> Option<usize> {
    let asked = TypeId::of::<T>();
    macro_rules! numbers {
        ($($number:ty)*) => { $(asked == TypeId::of::<$number>())||* };
    }
    numbers!(u64 i64 u32 i32 usize isize f64 f32 u16 i16 u8 i8).then_some(size_of::<T>())
}

/// The bytes of a number, and how many they are.
#[inline(always)]
pub(super) fn number_bytes<T: 'static>(value: &T) -> Option<([u8; 8], usize)> {
    let value: &dyn Any = value;
    macro_rules! numbers {
        ($($number:ty)*) => {
            $(if let Some(number) = value.downcast_ref::<$number>() {
                let mut bytes = [0; 8];
                bytes[..size_of::<$number>()].copy_from_slice(&number.to_le_bytes());
                return Some((bytes, size_of::<$number>()));
            })*
        };
    }
    numbers!(u64 i64 u32 i32 usize isize f64 f32 u16 i16 u8 i8);
    None
}

/// The number of these bytes; `None` where `T` is something else.
#[inline(always)]
pub(super) fn number<T: 'static>(bytes: &[u8]) -> Option<Result<T, DecodeError>> {
    let mut value: Option<T> = None;
    let slot: &mut dyn Any = &mut value;
    macro_rules! numbers {
        ($($number:ty)*) => {
            $(if let Some(slot) = slot.downcast_mut::<Option<$number>>() {
                let Ok(bytes) = bytes.try_into() else {
                    return Some(Err(wrong_length::<T>(bytes.len())));
                };
                *slot = Some(<$number>::from_le_bytes(bytes));
                return value.map(Ok);
            })*
        };
    }
    numbers!(u64 i64 u32 i32 usize isize f64 f32 u16 i16 u8 i8);
    None
}

/// Whether values of a type are numbers.
#[inline(always)]
pub(crate) fn is_number<T: 'static>() -> bool {
    number_len::<T>().is_some()
}

/// A number as a word; `None` where `T` is something else.
#[inline(always)]
pub(crate) fn word_of<T: 'static>(value: &T) -> Option<u64> {
    number_bytes(value).map(|(bytes, _)| u64::from_le_bytes(bytes))
}

/// The number that has this word.
///
/// # Panics
///
/// If `T` [is none](is_number).
#[inline(always)]
pub(crate) fn number_of<T: 'static>(word: u64) -> T {
    let bytes = word.to_le_bytes();
    let number = number_len::<T>().and_then(|len| number(&bytes[..len]));
    number.and_then(Result::ok).expect("the type was asked for, and is a number")
}

#[cold]
#[inline(never)]
fn wrong_length<T>(len: usize) -> DecodeError {
    DecodeError::of::<T>(format!("it has {len} bytes"))
}

/// Whether values of a type are nothing but bytes.
#[inline(always)]
pub(super) fn is_bytes<T: 'static>() -> bool {
    let asked = TypeId::of::<T>();
    [TypeId::of::<Vec<u8>>(), TypeId::of::<Box<[u8]>>(), TypeId::of::<String>()].contains(&asked)
}

/// The bytes of a value that is nothing but bytes.
pub(super) fn as_bytes<T: 'static>(value: &T) -> Option<&[u8]> {
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
#[inline]
pub(super) fn from_bytes<T: 'static>(
    bytes: Cow<'_, [u8]>,
) -> Result<Result<T, DecodeError>, Cow<'_, [u8]>> {
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
