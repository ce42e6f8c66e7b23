//! Struct actors: what `#[process]` makes of an `impl` block, as far as it is the same for all.
//!
//! The attribute writes the message type, a [`Methods`] for it, and the handle and the address with
//! the user's methods. Everything here is generic over that message type.

use std::fmt::{self, Display};
use std::ops::Deref;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Actor, ActorProcess, Address, Message, PATIENCE};

/// A struct whose `impl` block is annotated with [`#[process]`](macro@crate::process), as a type.
///
/// The attribute implements this; it cannot be implemented by hand. It is for code that is generic
/// over struct actors.
///
/// # Examples
///
/// ```
/// use procession::{Handle, ProcessStruct, SpawnError, process};
///
/// struct Adder(i64);
///
/// #[process]
/// impl Adder {
///     fn new(start: i64) -> Self {
///         Adder(start)
///     }
///
///     fn add(&mut self, n: i64) -> i64 {
///         self.0 += n;
///         self.0
///     }
/// }
///
/// fn both<S: ProcessStruct>(one: S::Input, two: S::Input) -> Result<[Handle<S>; 2], SpawnError> {
///     Ok([S::builder().spawn(one)?.into(), S::builder().spawn(two)?.into()])
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let [ten, twenty] = both::<Adder>(10, 20)?;
/// assert_eq!(ten.add(1)? + twenty.add(1)?, 32);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a struct actor",
    note = "annotate the `impl` block that has its constructor with `#[process]`"
)]
pub trait ProcessStruct: ActorProcess<Message: Methods, Output = ()> {
    /// What owns a running one: see [`Handle`](type@Handle).
    type Handle: From<Actor<Self::Message>>;
    /// Where a running one is, with its methods: for a `Counter` this is `CounterAddress`.
    type Address: From<Address<Self::Message>>;
}

/// What owns the process of a struct actor, by the struct's name: for a `Counter` this is
/// `CounterHandle`.
///
/// It has the methods of the struct; each returns what the method does, or why there was no answer, as
/// an [`AskError`](crate::AskError). Everything else that can be done to an [`Actor`] it does by
/// [`Deref`]. Dropping it kills the actor.
///
/// # Examples
///
/// ```
/// use procession::{Handle, process};
///
/// struct Counter(u32);
///
/// #[process]
/// impl Counter {
///     fn new(start: u32) -> Self {
///         Counter(start)
///     }
///
///     fn add(&mut self, n: u32) -> u32 {
///         self.0 += n;
///         self.0
///     }
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let counter: Handle<Counter> = Counter::spawn(1)?; // a `CounterHandle`
/// assert_eq!(counter.add(2)?, 3);
/// # Ok(())
/// # }
/// ```
pub type Handle<S> = <S as ProcessStruct>::Handle;

/// The messages of a struct actor, and what has methods that send them.
#[doc(hidden)]
pub trait Methods: Message {
    /// Has the methods, and goes wherever an [`Address`] goes.
    type Address: From<Address<Self>>;
    /// Has the methods, which do not wait.
    type Tell<'a>;
    /// Has the methods, which wait so long.
    type Within<'a>;
    /// Has the methods, each of which gives a future that waits so long.
    type AskAsync<'a>;

    fn tell(to: &Address<Self>) -> Self::Tell<'_>;
    fn within(to: &Address<Self>, limit: Duration) -> Self::Within<'_>;
    fn ask_async(to: &Address<Self>, limit: Duration) -> Self::AskAsync<'_>;
}

/// What the handle of every struct actor can do besides the struct's own methods.
///
/// What an [`Actor`] can do is here as well; only what takes it by value wants it out of the
/// handle first: `Actor::from(counter).join()`.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use procession::{Actor, process};
/// # struct Counter(u32);
/// # #[process]
/// # impl Counter {
/// #     fn new(start: u32) -> Self {
/// #         Counter(start)
/// #     }
/// #     fn add(&mut self, n: u32) -> u32 {
/// #         self.0 += n;
/// #         self.0
/// #     }
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let counter = Counter::spawn(1)?;
/// counter.tell().add(2)?; // does not wait for what it returns
/// assert_eq!(counter.within(Duration::from_secs(5)).add(3)?, 6);
/// assert!(counter.is_alive()); // what an actor can do
/// counter.drain();
/// Actor::from(counter).join()?;
/// # Ok(())
/// # }
/// ```
pub struct StructActor<M: Methods>(Actor<M>);

impl<M: Methods> StructActor<M> {
    /// The methods, sent without waiting for them to be done: `counter.tell().add(5)`. They wait for
    /// room as [`Actor::tell`] does, and return a [`SendError`](crate::SendError) if they were not sent.
    pub fn tell(&self) -> M::Tell<'_> {
        M::tell(self.0.place())
    }

    /// The methods, given this long to answer: `counter.within(limit).add(5)`. Without it they have 30
    /// seconds.
    pub fn within(&self, limit: Duration) -> M::Within<'_> {
        M::within(self.0.place(), limit)
    }

    /// The methods, without blocking a thread: `counter.ask_async().add(5).await`, under any executor. The
    /// message is sent at once, and what is awaited is an [`AskFuture`](crate::AskFuture). They have 30
    /// seconds.
    ///
    /// # Examples
    ///
    /// ```
    /// # use procession::process;
    /// # struct Counter(u32);
    /// # #[process]
    /// # impl Counter {
    /// #     fn new(start: u32) -> Self {
    /// #         Counter(start)
    /// #     }
    /// #     fn add(&mut self, n: u32) -> u32 {
    /// #         self.0 += n;
    /// #         self.0
    /// #     }
    /// # }
    /// # fn main() -> Result<(), procession::Error> {
    /// # pollster::block_on(async {
    /// let counter = Counter::spawn(1)?;
    /// assert_eq!(counter.ask_async().add(2).await?, 3);
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    pub fn ask_async(&self) -> M::AskAsync<'_> {
        self.ask_async_timeout(PATIENCE)
    }

    /// The same, given this long to answer.
    pub fn ask_async_timeout(&self, limit: Duration) -> M::AskAsync<'_> {
        M::ask_async(self.0.place(), limit)
    }

    /// Where it is, with the same methods, to be sent anywhere.
    pub fn address(&self) -> M::Address {
        self.0.address().into()
    }

    #[doc(hidden)]
    pub fn reach(actor: &Self) -> &Address<M> {
        actor.0.place()
    }

    #[doc(hidden)]
    pub fn into_actor(actor: Self) -> Actor<M> {
        actor.0
    }
}

impl<M: Methods> Deref for StructActor<M> {
    type Target = Actor<M>;

    fn deref(&self) -> &Actor<M> {
        &self.0
    }
}

impl<M: Methods> fmt::Debug for StructActor<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<M: Methods> From<Actor<M>> for StructActor<M> {
    fn from(actor: Actor<M>) -> Self {
        StructActor(actor)
    }
}

/// What the address of every struct actor can do besides the struct's own methods.
///
/// It is plain data, as every [`Address`], and goes wherever one goes.
///
/// # Examples
///
/// ```
/// # use procession::process;
/// # struct Counter(u32);
/// # #[process]
/// # impl Counter {
/// #     fn new(start: u32) -> Self {
/// #         Counter(start)
/// #     }
/// #     fn add(&mut self, n: u32) -> u32 {
/// #         self.0 += n;
/// #         self.0
/// #     }
/// # }
/// #[process]
/// fn add_from_elsewhere(counter: CounterAddress) -> u32 {
///     counter.tell().add(2).unwrap();
///     counter.add(3).unwrap()
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let counter = Counter::spawn(1)?;
/// assert_eq!(add_from_elsewhere::call(counter.address())?, 6);
/// # Ok(())
/// # }
/// ```
pub struct StructAddress<M: Methods>(Address<M>);

impl<M: Methods> StructAddress<M> {
    /// The methods, sent without waiting for them to be done: `counter.tell().add(5)`.
    pub fn tell(&self) -> M::Tell<'_> {
        M::tell(&self.0)
    }

    /// The methods, given this long to answer: `counter.within(limit).add(5)`.
    pub fn within(&self, limit: Duration) -> M::Within<'_> {
        M::within(&self.0, limit)
    }

    /// The methods, without blocking a thread: see [`StructActor::ask_async`].
    pub fn ask_async(&self) -> M::AskAsync<'_> {
        self.ask_async_timeout(PATIENCE)
    }

    /// The same, given this long to answer.
    pub fn ask_async_timeout(&self, limit: Duration) -> M::AskAsync<'_> {
        M::ask_async(&self.0, limit)
    }

    #[doc(hidden)]
    pub fn reach(address: &Self) -> &Address<M> {
        &address.0
    }

    #[doc(hidden)]
    pub fn into_address(address: Self) -> Address<M> {
        address.0
    }
}

impl<M: Methods> Deref for StructAddress<M> {
    type Target = Address<M>;

    fn deref(&self) -> &Address<M> {
        &self.0
    }
}

impl<M: Methods> From<Address<M>> for StructAddress<M> {
    fn from(address: Address<M>) -> Self {
        StructAddress(address)
    }
}

impl<M: Methods> Clone for StructAddress<M> {
    fn clone(&self) -> Self {
        StructAddress(self.0.clone())
    }
}

impl<M: Methods> PartialEq for StructAddress<M> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<M: Methods> Eq for StructAddress<M> {}

impl<M: Methods> std::hash::Hash for StructAddress<M> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<M: Methods> fmt::Debug for StructAddress<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<M: Methods> Serialize for StructAddress<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, M: Methods> Deserialize<'de> for StructAddress<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Address::deserialize(deserializer).map(StructAddress)
    }
}

/// The text of a constructor's error.
#[doc(hidden)]
pub fn constructor_failed<E: Display>(error: E) -> super::Unfit {
    super::Unfit::Constructor(error.to_string())
}
