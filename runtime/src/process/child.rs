//! The handle on a process that was started.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::context;
use super::start::Begun;
use crate::error::{DecodeError, Error, JoinError};
use crate::id::ProcessId;
use crate::outcome::{ExitReason, Intent};
use crate::route::{Life, Outbox, Seat, Tail};
use crate::wire::{Decoder, OwnedBody};

/// How long a step of [`Child::stop`] waits before the next, harder one.
const STEP: Duration = Duration::from_secs(2);

/// A process that was started, and the value that it will return.
///
/// Dropping the handle kills the process, so that none outlives what it was for; use
/// [`detach`](Child::detach) where it should go on. The process is always reaped, by the runtime.
///
/// Waiting never depends on the value being fetched: a process whose large result nobody joins
/// ends all the same. All methods may be called from any thread.
///
/// In async code `child.await` joins, under any executor.
///
/// After a `fork` of this process, in the copy, methods that act answer [`Error::Forked`], and
/// dropping does nothing.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use procession::{ExitReason, process};
///
/// #[process]
/// fn wait_for_ever() {
///     loop {
///         std::thread::park()
///     }
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let child = wait_for_ever::spawn()?;
/// assert!(child.is_alive());
/// assert_eq!(child.wait_timeout(Duration::from_millis(10)), None);
/// child.kill()?;
/// assert_eq!(child.wait(), ExitReason::Killed);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping the handle kills the process; `join` waits for it and `detach` lets it go on"]
pub struct Child<T> {
    life: Arc<Life>,
    seat: Seat,
    tails: (Tail, Tail),
    outbox: Option<Arc<Outbox>>,
    decode: fn(&mut Decoder<'_>) -> Result<T, DecodeError>,
    /// Its value was given to whoever wanted that first.
    given: bool,
    detached: bool,
}

/// The last lines that a process wrote, at most 64 KiB of each stream.
///
/// A stream that is [inherited](crate::Output::Inherit) or [thrown away](crate::Output::Null) is
/// empty here.
///
/// # Examples
///
/// ```
/// use procession::{Output, process};
///
/// #[process]
/// fn complain() {
///     eprintln!("too cold");
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let child = complain::builder().stderr(Output::Captured).spawn(())?;
/// child.wait();
/// assert_eq!(child.output_tail().stderr, "too cold\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputTail {
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl<T> Child<T> {
    pub(crate) fn new(
        begun: Begun,
        decode: fn(&mut Decoder<'_>) -> Result<T, DecodeError>,
    ) -> Self {
        let Begun { life, seat, tails, outbox, .. } = begun;
        Child { life, seat, tails, outbox, decode, given: false, detached: false }
    }

    /// Its pid. Once the process has ended, the system may give it to another.
    pub fn pid(&self) -> u32 {
        self.life.pid
    }

    /// Its name: the function's, unless the builder gave it one.
    pub fn name(&self) -> &str {
        &self.life.name
    }

    /// Its place in the tree of processes, which no other process ever has.
    pub fn id(&self) -> &ProcessId {
        &self.life.id
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        self.exit_reason().is_none()
    }

    /// How it ended, if it has; never waits.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        self.life.reason().or_else(lost_in_fork)
    }

    /// Waits until it has ended and was reaped. The value can still be
    /// [joined](Child::join) afterwards.
    pub fn wait(&self) -> ExitReason {
        if let Some(lost) = lost_in_fork() {
            return lost;
        }
        self.seat.attend();
        match self.life.wait(None) {
            Some(reason) => reason,
            None => unreachable!("a wait without a deadline returns with a reason"),
        }
    }

    /// Waits until it has ended, but no longer than this; `None` if it is still running then.
    pub fn wait_timeout(&self, limit: Duration) -> Option<ExitReason> {
        lost_in_fork().or_else(|| self.life.wait(Instant::now().checked_add(limit)))
    }

    /// Sends SIGTERM. A process that has ended already is not an error.
    ///
    /// If that is what ends it, its end is [`Stopped`](ExitReason::Stopped).
    ///
    /// # Errors
    ///
    /// If the system refuses, or this process is a fork.
    pub fn terminate(&self) -> Result<(), Error> {
        self.act("terminating it", Life::terminate)
    }

    /// Sends SIGKILL: the process ends whatever it is doing. One that has ended already is not an
    /// error.
    ///
    /// # Errors
    ///
    /// If the system refuses, or this process is a fork.
    pub fn kill(&self) -> Result<(), Error> {
        self.act("killing it", |life| life.kill(Intent::Kill))
    }

    /// Kills the process and all that descends from it, other programs included, with their
    /// process groups. What has left both the family and its groups, as daemons do, goes on.
    ///
    /// # Errors
    ///
    /// If this process is a fork.
    pub fn kill_tree(&self) -> Result<(), Error> {
        self.check()?;
        self.life.kill_tree();
        Ok(())
    }

    /// Stops the process: asks it to (see [`stopping`](crate::stopping)) and waits that long,
    /// sends SIGTERM and waits 2 seconds, sends SIGKILL. Returns when it was reaped, and how it
    /// ended: [`Finished`](ExitReason::Finished) if it returned when asked.
    ///
    /// # Errors
    ///
    /// If the system refuses, or this process is a fork.
    pub fn stop(&self, grace: Duration) -> Result<ExitReason, Error> {
        self.check()?;
        self.life.ask_to_stop();
        if let Some(reason) = self.wait_timeout(grace) {
            return Ok(reason);
        }
        self.terminate()?;
        if let Some(reason) = self.wait_timeout(STEP) {
            return Ok(reason);
        }
        self.act("stopping it", |life| life.kill(Intent::Stop))?;
        Ok(self.wait())
    }

    /// The last lines that it wrote.
    pub fn output_tail(&self) -> OutputTail {
        OutputTail { stdout: self.tails.0.text(), stderr: self.tails.1.text() }
    }

    /// Waits for the process to end and returns what its function returned.
    ///
    /// The process is reaped before this returns, whichever way it ended. To stop waiting after a
    /// while, use [`wait_timeout`](Child::wait_timeout) first.
    ///
    /// # Errors
    ///
    /// If there is no value: the function panicked, the process died, or it was killed.
    /// [`JoinError::reason`] tells which.
    ///
    /// # Examples
    ///
    /// ```
    /// #[procession::process]
    /// fn halve(n: u32) -> u32 {
    ///     assert!(n % 2 == 0, "{n} is odd");
    ///     n / 2
    /// }
    ///
    /// fn main() -> Result<(), procession::Error> {
    ///     assert_eq!(halve::spawn(10)?.join()?, 5);
    ///     assert!(halve::spawn(9)?.join().is_err());
    ///     Ok(())
    /// }
    /// ```
    pub fn join(self) -> Result<T, JoinError> {
        let reason = self.wait();
        let value = self.life.take_value();
        let value = value.or_else(|| {
            let given = self.given && reason == ExitReason::Finished;
            given.then(|| OwnedBody::Bytes(Vec::new()))
        });
        value.map_or_else(|| Err(self.no_value(reason)), |value| self.decode(value))
    }

    /// Waits for what the function returns, and no longer: its process is about to end then. That is
    /// some tenths of a millisecond less than [`join`](Child::join) takes, or what the process does
    /// at its exit.
    ///
    /// The process comes with the value, as a `Child` that has none. Joining that waits for its end,
    /// dropping it kills the process. Until then there may be more to come of what the process printed.
    ///
    /// # Errors
    ///
    /// As those of [`join`](Child::join), with the process reaped, if there is no value.
    ///
    /// # Examples
    ///
    /// ```
    /// #[procession::process]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// fn main() -> Result<(), procession::Error> {
    ///     let (value, ending) = square::spawn(7)?.value()?;
    ///     assert_eq!(value, 49);
    ///     ending.join()?;
    ///     Ok(())
    /// }
    /// ```
    pub fn value(mut self) -> Result<(T, Child<()>), JoinError> {
        let early = match (&self.outbox, lost_in_fork()) {
            (Some(outbox), None) => self.seat.value().or_else(|| outbox.value()),
            _ => None,
        };
        let value = match early {
            Some(value) => value,
            None => {
                let reason = self.wait();
                self.life.take_value().ok_or_else(|| self.no_value(reason))?
            }
        };
        Ok((self.decode(value)?, self.ending()))
    }

    /// The same process, of which nobody wants a value any more.
    fn ending(&mut self) -> Child<()> {
        self.detached = true;
        Child {
            life: Arc::clone(&self.life),
            seat: self.seat.clone(),
            tails: self.tails.clone(),
            outbox: None,
            decode: |_| Ok(()),
            given: true,
            detached: false,
        }
    }

    fn decode(&self, value: OwnedBody) -> Result<T, JoinError> {
        let decoded = value.body().decode(|mut row| {
            let value = (self.decode)(&mut row)?;
            row.finish::<T>()?;
            Ok(value)
        });
        decoded.map_err(|error: DecodeError| {
            self.no_value(ExitReason::Undeliverable(error.to_string()))
        })
    }

    /// Lets the process go on without a handle. It still ends with the program.
    pub fn detach(mut self) {
        self.detached = true;
    }

    fn no_value(&self, reason: ExitReason) -> JoinError {
        JoinError::new(self.name(), self.pid(), reason, self.tails.1.text())
    }

    fn check(&self) -> Result<(), Error> {
        if context::is_fork() { Err(Error::Forked) } else { Ok(()) }
    }

    fn act(
        &self,
        action: &'static str,
        act: impl FnOnce(&Life) -> io::Result<()>,
    ) -> Result<(), Error> {
        self.check()?;
        act(&self.life).map_err(|source| Error::System {
            process: self.name().to_owned(),
            pid: self.pid(),
            action,
            source,
        })
    }
}

/// What a copy of this process knows of a child that is not its own.
fn lost_in_fork() -> Option<ExitReason> {
    let why = || "this process is a fork of the one that started it".to_owned();
    context::is_fork().then(|| ExitReason::Lost(why()))
}

impl<T> Drop for Child<T> {
    fn drop(&mut self) {
        if !self.detached {
            // It has ended, or it ends now and is reaped by its attendant. In a fork it is left to
            // whom it belongs to.
            let _ = self.kill();
        }
    }
}

/// Joins without blocking a thread: see [`Child`].
///
/// Any executor will do: whoever polls is woken by the thread that looks after the process. Dropping
/// it kills the process, as dropping the handle does.
///
/// # Examples
///
/// ```
/// # use procession::process;
/// # #[process]
/// # fn square(n: u64) -> u64 {
/// #     n * n
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// # pollster::block_on(async {
/// assert_eq!(square::spawn(7)?.await?, 49);
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct JoinFuture<T>(Option<Child<T>>);

impl<T> IntoFuture for Child<T> {
    type Output = Result<T, JoinError>;
    type IntoFuture = JoinFuture<T>;

    fn into_future(self) -> JoinFuture<T> {
        JoinFuture(Some(self))
    }
}

impl<T> Future for JoinFuture<T> {
    type Output = Result<T, JoinError>;

    /// # Panics
    ///
    /// If it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let child = self.0.take().expect("a future that was ready is not polled again");
        if lost_in_fork().is_some() || child.life.poll(context.waker()).is_some() {
            return Poll::Ready(child.join());
        }
        self.0 = Some(child);
        Poll::Pending
    }
}

impl<T> fmt::Debug for Child<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("name", &self.name())
            .field("pid", &self.pid())
            .field("exit_reason", &self.exit_reason())
            .finish()
    }
}
