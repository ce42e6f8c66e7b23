//! Pools: workers that run tasks, and lose none when one of them dies.
//!
//! Each worker has its own lane, and a task is one frame of it. A worker publishes each result before
//! it begins the next task, so after its death it is known which tasks are done, which one it had in
//! hand, and which it never began.

mod builder;
mod call;
mod callbacks;
mod chunk;
mod desk;
mod dump;
mod ends;
mod engine;
mod hand;
mod handle;
mod inbox;
mod keeper;
mod link;
mod pack;
mod progress;
mod run;
mod serve;
mod shared;
mod state;
mod stream;
mod task;
mod tasks;
#[cfg(test)]
mod tests;
mod wait;

pub use builder::{Initialized, PoolBuilder};
pub use dump::{PoolDump, WorkerDump, WorkerState};
pub use handle::Pool;
pub use progress::Progress;
pub use stream::Stream;
pub use task::{Task, TaskFuture};
pub use tasks::Tasks;
pub use wait::{as_completed, wait_all, wait_all_timeout, wait_any, wait_any_timeout};
