//! Results one after the other.

use std::fmt;

use super::run::Run;
use crate::error::TaskError;
use crate::process::Process;

/// Results of a pool's tasks, one after the other: made by [`Pool::stream`](crate::Pool::stream).
///
/// It pulls its input only in `next`, and no further ahead than
/// [`in_flight`](crate::Tasks::in_flight) says. Dropping it stops that; tasks that no worker has begun
/// are not run then.
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
/// let mut squares = pool.stream::<square>(1..);
/// assert_eq!(squares.next().unwrap()?, 1);
/// assert_eq!(squares.next().unwrap()?, 4);
/// # Ok(())
/// # }
/// ```
#[must_use = "a stream runs nothing until results are taken"]
pub struct Stream<'p, P: Process>(pub(super) Run<'p, P, Box<dyn Iterator<Item = P::Input> + 'p>>);

impl<P: Process> Stream<'_, P> {
    /// Gives results as they come, in no order.
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
    /// let sum: u64 = pool.stream::<square>(1..=10).unordered().sum::<Result<_, _>>()?;
    /// assert_eq!(sum, 385);
    /// # Ok(())
    /// # }
    /// ```
    pub fn unordered(mut self) -> Self {
        self.0.unordered();
        self
    }
}

impl<P: Process> Iterator for Stream<'_, P> {
    type Item = Result<P::Output, TaskError>;

    /// # Panics
    ///
    /// If the input did, once everything before that was given.
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl<P: Process> fmt::Debug for Stream<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}
