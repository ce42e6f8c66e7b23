//! One task that was submitted.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::call::{self, Bell, Call, Delivery, Sink, Terms, Ticket};
use super::callbacks::{call_here, is_callback};
use super::chunk::{Chunk, Frames};
use super::engine::Engine;
use super::shared::Shared;
use super::state::Phase;
use crate::error::{Refused, SubmitError, TaskError, TaskFailure};
use crate::outcome::PanicReport;
use crate::process::{self, Process};
use crate::wire::{self, DecodeRow, Shape, WAKE};

/// A task that a pool has taken, and the value that it will give: made by
/// [`Pool::submit`](crate::Pool::submit).
///
/// Dropping it lets the task go on; [`cancel`](Task::cancel) ends it. It may outlive its pool: what was
/// not done then fails as [`ShutDown`](crate::TaskFailure::ShutDown).
///
/// In async code `task.await` joins, under any executor.
///
/// # Examples
///
/// ```
/// # use procession::{Pool, process};
/// # #[process]
/// # fn square(n: u64) -> u64 {
/// #     n * n
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// let pool = Pool::new(2)?;
/// let task = pool.submit::<square>(12)?;
/// assert_eq!(pollster::block_on(async { task.await })?, 144);
/// # Ok(())
/// # }
/// ```
#[must_use = "the task goes on without it, but nobody hears what becomes of it"]
pub struct Task<T> {
    call: Arc<Call>,
    pool: Option<Arc<Shared>>,
    decode: DecodeRow<T>,
}

impl<T> Task<T> {
    pub(super) fn submit<P: Process<Output = T>>(
        engine: &Engine,
        terms: Terms,
        input: P::Input,
        wait: bool,
    ) -> Result<Self, SubmitError<P::Input>> {
        let call = Arc::new(Call::new::<P>(terms, Sink::One(Ticket::default())));
        let pool = match engine {
            Engine::Workers(shared) => Some(Arc::clone(shared)),
            Engine::Inline(_) => None,
        };
        let task = Task { call, pool, decode: P::decode_output };
        match task.begin::<P>(engine, &input, wait) {
            Ok(()) => Ok(task),
            Err(why) => Err(SubmitError::new(task.call.name, why, input)),
        }
    }

    fn begin<P: Process>(
        &self,
        engine: &Engine,
        input: &P::Input,
        wait: bool,
    ) -> Result<(), Refused> {
        // Before anything is locked: in a fork, another thread's lock is never given back.
        if process::is_fork() {
            return Err(Refused::Forked);
        }
        let shared = match engine {
            Engine::Inline(inline) if inline.is_closed() => return Err(Refused::Closed),
            Engine::Inline(inline) => {
                // What cannot be encoded is not taken.
                let (tag, limit) = (self.call.tag(), engine.max_message());
                wire::add_row(&mut Vec::new(), tag, limit, |row| P::encode(input, row))?;
                self.ticket().resolve(inline.run::<P>(&self.call, 0, input));
                return Ok(());
            }
            Engine::Workers(shared) => shared,
        };
        let mut frames = Vec::new();
        wire::add_row(&mut frames, self.call.tag() | WAKE, engine.max_message(), |row| {
            P::encode(input, row)
        })?;
        let mut chunk = Some(Chunk::new(&self.call, 0, 1, Frames::new(frames, Shape::Mixed)));
        // Who calls back would wait for itself.
        let bound = if is_callback() { u64::MAX } else { shared.spec.queue };
        let deadline = (!wait).then(Instant::now);
        let taken = shared.wait(deadline, |state, now| {
            if state.phase != Phase::Open {
                return Some(Err(Refused::Closed));
            }
            if state.desk.submitted >= bound {
                return None;
            }
            state.desk.take_in(chunk.take()?);
            state.dispatch(now);
            Some(Ok(()))
        });
        taken.unwrap_or(Err(Refused::Full))
    }

    fn ticket(&self) -> &Ticket {
        match &self.call.sink {
            Sink::One(ticket) => ticket,
            Sink::Many(_) => unreachable!("a task is made with a ticket"),
        }
    }

    /// Whether it has ended, one way or another.
    pub fn is_finished(&self) -> bool {
        self.ticket().is_resolved()
    }

    /// Waits until it has ended.
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Waits until it has ended, but no longer than this; whether it has.
    ///
    /// # Examples
    ///
    /// ```
    /// # use procession::{Pool, process};
    /// # #[process]
    /// # fn square(n: u64) -> u64 {
    /// #     n * n
    /// # }
    /// # #[process]
    /// # fn hang() {
    /// #     loop {
    /// #         std::thread::park();
    /// #     }
    /// # }
    /// # fn main() -> Result<(), procession::Error> {
    /// use std::time::Duration;
    ///
    /// let pool = Pool::new(2)?;
    /// assert!(!pool.submit::<hang>(())?.wait_timeout(Duration::from_millis(10)));
    /// assert!(pool.submit::<square>(3)?.wait_timeout(Duration::from_secs(10)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        self.wait_until(Instant::now().checked_add(limit))
    }

    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        let resolved = || self.ticket().is_resolved().then_some(());
        match &self.pool {
            Some(shared) if !process::is_fork() => {
                shared.wait(deadline, |_, _| resolved()).is_some()
            }
            _ => resolved().is_some(),
        }
    }

    /// Waits until it has ended, and returns what its function returned.
    ///
    /// # Errors
    ///
    /// If there is no value: [`TaskError::failure`] says why.
    ///
    /// # Examples
    ///
    /// ```
    /// # use procession::{Pool, TaskFailure, process};
    /// # #[process]
    /// # fn halve(n: u64) -> u64 {
    /// #     assert!(n % 2 == 0, "{n} is odd");
    /// #     n / 2
    /// # }
    /// # fn main() -> Result<(), procession::Error> {
    /// let pool = Pool::new(2)?;
    /// assert_eq!(pool.submit::<halve>(8)?.join()?, 4);
    ///
    /// let error = pool.submit::<halve>(9)?.join().unwrap_err();
    /// assert!(matches!(error.failure(), TaskFailure::Panicked(report) if report.message() == "9 is odd"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn join(self) -> Result<T, TaskError> {
        self.wait();
        match self.ticket().take() {
            Some(delivery) => self.read(delivery),
            None => Err(self.cut_off()),
        }
    }

    /// Only in a fork: there is nobody here who could bring it.
    fn cut_off(&self) -> TaskError {
        self.call.error(0, None, 0, TaskFailure::ShutDown, String::new())
    }

    /// Cancels it: if it waits it is not run, and if it runs its worker is killed and replaced. Either
    /// way it fails as [`Cancelled`](TaskFailure::Cancelled) at once, and `true` is the answer;
    /// `false` if it had ended before. The error names no pid and no attempt: it is there before the worker
    /// is gone.
    ///
    /// A worker that shares no memory (see [`untrusted`](crate::PoolBuilder::untrusted)) may still begin a
    /// task that it had been sent; then it is killed soon after.
    ///
    /// # Examples
    ///
    /// ```
    /// # use procession::{Pool, TaskFailure, process};
    /// # #[process]
    /// # fn square(n: u64) -> u64 {
    /// #     n * n
    /// # }
    /// # #[process]
    /// # fn hang() {
    /// #     loop {
    /// #         std::thread::park();
    /// #     }
    /// # }
    /// # fn main() -> Result<(), procession::Error> {
    /// let pool = Pool::new(1)?;
    /// let runs = pool.submit::<hang>(())?;
    /// let waits = pool.submit::<square>(3)?;
    /// assert!(runs.cancel());
    /// assert_eq!(*runs.join().unwrap_err().failure(), TaskFailure::Cancelled);
    /// assert_eq!(waits.join()?, 9); // by the worker's successor
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancel(&self) -> bool {
        let Some(shared) = self.pool.as_ref().filter(|_| !process::is_fork()) else { return false };
        shared.with(|state, now| {
            if self.ticket().is_resolved() {
                return false;
            }
            let error = self.call.error(0, None, 0, TaskFailure::Cancelled, String::new());
            state.desk.count(&self.call, 0, 1);
            state.desk.news.extend(self.call.deliver(Delivery::Failed(0, error)));
            self.call.over.store(true, std::sync::atomic::Ordering::Relaxed);
            state.cancel(&self.call, now);
            true
        })
    }

    /// Has a function called with what becomes of it, on a thread of the pool's own; at once if it has
    /// ended. Callbacks of one pool are called one after the other; one that is slow or panics holds up
    /// no task, and it may submit more. Where reading the result panics, which [`join`](Task::join) does
    /// as well then, it is called with an error that says so. With [`Pool::inline`](crate::Pool::inline) it is called in this
    /// thread, before this returns.
    ///
    /// # Examples
    ///
    /// ```
    /// # use procession::{Pool, process};
    /// # #[process]
    /// # fn square(n: u64) -> u64 {
    /// #     n * n
    /// # }
    /// # fn main() -> Result<(), procession::Error> {
    /// let pool = Pool::new(2)?;
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// pool.submit::<square>(12)?.on_done(move |result| sender.send(result).unwrap());
    /// assert_eq!(receiver.recv().unwrap()?, 144);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_done(self, callback: impl FnOnce(Result<T, TaskError>) + Send + 'static)
    where
        T: 'static,
    {
        let (call, decode) = (Arc::clone(&self.call), self.decode);
        let callback = Box::new(move |delivery| callback(read_or_say(&call, delivery, decode)));
        if self.pool.is_some() && process::is_fork() {
            let found = self.ticket().take();
            let delivery = found.unwrap_or_else(|| Delivery::Failed(0, self.cut_off()));
            return call_here(callback, delivery);
        }
        if let Some((callback, delivery)) = self.ticket().call_back(callback) {
            match &self.pool {
                Some(shared) => shared.callbacks.call(callback, delivery),
                None => call_here(callback, delivery),
            }
        }
    }

    pub(super) fn listen(&self, bell: &Arc<Bell>, number: usize) {
        self.ticket().listen(bell, number);
    }

    pub(super) fn ignore(&self, bell: &Arc<Bell>) {
        self.ticket().ignore(bell);
    }

    fn read(&self, delivery: Delivery) -> Result<T, TaskError> {
        read(&self.call, delivery, self.decode)
    }
}

/// The same where nobody could catch a panic of the user's code that reads it.
fn read_or_say<T>(call: &Call, delivery: Delivery, decode: DecodeRow<T>) -> Result<T, TaskError> {
    let (pid, attempts) = match &delivery {
        Delivery::Failed(..) => (None, 0),
        Delivery::Results(block) => (Some(block.pid), block.attempts),
    };
    catch_unwind(AssertUnwindSafe(|| read(call, delivery, decode))).unwrap_or_else(|payload| {
        let report = PanicReport::from(crate::worker::describe_payload(&*payload));
        std::mem::forget(payload);
        let why = format!("reading it panicked: {}", report.message());
        Err(call.error(0, pid, attempts, TaskFailure::Undeliverable(why), String::new()))
    })
}

fn read<T>(call: &Call, delivery: Delivery, decode: DecodeRow<T>) -> Result<T, TaskError> {
    let block = match delivery {
        Delivery::Failed(_, error) => return Err(error),
        Delivery::Results(block) => block,
    };
    let frame = block.frames.first().unwrap_or((0, &[]));
    call::read(call, (0, block.pid, block.attempts), frame, decode)
}

/// Joins without blocking a thread: see [`Task`].
///
/// Any executor will do. Dropping it lets the task go on.
///
/// # Examples
///
/// ```
/// # use procession::{Pool, process};
/// # #[process]
/// # fn square(n: u64) -> u64 {
/// #     n * n
/// # }
/// # fn main() -> Result<(), procession::Error> {
/// # pollster::block_on(async {
/// let pool = Pool::new(1)?;
/// assert_eq!(pool.submit::<square>(7)?.await?, 49);
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct TaskFuture<T>(Option<Task<T>>);

impl<T> IntoFuture for Task<T> {
    type Output = Result<T, TaskError>;
    type IntoFuture = TaskFuture<T>;

    fn into_future(self) -> TaskFuture<T> {
        TaskFuture(Some(self))
    }
}

impl<T> Future for TaskFuture<T> {
    type Output = Result<T, TaskError>;

    /// # Panics
    ///
    /// If it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let task = self.0.take().expect("a future that was ready is not polled again");
        match task.ticket().poll(context.waker()) {
            Some(delivery) => Poll::Ready(task.read(delivery)),
            None if process::is_fork() => Poll::Ready(Err(task.cut_off())),
            None => {
                self.0 = Some(task);
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finished = self.is_finished();
        f.debug_struct("Task").field("task", &self.call.name).field("finished", &finished).finish()
    }
}
