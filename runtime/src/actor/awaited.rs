//! Answers that are awaited.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::address::Address;
use super::ask::{conclude, in_time};
use super::reply::Reply;
use crate::error::AskError;
use crate::route::{Asking, Timer};

/// The answer to what was asked without blocking a thread, for any executor: see
/// [`StructActor::ask_async`](crate::StructActor::ask_async).
///
/// Dropping it gives the answer up, and does not keep the actor from handling the message.
///
/// # Examples
///
/// ```
/// use procession::{AskFuture, process};
///
/// struct Adder(u32);
///
/// #[process]
/// impl Adder {
///     fn new() -> Self {
///         Adder(0)
///     }
///
///     fn add(&mut self, n: u32) -> u32 {
///         self.0 += n;
///         self.0
///     }
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let adder = Adder::spawn()?;
/// let sums: Vec<AskFuture<u32>> = (1..=3).map(|n| adder.ask_async().add(n)).collect();
/// # pollster::block_on(async {
/// for (sum, expected) in sums.into_iter().zip([1, 3, 6]) {
///     assert_eq!(sum.await?, expected);
/// }
/// # Ok(())
/// # })
/// # }
/// ```
#[must_use = "the answer comes when it is awaited"]
pub struct AskFuture<R, M = ()> {
    begun: Result<Begun, Option<AskError<M>>>,
    answer: PhantomData<fn() -> R>,
}

#[derive(Debug)]
struct Begun {
    asking: Asking,
    actor: String,
    limit: Duration,
    _timer: Option<Timer>,
}

impl<R, M: Serialize + 'static> AskFuture<R, M> {
    /// Sends a message with the right to answer in it.
    pub(super) fn new(
        to: &Address<M>,
        message: impl FnOnce(Reply<R>) -> M,
        limit: Duration,
    ) -> Self {
        let begun = to.begin_asking(message, limit).map_err(Some).map(|asking| {
            let (timer, actor) = (in_time(&asking, limit), to.name().to_owned());
            Begun { asking, actor, limit, _timer: timer }
        });
        AskFuture { begun, answer: PhantomData }
    }

    /// The same without the message in its error.
    pub(super) fn without_message(self) -> AskFuture<R> {
        let begun = self.begun.map_err(|error| error.map(AskError::without_message));
        AskFuture { begun, answer: PhantomData }
    }
}

impl<R: DeserializeOwned + 'static, M> Future for AskFuture<R, M> {
    type Output = Result<R, AskError<M>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().begun {
            Ok(Begun { asking, actor, limit, .. }) => {
                let told = asking.ask.poll(context.waker());
                told.map(|told| conclude(Some(told), actor, *limit))
            }
            // Whoever polls it again after that waits in vain.
            Err(error) => error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),
        }
    }
}

impl<R, M> fmt::Debug for AskFuture<R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskFuture").field("begun", &self.begun).finish()
    }
}
