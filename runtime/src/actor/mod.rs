//! Actors: processes that take messages, one at a time, out of a mailbox that survives them.
//!
//! ```text
//!  Actor / Address ── tell, ask ──► slot (in the process that spawned it) ──► Mailbox ─► function
//!        ▲                                                                                 │
//!        └───────────────────────────── answer ◄── Reply::send ────────────────────────────┘
//! ```

mod address;
mod ask;
mod awaited;
mod context;
mod handle;
mod letters;
mod mailbox;
mod monitor;
mod owned;
#[doc(hidden)]
pub mod parts;
mod reading;
mod reply;
mod spec;
mod start;
mod structs;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use address::Address;
pub use awaited::AskFuture;
pub use context::Context;
pub use handle::{InProcess, mailbox};
pub use letters::{DeadLetter, DeadLetters, dead_letters};
pub use mailbox::{AnyMailbox, Batch, Mailbox};
pub use monitor::{Down, Downs, Monitor, monitor};
pub use owned::Actor;
pub use reply::Reply;
#[cfg(test)]
pub(crate) use spec::Hold;
pub use spec::{ChildSpec, IntoChild, Spec};
pub(crate) use spec::{Gauge, Incarnation, Supervised};
pub use start::Mailed;
pub use structs::{Handle, Methods, ProcessStruct, StructActor, StructAddress, constructor_failed};

use crate::error::{DecodeError, EncodeError};
use crate::process::Builder;
use crate::registry::{Answer, Body, Entry, Work};
use crate::wire::{Decoder, Encoder};

/// How long an ask or a tell waits unless told otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A function with a [`Mailbox`] that is annotated with [`#[process]`](macro@crate::process), as a
/// type.
///
/// The attribute implements this; it cannot be implemented by hand.
///
/// ```
/// use procession::{Actor, ActorProcess, Mailbox, process};
///
/// #[process]
/// fn printer(mailbox: Mailbox<String>) {
///     mailbox.for_each(|line| println!("{line}"));
/// }
///
/// fn several<P: ActorProcess<Input = ()>>(
///     count: usize,
/// ) -> Result<Vec<Actor<P::Message, P::Output>>, procession::SpawnError> {
///     (0..count).map(|_| P::builder().spawn(())).collect()
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// assert_eq!(several::<printer>(2)?.len(), 2);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an actor",
    note = "an actor is a function annotated with `#[process]` that has a `Mailbox<M>` parameter"
)]
pub trait ActorProcess: Sized + 'static {
    /// The arguments besides the mailbox: `()`, the only one, or the tuple of them.
    type Input: 'static;
    /// The type of its messages.
    type Message: 'static;
    /// What the function returns.
    type Output: 'static;
    /// How long it may have a message in hand, if there is a limit: then it is killed.
    const DEADLINE: Option<Duration> = None;

    /// How to start it: name, environment, output, limits, and those of its mailbox.
    fn builder() -> Builder<Self, Mailed> {
        Builder::new()
    }

    #[doc(hidden)]
    fn entry() -> &'static Entry;
    #[doc(hidden)]
    fn encode<'a>(input: &'a Self::Input, row: &mut Encoder<'a>) -> Result<(), EncodeError>;
    #[doc(hidden)]
    fn run(row: &mut Decoder<'_>, mailbox: Mailbox<Self::Message>) -> Result<Self::Output, Unfit>;
    #[doc(hidden)]
    fn encode_output<'a>(
        output: &'a Self::Output,
        row: &mut Encoder<'a>,
    ) -> Result<(), EncodeError>;
    #[doc(hidden)]
    fn decode_output(row: &mut Decoder<'_>) -> Result<Self::Output, DecodeError>;
}

/// A message's type: whole, owned, and able to cross.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to an actor",
    label = "this message has to cross to the actor",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait Message: Serialize + DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Message for T {}

/// Compiles only if `T` is a message.
#[doc(hidden)]
pub const fn message<T: Message>() {}

/// Why an actor did not begin.
#[doc(hidden)]
#[derive(Debug)]
pub enum Unfit {
    /// Its arguments cannot be decoded.
    Arguments(DecodeError),
    /// Its constructor failed, and this is what it said.
    Constructor(String),
}

impl From<DecodeError> for Unfit {
    fn from(error: DecodeError) -> Self {
        Unfit::Arguments(error)
    }
}

/// The entry of `P` in the table of processes.
#[doc(hidden)]
pub const fn actor_entry_of<P: ActorProcess>() -> Entry {
    let call: Body = |row, limit, send| {
        let mailbox = match Mailbox::of_worker(limit) {
            Ok(mailbox) => mailbox,
            Err(why) => return send(Answer::BadArguments(why)),
        };
        let output = match P::run(row, mailbox) {
            Ok(output) => output,
            Err(Unfit::Arguments(error)) => return send(Answer::BadArguments(error.to_string())),
            Err(Unfit::Constructor(text)) => return send(Answer::BadArguments(text)),
        };
        let mut encoder = Encoder::new(limit);
        match P::encode_output(&output, &mut encoder) {
            Ok(()) => send(Answer::Value(&encoder)),
            Err(error) => send(Answer::Unencodable(error.to_string())),
        }
    };
    let types = std::any::type_name::<(fn(P::Input) -> P::Output, P::Message)>;
    Entry::new(std::any::type_name::<P>, types, Work::Call(call, None))
}

/// A number that differs between types, the same in all processes of a program.
pub(crate) fn fingerprint<M: 'static>() -> u64 {
    use std::hash::{Hash, Hasher};

    /// FNV-1a: no keys, so the same everywhere.
    struct Plain(u64);
    impl Hasher for Plain {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for &byte in bytes {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    let mut hasher = Plain(0xcbf2_9ce4_8422_2325);
    std::any::TypeId::of::<M>().hash(&mut hasher);
    hasher.finish()
}
