//! The ends of a pool: closed, joined, aborted, dropped.

use std::time::{Duration, Instant};

use super::Pool;
use super::callbacks::{is_callback, is_mapping};
use super::engine::Engine;
use super::state::Phase;
use crate::error::PoolError;
use crate::process;

impl Pool {
    /// Takes no more tasks. Those it has taken are run, then its workers end. Maps that have begun go on;
    /// a stream gives what it has pulled.
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
    /// let task = pool.submit::<square>(3)?;
    /// pool.close();
    /// assert!(pool.submit::<square>(4).is_err());
    /// assert_eq!(task.join()?, 9);
    /// # Ok(())
    /// # }
    /// ```
    pub fn close(&self) {
        match &self.engine {
            Engine::Inline(inline) => inline.close(),
            Engine::Workers(_) if process::is_fork() => {}
            Engine::Workers(shared) => shared.with(|state, _| {
                if state.phase == Phase::Open {
                    state.phase = Phase::Closing;
                    // Some wait for room.
                    state.desk.delivered = true;
                }
            }),
        }
    }

    /// Closes the pool, and waits until all its tasks have ended, those who wanted to be called back were
    /// called, and its workers have gone.
    ///
    /// # Errors
    ///
    /// If this process is a fork of the one that made the pool. And where it would wait for itself: in a
    /// callback, and in the input or the progress hook of a map of this pool.
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
    /// let task = pool.submit::<square>(3)?;
    /// pool.join()?;
    /// assert!(task.is_finished());
    /// # Ok(())
    /// # }
    /// ```
    pub fn join(&self) -> Result<(), PoolError> {
        self.close();
        let Engine::Workers(shared) = &self.engine else { return Ok(()) };
        if process::is_fork() {
            return Err(PoolError::Forked);
        }
        if is_callback() || is_mapping(shared) {
            return Err(PoolError::InCallback);
        }
        shared.wait(None, |state, _| state.is_finished().then_some(()));
        shared.callbacks.finish();
        Ok(())
    }

    /// Kills the workers. What they had not done fails as [`ShutDown`](crate::TaskFailure::ShutDown), at
    /// once. Dropping the pool does the same.
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
    /// let pool = Pool::new(2)?;
    /// let task = pool.submit::<hang>(())?;
    /// pool.abort();
    /// assert_eq!(*task.join().unwrap_err().failure(), TaskFailure::ShutDown);
    /// # Ok(())
    /// # }
    /// ```
    pub fn abort(&self) {
        match &self.engine {
            Engine::Inline(inline) => inline.close(),
            Engine::Workers(_) if process::is_fork() => {}
            Engine::Workers(shared) => shared.with(|state, _| state.abort()),
        }
    }
}

/// How long a pool that is dropped waits for its workers, which were killed, to be gone.
const FAREWELL: Duration = Duration::from_secs(1);

impl Drop for Pool {
    fn drop(&mut self) {
        self.abort();
        if let Engine::Workers(shared) = &self.engine
            && !process::is_fork()
        {
            // What a worker printed is forwarded by the time it is gone, and lost if the program ends
            // before that.
            shared.wait(Instant::now().checked_add(FAREWELL), |state, _| {
                state.is_vacant().then_some(())
            });
        }
    }
}
