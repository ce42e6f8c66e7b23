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
//! There is nothing to write in `main`: starting processes works in programs, libraries, tests,
//! doctests, examples and benches alike. A child never outlives the program, however that ends,
//! and a process that crashes, hangs or is killed is an error that says what happened.

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod error;
mod id;
mod launch;
mod outcome;
mod process;
mod registry;
mod route;
mod sys;
mod wire;
mod worker;

pub use error::{Error, Failure, JoinError, SpawnError};
pub use id::ProcessId;
pub use outcome::{ExitReason, PanicReport, Signal};
pub use process::{
    Builder, Child, Input, Output, OutputTail, Process, ProcessInfo, Stopping,
    available_parallelism, children, current, exit, parent, stopping, worker_exe,
};
pub use procession_macros::{main, process, setup};
pub use wire::{DecodeError, EncodeError, bytes};
pub use worker::init;
