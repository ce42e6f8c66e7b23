//! The messages of a struct actor: which method, and its arguments, one after the other.
//!
//! The attribute could derive serde's traits for them. It does not, because an argument that cannot
//! cross would then be reported three times in serde's words, and because a block of bytes is to be
//! copied as one, as it is for functions.

use std::any::{Any, TypeId};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{DeserializeOwned, Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Address, AskFuture, Message, Reply};
use crate::error::{AskError, SendError};

/// A message of several parts.
pub trait Parts: Sized {
    /// How many parts the longest one has.
    const MOST: usize;

    /// Writes the parts.
    fn write<R: SerializeTuple>(&self, row: &mut R) -> Result<(), R::Error>;
    /// Reads what was written.
    fn read<'de, R: SeqAccess<'de>>(row: &mut R) -> Result<Self, R::Error>;
}

/// What `Serialize` does for parts.
pub fn write_parts<P: Parts, S: Serializer>(parts: &P, to: S) -> Result<S::Ok, S::Error> {
    let mut row = to.serialize_tuple(P::MOST)?;
    parts.write(&mut row)?;
    row.end()
}

/// What `Deserialize` does for parts.
pub fn read_parts<'de, P: Parts, D: Deserializer<'de>>(from: D) -> Result<P, D::Error> {
    struct Reading<P>(PhantomData<P>);

    impl<'de, P: Parts> Visitor<'de> for Reading<P> {
        type Value = P;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a method and its arguments")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<P, A::Error> {
            P::read(&mut row)
        }
    }
    from.deserialize_tuple(P::MOST, Reading(PhantomData))
}

/// Writes which method it is, or whatever else is one part.
pub fn write_part<T: Serialize, R: SerializeTuple>(part: &T, row: &mut R) -> Result<(), R::Error> {
    row.serialize_element(part)
}

/// Reads one part.
pub fn read_part<'de, T: Deserialize<'de>, R: SeqAccess<'de>>(row: &mut R) -> Result<T, R::Error> {
    row.next_element()?.ok_or_else(|| Error::custom("the message has an argument too few"))
}

/// A message of a method that is not there.
pub fn no_such_method<E: Error>(number: u32) -> E {
    E::custom(format_args!("there is no method {number}"))
}

/// A parameter of a method: whole, owned, and able to cross.
///
/// What is needed for that is asked for by the one `impl` and not by the trait: whatever lacks it
/// is then said once, in the words below.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to another process",
    label = "this argument has to cross to the actor",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait Parameter: Sized {
    /// Writes it as a part.
    fn write<R: SerializeTuple>(&self, row: &mut R) -> Result<(), R::Error>;
    /// Reads it as a part.
    fn read<'de, R: SeqAccess<'de>>(row: &mut R) -> Result<Self, R::Error>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Parameter for T {
    fn write<R: SerializeTuple>(&self, row: &mut R) -> Result<(), R::Error> {
        match (self as &dyn Any).downcast_ref::<Vec<u8>>() {
            Some(bytes) => row.serialize_element(&Block(bytes)),
            None => row.serialize_element(self),
        }
    }

    fn read<'de, R: SeqAccess<'de>>(row: &mut R) -> Result<Self, R::Error> {
        if TypeId::of::<Self>() != TypeId::of::<Vec<u8>>() {
            return read_part(row);
        }
        let Block(bytes) = read_part::<Block<Vec<u8>>, R>(row)?;
        let mut bytes = Some(bytes);
        let same = (&mut bytes as &mut dyn Any).downcast_mut::<Option<Self>>();
        Ok(same.and_then(Option::take).expect("the types were compared just above"))
    }
}

/// What a method returns: whole, owned, and able to cross.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent back from another process",
    label = "this result has to cross back to the caller",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it",
    note = "where it is the error of a `Result` (as in `anyhow::Result` or `io::Result`), use \
            `procession::Failure`: it keeps the text and `?` makes one of any error",
    note = "a method that only the actor itself uses belongs in another `impl` block"
)]
pub trait Answered: Sized {
    /// Writes the right to answer as a part.
    fn write<R: SerializeTuple>(reply: &Option<Reply<Self>>, row: &mut R) -> Result<(), R::Error>;
    /// Reads the right to answer.
    fn read<'de, R: SeqAccess<'de>>(row: &mut R) -> Result<Option<Reply<Self>>, R::Error>;
    /// Answers whoever asked, if anyone did.
    fn answer(self, reply: Option<Reply<Self>>);
    /// Sends a message and waits for the answer.
    fn ask<M: Message>(
        to: &Address<M>,
        limit: Option<Duration>,
        message: impl FnOnce(Option<Reply<Self>>) -> M,
    ) -> Result<Self, AskError>;
    /// Sends a message, and has the answer awaited.
    fn ask_async<M: Message>(
        to: &Address<M>,
        limit: Duration,
        message: impl FnOnce(Option<Reply<Self>>) -> M,
    ) -> AskFuture<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Answered for T {
    fn write<R: SerializeTuple>(reply: &Option<Reply<Self>>, row: &mut R) -> Result<(), R::Error> {
        row.serialize_element(reply)
    }

    fn read<'de, R: SeqAccess<'de>>(row: &mut R) -> Result<Option<Reply<Self>>, R::Error> {
        read_part(row)
    }

    fn answer(self, reply: Option<Reply<Self>>) {
        if let Some(reply) = reply {
            reply.send(self);
        }
    }

    fn ask<M: Message>(
        to: &Address<M>,
        limit: Option<Duration>,
        message: impl FnOnce(Option<Reply<Self>>) -> M,
    ) -> Result<Self, AskError> {
        let message = |reply| message(Some(reply));
        let answer = match limit {
            Some(limit) => to.ask_timeout(message, limit),
            None => to.ask(message),
        };
        answer.map_err(AskError::without_message)
    }

    fn ask_async<M: Message>(
        to: &Address<M>,
        limit: Duration,
        message: impl FnOnce(Option<Reply<Self>>) -> M,
    ) -> AskFuture<Self> {
        AskFuture::new(to, |reply| message(Some(reply)), limit).without_message()
    }
}

/// Sends a message.
pub fn tell<M: Message>(to: &Address<M>, message: M) -> Result<(), SendError> {
    to.tell(message).map_err(SendError::without_message)
}

/// Bytes that are copied as one.
struct Block<T>(T);

impl Serialize for Block<&Vec<u8>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::wire::bytes::serialize(self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Block<Vec<u8>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::wire::bytes::deserialize(deserializer).map(Block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Decoder, Encoder};

    #[derive(Debug, PartialEq)]
    struct Put(Vec<u8>, String, u64);

    impl Parts for Put {
        const MOST: usize = 9;

        fn write<R: SerializeTuple>(&self, row: &mut R) -> Result<(), R::Error> {
            Parameter::write(&self.0, row)?;
            Parameter::write(&self.1, row)?;
            Parameter::write(&self.2, row)
        }

        fn read<'de, R: SeqAccess<'de>>(row: &mut R) -> Result<Self, R::Error> {
            Ok(Put(Parameter::read(row)?, Parameter::read(row)?, Parameter::read(row)?))
        }
    }

    impl Serialize for Put {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            write_parts(self, to)
        }
    }

    impl<'de> Deserialize<'de> for Put {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            read_parts(from)
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let put = Put(vec![1; 300], "text".to_owned(), 7);
        let mut row = Encoder::new(1 << 20);

        row.section(&put).unwrap();

        let row = row.into_vec();
        assert_eq!(Decoder::new(&mut row.as_slice()).section::<Put>().unwrap(), put);
    }

    #[test]
    fn a_message_that_ends_early_is_an_error() {
        let mut row = Encoder::new(1 << 20);
        row.section(&(1_u8, 7_u8)).unwrap();

        let row = row.into_vec();
        assert!(Decoder::new(&mut row.as_slice()).section::<Put>().is_err());
    }
}
