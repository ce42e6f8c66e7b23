//! Process actors: annotate a function and it runs in its own operating-system process: typed,
//! supervised, killable.
//!
//! ```
//! use procession::process;
//!
//! #[process]
//! fn square(n: u64) -> u64 {
//!     n * n
//! }
//!
//! fn main() -> Result<(), procession::Error> {
//!     let child = square::spawn(7)?; // Child<u64>: its own process
//!     println!("{} runs as pid {}", child.name(), child.pid());
//!     println!("{}", child.join()?); // 49
//!     println!("{}", square::call(8)?); // spawn and join: 64
//!     println!("{}", square(9)); // still a plain function: 81
//!     Ok(())
//! }
//! ```
//!
//! A [`Pool`] runs such a function on many items, on every core, and loses none when a worker dies:
//!
//! ```
//! use procession::{Pool, process};
//!
//! #[process]
//! fn square(n: u64) -> u64 {
//!     n * n
//! }
//!
//! fn main() -> Result<(), procession::Error> {
//!     let pool = Pool::default(); // a worker for each processor
//!     assert_eq!(pool.map::<square>(1..=5)?, [1, 4, 9, 16, 25]);
//!     let lazy = pool.stream::<square>(1..).take(3); // an endless input is fine
//!     assert_eq!(lazy.sum::<Result<u64, _>>()?, 14);
//!     let task = pool.tasks::<square>().retries(2).submit(12)?; // again if its worker dies
//!     assert_eq!(task.join()?, 144);
//!     Ok(())
//! }
//! ```
//!
//! A function with a [`Mailbox`] is an [`Actor`], which stays and answers messages, and a [`Supervisor`]
//! starts it again when it crashes: see [`process`](macro@process).
//!
//! There is nothing to write in `main`: starting processes works in programs, libraries, tests,
//! doctests, examples and benches alike. A child never outlives the program, however that ends,
//! and a process that crashes, hangs or is killed is an error that says what happened.

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod actor;
mod error;
mod id;
mod launch;
mod outcome;
mod policy;
mod pool;
mod process;
mod registry;
mod route;
mod supervise;
mod sys;
mod wire;
mod worker;

pub use actor::{
    Actor, ActorProcess, Address, AskFuture, Batch, ChildSpec, Context, DeadLetter, DeadLetters,
    Down, Downs, Handle, InProcess, IntoChild, Mailbox, Mailed, Monitor, ProcessStruct, Reply,
    Spec, StructActor, StructAddress, dead_letters, mailbox, monitor,
};
pub use error::{
    AskError, DecodeError, EncodeError, Error, Failure, JoinError, Loss, PoolError, RecvError,
    RecvTimeoutError, Refused, SendError, SpawnError, SubmitError, SuperviseError, TaskError,
    TaskFailure, TryRecvError, Undelivered,
};
pub use id::ProcessId;
pub use outcome::{ExitReason, PanicReport, Signal};
pub use policy::Restart;
pub use pool::{
    Initialized, Pool, PoolBuilder, PoolDump, Progress, Stream, Task, TaskFuture, Tasks,
    WorkerDump, WorkerState, as_completed, wait_all, wait_all_timeout, wait_any, wait_any_timeout,
};
pub use process::{
    Builder, Called, Child, Input, JoinFuture, Output, OutputTail, Process, ProcessInfo, Stopping,
    available_parallelism, children, current, exit, parent, stopping, worker_exe,
};
pub use supervise::{
    ChildState, ChildStatus, Status, Strategy, Supervisor, SupervisorBuilder, SupervisorEnd,
};
pub use wire::bytes;
pub use worker::{attempt, init};

/// Makes a function one that can run in a process of its own, or an actor of a function or a struct.
///
/// # A function
///
/// ```
/// use procession::{Failure, process};
///
/// #[process]
/// fn count_words(path: String, at_least: usize) -> Result<usize, Failure> {
///     let text = std::fs::read_to_string(path)?;
///     Ok(text.split_whitespace().filter(|word| word.len() >= at_least).count())
/// }
///
/// fn main() -> Result<(), procession::Error> {
///     let child = count_words::spawn("Cargo.toml".into(), 3)?;
///     println!("counting in process {}", child.pid());
///     assert!(child.join()?.is_ok_and(|count| count > 10));
///
///     assert!(count_words::call("no such file".into(), 3)?.is_err());
///     assert!(count_words("Cargo.toml".into(), 3).is_ok()); // here, as ever
///     Ok(())
/// }
/// ```
///
/// # A function with a mailbox
///
/// ```
/// use procession::{Mailbox, Reply, process};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum Count {
///     Add(i64),
///     Get(Reply<i64>),
/// }
///
/// #[process]
/// fn counter(start: i64, mailbox: Mailbox<Count>) {
///     let mut total = start;
///     for message in mailbox {
///         match message {
///             Count::Add(n) => total += n,
///             Count::Get(reply) => reply.send(total),
///         }
///     }
/// }
///
/// fn main() -> Result<(), procession::Error> {
///     let counter = counter::spawn(10)?;
///     counter.tell(Count::Add(5))?;
///     assert_eq!(counter.ask(Count::Get)?, 15);
///     Ok(())
/// }
/// ```
///
/// # A struct
///
/// ```
/// use procession::process;
///
/// struct Counter {
///     total: i64,
/// }
///
/// #[process(deadline = "2s")]
/// impl Counter {
///     fn new(start: i64) -> Result<Self, String> {
///         if start < 0 { Err(format!("{start} is below zero")) } else { Ok(Counter { total: start }) }
///     }
///
///     fn add(&mut self, n: i64) -> i64 {
///         self.total += n;
///         self.total
///     }
///
///     #[stop]
///     fn report(self) {
///         println!("counted to {}", self.total);
///     }
/// }
///
/// struct App {
///     hits: procession::Handle<Counter>,
/// }
///
/// fn main() -> Result<(), procession::Error> {
///     let app = App { hits: Counter::spawn(10)? };
///     assert_eq!(app.hits.add(5)?, 15);
///     app.hits.tell().add(5)?; // does not wait
///     let anywhere: CounterAddress = app.hits.address();
///     assert_eq!(anywhere.add(1)?, 21);
///     Ok(())
/// }
/// ```
pub use procession_macros::process;

/// Calls [`init`] before `main` does anything else, for those who prefer to see it.
///
/// ```
/// # use procession::process;
/// #[process]
/// fn halve(n: u32) -> u32 {
///     n / 2
/// }
///
/// #[procession::main]
/// fn main() -> Result<(), procession::Error> {
///     assert_eq!(halve::call(8)?, 4);
///     Ok(())
/// }
/// ```
pub use procession_macros::main;

/// Has a function called in every worker before anything else runs there.
///
/// ```
/// use std::sync::OnceLock;
///
/// static GREETING: OnceLock<&str> = OnceLock::new();
///
/// #[procession::setup]
/// fn greeting() {
///     GREETING.get_or_init(|| "hello");
/// }
///
/// #[procession::process]
/// fn greet(whom: String) -> Option<String> {
///     Some(format!("{} {whom}", GREETING.get()?))
/// }
///
/// fn main() -> Result<(), procession::Error> {
///     assert_eq!(greet::call("you".into())?.as_deref(), Some("hello you"));
///     assert_eq!(greet("me".into()), None);
///     Ok(())
/// }
/// ```
pub use procession_macros::setup;
