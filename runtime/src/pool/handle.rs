//! The pool, as its user holds it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::builder::PoolBuilder;
use super::engine::{Engine, Inline};
use super::progress::Meter;
use super::{PoolDump, Progress, Stream, Task, Tasks};
use crate::error::{PoolError, SubmitError, TaskError};
use crate::process::{self, Process};

/// Workers that run tasks: each a process of its own.
///
/// A task is a [process function](Process) and its input. Whatever happens to it happens to it alone: a
/// worker that crashes, exits or is killed is replaced, the task that it had in hand fails or is
/// [tried again](Tasks::retries), what it had not begun goes to another worker, and what is done is not
/// run again.
///
/// A pool can be used from many threads at once, and is meant to be kept: workers are started when there
/// is something to do, and stay. Dropping it [aborts](Pool::abort) it, and waits for its workers to be
/// gone, a second at the most. When the program ends, in whatever way, so do its workers.
///
/// What workers print is passed on by whole lines. A result may overtake it; once the pool was
/// [joined](Pool::join) or dropped all of it is there.
///
/// # Examples
///
/// ```
/// use procession::{Pool, process};
///
/// #[process]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// fn main() -> Result<(), procession::Error> {
///     let pool = Pool::new(4)?;
///     assert_eq!(pool.map::<square>(1..=5)?, [1, 4, 9, 16, 25]);
///     Ok(())
/// }
/// ```
pub struct Pool {
    pub(super) engine: Engine,
    name: String,
    meter: std::sync::Mutex<Meter>,
}

impl Pool {
    /// A pool of so many workers, with defaults for everything else. They are started when there is
    /// something for them to do.
    ///
    /// # Errors
    ///
    /// If there are to be no workers, or the system has no room for a pool.
    pub fn new(workers: usize) -> Result<Pool, PoolError> {
        Pool::builder().workers(workers).build()
    }

    /// How to make a pool: how many workers, and what they are like.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::new()
    }

    /// A pool without workers, for debugging: everything runs in the thread that asks for it, one task
    /// after the other. Inputs and results are encoded and decoded all the same, and a panic is an error
    /// of the task; what a worker would not survive ends the program. There is no time limit, as nobody
    /// could keep it, and no initializer.
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
    /// let pool = Pool::inline();
    /// assert_eq!(pool.map::<square>([2, 3])?, [4, 9]); // in this thread
    /// assert_eq!(pool.workers(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn inline() -> Pool {
        Pool::of(Engine::Inline(Inline::default()), "inline".to_owned())
    }

    pub(super) fn of(engine: Engine, name: String) -> Pool {
        Pool { engine, name, meter: Meter::new(Instant::now()).into() }
    }

    /// Runs a function on each item and returns what it returned, in the order of the items.
    ///
    /// It waits until all have ended, also where one has failed, as `multiprocessing.Pool.map` does.
    /// The input is pulled as workers get on, so it may be much larger than memory; the results are kept.
    ///
    /// # Errors
    ///
    /// The first error in the order of the items, once all tasks have ended. A function's own `Err` is a
    /// value like any other. In a pool that was closed or aborted what is left of the input is not pulled.
    ///
    /// # Panics
    ///
    /// If the input does, once the tasks before that have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use procession::{Pool, process};
    ///
    /// #[process]
    /// fn area(width: u32, height: u32) -> u32 {
    ///     width * height
    /// }
    ///
    /// #[process]
    /// fn half(n: u32) -> Result<u32, String> {
    ///     if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
    /// }
    ///
    /// # fn main() -> Result<(), procession::Error> {
    /// let pool = Pool::new(2)?;
    /// assert_eq!(pool.map::<area>([(2, 3), (4, 5)])?, [6, 20]); // several parameters: tuples
    /// assert_eq!(pool.map::<half>([8, 9])?, [Ok(4), Err("9 is odd".to_owned())]); // its own `Err`: a value
    /// # Ok(())
    /// # }
    /// ```
    pub fn map<P: Process>(
        &self,
        items: impl IntoIterator<Item = P::Input>,
    ) -> Result<Vec<P::Output>, TaskError> {
        self.tasks::<P>().map(items)
    }

    /// Runs a function on each item and returns what became of each, in the order of the items.
    ///
    /// In a pool that was closed or aborted each item that is left fails as
    /// [`ShutDown`](crate::TaskFailure::ShutDown) if the input knows how many there are (its `size_hint` is
    /// exact); otherwise one such error stands for all of them.
    ///
    /// # Panics
    ///
    /// If the input does, once the tasks before that have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use procession::{ExitReason, Pool, TaskFailure, process};
    ///
    /// #[process]
    /// fn fragile(n: u32) -> u32 {
    ///     if n == 2 {
    ///         std::process::exit(3);
    ///     }
    ///     n
    /// }
    ///
    /// # fn main() -> Result<(), procession::Error> {
    /// let results = Pool::new(2)?.try_map::<fragile>([1, 2, 3]);
    /// assert_eq!(results[0], Ok(1));
    /// let error = results[1].as_ref().unwrap_err();
    /// assert_eq!(*error.failure(), TaskFailure::Crashed(ExitReason::Exited(3)));
    /// assert_eq!(results[2], Ok(3));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_map<P: Process>(
        &self,
        items: impl IntoIterator<Item = P::Input>,
    ) -> Vec<Result<P::Output, TaskError>> {
        self.tasks::<P>().try_map(items)
    }

    /// Runs a function on each item, and gives results one after the other while others are worked on.
    ///
    /// The input may be endless: no more is pulled ahead than keeps the workers busy (see
    /// [`in_flight`](Tasks::in_flight)), and only while the stream is asked for its next result. (Python's
    /// `imap` pulls on whoever reads.) It may be slow: then it is asked only when there is nothing to give.
    /// While its `next` waits, so does the stream.
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
    /// let large = pool.stream::<square>(1..).find(|square| matches!(square, Ok(n) if *n > 1000));
    /// assert_eq!(large, Some(Ok(1024)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream<'p, P: Process>(
        &'p self,
        items: impl IntoIterator<Item = P::Input> + 'p,
    ) -> Stream<'p, P>
    where
        P::Input: 'p,
    {
        self.tasks::<P>().stream(items)
    }

    /// Has one task run, and does not wait for it. While the [queue](PoolBuilder::queue) is full it waits
    /// for room.
    ///
    /// # Errors
    ///
    /// If the pool is closed, or the input cannot be encoded. The error gives it back.
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
    /// // Something else meanwhile.
    /// assert_eq!(task.join()?, 144);
    /// # Ok(())
    /// # }
    /// ```
    pub fn submit<P: Process>(
        &self,
        input: P::Input,
    ) -> Result<Task<P::Output>, SubmitError<P::Input>> {
        self.tasks::<P>().submit(input)
    }

    /// The same, without waiting for room.
    ///
    /// # Errors
    ///
    /// As [`submit`](Pool::submit), and if the queue is full.
    ///
    /// # Examples
    ///
    /// ```
    /// # use procession::{Pool, Refused, process};
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
    /// let pool = Pool::builder().workers(1).queue(1).build()?;
    /// let task = pool.submit::<hang>(())?;
    /// let refused = pool.try_submit::<square>(3).unwrap_err();
    /// assert_eq!(*refused.reason(), Refused::Full);
    /// assert_eq!(refused.into_input(), 3);
    /// # drop(task);
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_submit<P: Process>(
        &self,
        input: P::Input,
    ) -> Result<Task<P::Output>, SubmitError<P::Input>> {
        self.tasks::<P>().try_submit(input)
    }

    /// Tasks of a function, and how they are to be run.
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
    /// use std::time::Duration;
    ///
    /// let pool = Pool::new(2)?;
    /// let tasks = pool.tasks::<square>().timeout(Duration::from_secs(10)).retries(2);
    /// assert_eq!(tasks.map([1, 2])?, [1, 4]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tasks<P: Process>(&self) -> Tasks<'_, P> {
        Tasks::new(self)
    }

    /// How many workers it has at the most; 0 of a pool that is [inline](Pool::inline).
    pub fn workers(&self) -> usize {
        match &self.engine {
            Engine::Workers(shared) => shared.spec.workers,
            Engine::Inline(_) => 0,
        }
    }

    /// How far it is with everything that it was ever asked.
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
    /// pool.map::<square>(0..100)?;
    /// assert_eq!(pool.progress().done, 100);
    /// # Ok(())
    /// # }
    /// ```
    pub fn progress(&self) -> Progress {
        let (totals, running, queued) = match &self.engine {
            Engine::Inline(inline) => (inline.totals(), 0, 0),
            // There is nothing of it here, and its locks may be anybody's.
            Engine::Workers(_) if process::is_fork() => return Progress::default(),
            Engine::Workers(shared) => shared.heard(|state, _| {
                let running = state.running(None);
                (state.desk.totals, running, state.desk.outstanding.saturating_sub(running))
            }),
        };
        let rate = super::call::lock(&self.meter).feed(Instant::now(), totals.done);
        let (done, failed, retried) = (totals.done, totals.failed, totals.retried);
        Progress { done, failed, retried, running, queued, total: None, rate }
    }

    /// What each worker does, and since when: print it.
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
    /// let pool = Pool::builder().workers(2).name("squares").prestart().build()?;
    /// pool.map::<square>(0..100)?;
    /// println!("{}", pool.dump());
    /// assert_eq!(pool.dump().workers[1].name, "squares-2");
    /// # Ok(())
    /// # }
    /// ```
    pub fn dump(&self) -> PoolDump {
        let workers = match &self.engine {
            Engine::Inline(_) => Vec::new(),
            Engine::Workers(_) if process::is_fork() => Vec::new(),
            Engine::Workers(shared) => shared.heard(|state, now| state.dump(&self.name, now)),
        };
        PoolDump::new(&self.name, self.progress(), workers)
    }
}

/// As many workers as there are processors to be had.
impl Default for Pool {
    /// # Panics
    ///
    /// If the system has no room for a pool.
    fn default() -> Self {
        Pool::builder().build().expect("the system has room for a pool")
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let workers = self.workers();
        f.debug_struct("Pool").field("name", &self.name).field("workers", &workers).finish()
    }
}

// A pool is used from many threads.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Pool>();
    shared::<Arc<Task<u8>>>();
};
