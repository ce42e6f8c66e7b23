//! What a pool is asked to do, and how.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::call::Terms;
use super::run::{Order, Run};
use super::{Pool, Progress, Stream, Task};
use crate::error::{SubmitError, TaskError};
use crate::process::Process;

/// Hears how far a map or a stream is.
pub(super) type Hook<'p> = Box<dyn FnMut(&Progress) + 'p>;

/// Tasks for a pool, and how they are to be run: made by [`Pool::tasks`].
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
/// let mut most = 0;
/// let squares = pool
///     .tasks::<square>()
///     .retries(2)
///     .on_progress(|progress| most = most.max(progress.done))
///     .map(0..1000)?;
/// assert_eq!((squares.len(), most), (1000, 1000));
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is run until `map`, `stream` or `submit`"]
pub struct Tasks<'p, P: Process> {
    pool: &'p Pool,
    terms: Terms,
    fail_fast: bool,
    hook: Option<Hook<'p>>,
    process: PhantomData<fn() -> P>,
}

impl<'p, P: Process> Tasks<'p, P> {
    pub(super) fn new(pool: &'p Pool) -> Self {
        let terms = Terms::default();
        Tasks { pool, terms, fail_fast: false, hook: None, process: PhantomData }
    }

    /// How long one task may take. Then its worker is killed and replaced, and the task fails as
    /// [`TimedOut`](crate::TaskFailure::TimedOut) or is tried again. It counts from when the worker
    /// begins the task; it is noticed some milliseconds late. There is no limit unless told.
    ///
    /// # Examples
    ///
    /// ```
    /// # use procession::{Pool, TaskFailure, process};
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
    /// let limit = Duration::from_millis(50);
    /// let error = pool.tasks::<hang>().timeout(limit).submit(())?.join().unwrap_err();
    /// assert_eq!(*error.failure(), TaskFailure::TimedOut(limit));
    /// # Ok(())
    /// # }
    /// ```
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.terms.timeout = Some(limit);
        self
    }

    /// How often a task is run again that took its worker down, panicked or took too long; not at
    /// all unless told. A task's own `Err` is a value like any other.
    ///
    /// # Examples
    ///
    /// ```
    /// use procession::{Pool, TaskFailure, process};
    ///
    /// #[process]
    /// fn poison() {
    ///     std::process::abort();
    /// }
    ///
    /// # fn main() -> Result<(), procession::Error> {
    /// let pool = Pool::new(2)?;
    /// let error = pool.tasks::<poison>().retries(1).submit(())?.join().unwrap_err();
    /// assert!(matches!(error.failure(), TaskFailure::Crashed(_)));
    /// assert_eq!(error.attempts(), 2);
    ///
    /// let error = pool.tasks::<poison>().retries(100).submit(())?.join().unwrap_err();
    /// assert!(matches!(error.failure(), TaskFailure::Poisoned { crashes: 3, .. }));
    /// # Ok(())
    /// # }
    /// ```
    pub fn retries(mut self, times: u32) -> Self {
        self.terms.retry.retries = times;
        self
    }

    /// How many workers a task may take down before it is given up as
    /// [`Poisoned`](crate::TaskFailure::Poisoned), however often it might be tried; 3 unless told.
    pub fn poison_after(mut self, crashes: u32) -> Self {
        self.terms.retry.poison_after = crashes;
        self
    }

    /// How many tasks travel to a worker at once. Unless told that follows from how long tasks take:
    /// those that take no time travel in thousands (up to 4096, and up to 5000 whose argument and result
    /// are numbers), long ones one by one, and fewer towards the end (guided self-scheduling:
    /// Polychronopoulos and Kuck, 1987).
    ///
    /// It is a wish: what was told by [`in_flight`](Tasks::in_flight) bounds it, inputs of more than 64 KiB
    /// together are cut, and to a worker that is [`untrusted`](crate::PoolBuilder::untrusted) no more than 8
    /// go at once. A slow input fills a chunk of a given size before any of it goes.
    pub fn chunk_size(mut self, tasks: usize) -> Self {
        self.terms.chunk_size = Some(count(tasks));
        self
    }

    /// How many tasks may have been pulled from the input and not be finished, or, of a stream, not
    /// be taken out of it; two chunks a worker unless told, of short tasks that are numbers up to six.
    ///
    /// It counts tasks, not bytes: who streams large items may want few. Results of a map that are there
    /// do not count, and are all kept. Fewer than one a worker leaves some with nothing to do.
    pub fn in_flight(mut self, tasks: usize) -> Self {
        self.terms.in_flight = Some(count(tasks));
        self
    }

    /// Has [`map`](Tasks::map) return with the first error that comes; tasks that no worker has begun
    /// are not run then. The input may be slow or have no end: an error that comes while it makes one item
    /// is seen after that. [`try_map`](Tasks::try_map) and [`stream`](Tasks::stream) give every result,
    /// and do not change.
    ///
    /// # Examples
    ///
    /// ```
    /// # use procession::{Pool, process};
    /// # #[process]
    /// # fn even(n: u64) -> u64 {
    /// #     assert!(n % 2 == 0, "{n} is odd");
    /// #     n
    /// # }
    /// # fn main() -> Result<(), procession::Error> {
    /// let pool = Pool::new(2)?;
    /// let error = pool.tasks::<even>().fail_fast().map(1..).unwrap_err(); // an endless input
    /// assert!(error.item().is_some_and(|item| item % 2 == 0)); // as a rule 0, which is 1
    /// # Ok(())
    /// # }
    /// ```
    pub fn fail_fast(mut self) -> Self {
        self.fail_fast = true;
        self
    }

    /// Is told how far a map or a stream is, some ten times a second and at the end. It is called on
    /// the thread that maps or takes results.
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
    /// let mut last = None;
    /// pool.tasks::<square>().on_progress(|progress| last = Some(*progress)).map(0..10)?;
    /// let last = last.unwrap();
    /// assert_eq!((last.done, last.failed, last.total), (10, 0, Some(10)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_progress(mut self, hook: impl FnMut(&Progress) + 'p) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// Runs them all: see [`Pool::map`].
    ///
    /// # Errors
    ///
    /// The first error in the order of the input, once all tasks have ended; with
    /// [`fail_fast`](Tasks::fail_fast) the first that comes.
    pub fn map(
        self,
        items: impl IntoIterator<Item = P::Input>,
    ) -> Result<Vec<P::Output>, TaskError> {
        let items = items.into_iter();
        let mut values = Vec::with_capacity(items.size_hint().0.min(1 << 20));
        let mut run = Run::<P, _>::new(&self.pool.engine, self.terms, items, Order::Map, self.hook);
        if self.fail_fast {
            run.fail_fast();
        }
        let mut first = None;
        while let Some(result) = run.next() {
            match result {
                Ok(value) if first.is_none() => {
                    values.push(value);
                    run.read_alike(&mut values);
                }
                Ok(_) => {}
                Err(error) if self.fail_fast => return Err(error),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        first.map_or(Ok(values), Err)
    }

    /// Runs them all: see [`Pool::try_map`].
    pub fn try_map(
        self,
        items: impl IntoIterator<Item = P::Input>,
    ) -> Vec<Result<P::Output, TaskError>> {
        let items = items.into_iter();
        let mut run =
            Run::<P, _>::new(&self.pool.engine, self.terms, items, Order::TryMap, self.hook);
        std::iter::from_fn(|| run.next()).collect()
    }

    /// Runs them as results are taken: see [`Pool::stream`].
    pub fn stream(self, items: impl IntoIterator<Item = P::Input> + 'p) -> Stream<'p, P>
    where
        P::Input: 'p,
    {
        let items: Box<dyn Iterator<Item = P::Input> + 'p> = Box::new(items.into_iter());
        Stream(Run::new(&self.pool.engine, self.terms, items, Order::Stream, self.hook))
    }

    /// Runs one: see [`Pool::submit`].
    ///
    /// # Errors
    ///
    /// If the pool is closed, or the input cannot be encoded. The error gives it back.
    pub fn submit(self, input: P::Input) -> Result<Task<P::Output>, SubmitError<P::Input>> {
        Task::submit::<P>(&self.pool.engine, self.terms, input, true)
    }

    /// The same, if there is room for it right now: see [`Pool::try_submit`].
    ///
    /// # Errors
    ///
    /// As [`submit`](Tasks::submit), and if the queue is full.
    pub fn try_submit(self, input: P::Input) -> Result<Task<P::Output>, SubmitError<P::Input>> {
        Task::submit::<P>(&self.pool.engine, self.terms, input, false)
    }
}

fn count(tasks: usize) -> u64 {
    u64::try_from(tasks).unwrap_or(u64::MAX).max(1)
}

impl<P: Process> fmt::Debug for Tasks<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("terms", &self.terms).finish_non_exhaustive()
    }
}
