//! How a pool is made.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::Pool;
use super::desk::Desk;
use super::engine::Engine;
use super::hand::Hand;
use super::keeper::{self, Spec};
use super::shared::Shared;
use super::state::{Phase, Rules, Seat, State};
use crate::error::{DecodeError, EncodeError, PoolError};
use crate::process::{self, Builder, Called, Output, Process};
use crate::registry::Entry;
use crate::wire::{self, Decoder, Fault, Gong, Short, WAKE};

/// How many submitted tasks may wait or run unless told.
const QUEUE: u64 = 1024;

/// How to make a pool: how many workers, what they begin with, their surroundings and limits.
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
/// let pool = Pool::builder()
///     .workers(2)
///     .name("squares")
///     .memory_limit(1 << 30)
///     .max_tasks_per_worker(1000)
///     .build()?;
/// assert_eq!(pool.map::<square>([3])?, [9]);
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder makes nothing until `build`"]
pub struct PoolBuilder {
    workers: Option<usize>,
    /// What is said of each process.
    process: Builder<(), Called>,
    initializer: Option<Initializer>,
    rules: Rules,
    queue: u64,
    prestart: bool,
}

/// What each worker begins with.
struct Initializer {
    name: &'static str,
    encode: Box<dyn FnOnce(usize) -> Result<Vec<u8>, EncodeError>>,
    read: fn(&mut Decoder<'_>) -> Result<Result<(), String>, DecodeError>,
}

/// What an initializer may return: nothing, or a `Result` whose error is printable, which then fails
/// the worker.
///
/// # Examples
///
/// ```
/// use procession::{Pool, process};
///
/// #[process]
/// fn set_up(path: String) -> Result<(), String> {
///     Err(format!("there is no {path}"))
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let pool = Pool::builder().workers(1).initializer::<set_up>("model".into()).prestart().build();
/// assert!(pool.unwrap_err().to_string().contains("there is no model"));
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether a worker is initialized",
    note = "an initializer returns nothing, or a `Result` whose error can be printed",
    note = "what the tasks are to find goes into a static or a thread-local"
)]
pub trait Initialized {
    #[doc(hidden)]
    fn outcome(self) -> Result<(), String>;
}

impl Initialized for () {
    fn outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<T, E: fmt::Display> Initialized for Result<T, E> {
    fn outcome(self) -> Result<(), String> {
        self.map(drop).map_err(|error| error.to_string())
    }
}

impl PoolBuilder {
    pub(super) fn new() -> Self {
        PoolBuilder {
            workers: None,
            process: Builder::new(),
            initializer: None,
            rules: Rules {
                max_tasks: None,
                idle_timeout: None,
                initializer_timeout: Duration::from_secs(300),
            },
            queue: QUEUE,
            prestart: false,
        }
    }

    /// How many workers there are at the most; unless told, as many as there are processors to be had
    /// (see [`available_parallelism`](crate::available_parallelism)).
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// What the pool is called; `pool` unless told. Its workers are called that, and a number.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.process = self.process.name(name);
        self
    }

    /// Has a function run in each worker before its first task, also in those that replace others. What
    /// it leaves in statics and thread-locals is there for the tasks, which run in the same thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::OnceLock;
    ///
    /// use procession::{Pool, process};
    ///
    /// static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    ///
    /// #[process]
    /// fn load(text: String) -> Result<(), String> {
    ///     let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    ///     if words.is_empty() {
    ///         return Err("there are no words".to_owned());
    ///     }
    ///     WORDS.set(words).map_err(|_| "it was loaded before".to_owned())
    /// }
    ///
    /// #[process]
    /// fn is_word(word: String) -> bool {
    ///     WORDS.get().is_some_and(|words| words.contains(&word))
    /// }
    ///
    /// # fn main() -> Result<(), procession::Error> {
    /// let pool = Pool::builder().workers(2).initializer::<load>("one two".into()).build()?;
    /// assert_eq!(pool.map::<is_word>(["two".into(), "three".into()])?, [true, false]);
    ///
    /// let broken = Pool::builder().initializer::<load>("".into()).prestart().build();
    /// assert!(broken.unwrap_err().to_string().contains("there are no words"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn initializer<P: Process>(mut self, input: P::Input) -> Self
    where
        P::Output: Initialized,
    {
        let encode = Box::new(move |limit| {
            let function = P::entry().index().unwrap_or(u32::MAX);
            let tag = wire::task_tag(function).unwrap_or(u32::MAX) | WAKE;
            let mut frames = Vec::new();
            wire::add_row(&mut frames, tag, limit, |row| P::encode(&input, row))?;
            Ok(frames)
        });
        let name = Entry::name(P::entry());
        self.initializer =
            Some(Initializer { name, encode, read: |row| Ok(P::decode_output(row)?.outcome()) });
        self
    }

    /// How long an initializer may take, counted from the creation of its process; five minutes unless
    /// told. A worker whose initializer takes longer is killed, as one that failed.
    pub fn initializer_timeout(mut self, limit: Duration) -> Self {
        self.rules.initializer_timeout = limit;
        self
    }

    /// After how many tasks a worker is replaced by a new one; never unless told. It is for functions
    /// that leak. (Python's `maxtasksperchild` counts chunks; this counts tasks.) 0 is as good as 1.
    pub fn max_tasks_per_worker(mut self, tasks: usize) -> Self {
        self.rules.max_tasks = Some(u64::try_from(tasks).unwrap_or(u64::MAX).max(1));
        self
    }

    /// After how long with nothing to do a worker is let go; never unless told. Another one is started
    /// when there is something to do again.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.rules.idle_timeout = Some(limit);
        self
    }

    /// Starts all workers at once, and has [`build`](PoolBuilder::build) wait until they are ready.
    pub fn prestart(mut self) -> Self {
        self.prestart = true;
        self
    }

    /// How many tasks that were [submitted](Pool::submit) may wait or run; 1024 unless told. 0 is as good
    /// as 1.
    pub fn queue(mut self, tasks: usize) -> Self {
        self.queue = u64::try_from(tasks).unwrap_or(u64::MAX).max(1);
        self
    }

    /// Sets a variable of the workers' environment, which otherwise is a copy of this process's.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.process = self.process.env(name, value);
        self
    }

    /// Removes a variable of the workers' environment.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.process = self.process.env_remove(name);
        self
    }

    /// Begins with an empty environment; what [`env`](PoolBuilder::env) sets is added to it.
    pub fn env_clear(mut self) -> Self {
        self.process = self.process.env_clear();
        self
    }

    /// The directory that workers work in; this process's unless told.
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.process = self.process.current_dir(directory);
        self
    }

    /// What becomes of the workers' standard output; whole lines unless told.
    pub fn stdout(mut self, output: Output) -> Self {
        self.process = self.process.stdout(output);
        self
    }

    /// What becomes of the workers' standard error; whole lines unless told.
    pub fn stderr(mut self, output: Output) -> Self {
        self.process = self.process.stderr(output);
        self
    }

    /// The most private memory that a worker may have, in bytes: see
    /// [`Builder::memory_limit`](crate::Builder::memory_limit).
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.process = self.process.memory_limit(bytes);
        self
    }

    /// The most bytes that an input or a result may have; 1 GiB unless told. More is that task's error.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.process = self.process.max_message(bytes);
        self
    }

    /// How long a worker may take until it is ready for its initializer; 10 seconds unless told.
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.process = self.process.start_timeout(limit);
        self
    }

    /// Leaves the workers in this one's process group: see
    /// [`Builder::share_group`](crate::Builder::share_group).
    pub fn share_group(mut self, share: bool) -> Self {
        self.process = self.process.share_group(share);
        self
    }

    /// Shares no memory with the workers: see [`Builder::untrusted`](crate::Builder::untrusted).
    pub fn untrusted(mut self) -> Self {
        self.process = self.process.untrusted();
        self
    }

    /// Makes the pool.
    ///
    /// # Errors
    ///
    /// If there are to be no workers, the initializer's input cannot be encoded, or the system has no
    /// room for it, or for so many workers. With [`prestart`](PoolBuilder::prestart) also if one of the workers could not be started or
    /// initialized; then those that were are ended.
    pub fn build(self) -> Result<Pool, PoolError> {
        if process::is_fork() {
            return Err(PoolError::Forked);
        }
        let workers = match self.workers {
            Some(0) => return Err(PoolError::NoWorkers),
            Some(workers) => workers,
            None => process::available_parallelism(),
        };
        let settings = self.process.settings;
        let name = settings.name.clone().unwrap_or_else(|| "pool".to_owned());
        let mut initialized = None;
        let initializer = match self.initializer {
            None => None,
            Some(initializer) => {
                initialized = Some((initializer.name, initializer.read));
                let encoded = (initializer.encode)(settings.max_message);
                Some(encoded.map_err(|error| {
                    PoolError::initializer(initializer.name, &error.to_string())
                })?)
            }
        };
        let gong = Gong::new().map_err(no_room)?;
        let mut seats = Vec::new();
        seats.try_reserve_exact(workers).map_err(|_| no_room(Short::Memory.into()))?;
        seats.resize_with(workers, Seat::default);
        let state = State {
            phase: Phase::Open,
            seats,
            desk: Desk::new(u64::try_from(workers).unwrap_or(u64::MAX), initialized),
            prestart: self.prestart,
            maps: 0,
            rules: self.rules,
            ends: Vec::new(),
        };
        let spec = Spec { settings, name: name.clone(), initializer, queue: self.queue, workers };
        let shared = Shared::new(state, gong, spec);
        keeper::keep(&shared).map_err(PoolError::system)?;
        let pool = Pool::of(Engine::Workers(shared.clone()), name);
        if self.prestart {
            // Whatever fails here drops the pool, and with it whoever was started.
            shared.wait(None, |state, now| state.all_ready(now)).unwrap_or(Ok(()))?;
        }
        Ok(pool)
    }
}

fn no_room(fault: Fault) -> PoolError {
    PoolError::system(match fault {
        Fault::NoRoom(Short::Memory) => std::io::ErrorKind::OutOfMemory.into(),
        _ => crate::sys::at_limit(),
    })
}

impl State {
    /// Whether all workers are ready, or one will not be.
    fn all_ready(&mut self, now: u64) -> Option<Result<(), PoolError>> {
        if let Some(error) = self.desk.failure.take() {
            return Some(Err(error));
        }
        let ready = self.seats.iter().all(|seat| seat.hand.as_ref().is_some_and(Hand::is_ready));
        ready.then(|| {
            self.prestart = false;
            let hands = self.seats.iter_mut().filter_map(|seat| seat.hand.as_mut());
            hands.for_each(|hand| hand.mark = now);
            Ok(())
        })
    }
}

impl fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("workers", &self.workers)
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}
