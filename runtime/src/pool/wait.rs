//! Waiting for several tasks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Task;
use super::call::Bell;
use crate::error::TaskError;
use crate::process;

/// Waits until one of the tasks has ended, and says which: the first in the row that has. `None` if
/// there are no tasks, or none of them ever will: in a fork of the process that submitted them.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// #
/// # use procession::{Pool, Task, process, wait_any};
/// #
/// # #[process]
/// # fn sleep(millis: u64) -> u64 {
/// #     std::thread::sleep(Duration::from_millis(millis));
/// #     millis
/// # }
/// #
/// # fn main() -> Result<(), procession::Error> {
/// let pool = Pool::new(2)?;
/// let tasks: Vec<Task<u64>> =
///     [500, 1].into_iter().map(|millis| pool.submit::<sleep>(millis)).collect::<Result<_, _>>()?;
/// assert_eq!(wait_any(&tasks), Some(1));
/// # Ok(())
/// # }
/// ```
pub fn wait_any<T>(tasks: &[Task<T>]) -> Option<usize> {
    any(tasks, None)
}

/// The same, but no longer than this: then the answer is `None` as well.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// #
/// # use procession::{Pool, Task, process, wait_any_timeout};
/// #
/// # #[process]
/// # fn sleep(millis: u64) -> u64 {
/// #     std::thread::sleep(Duration::from_millis(millis));
/// #     millis
/// # }
/// #
/// # fn main() -> Result<(), procession::Error> {
/// let pool = Pool::new(2)?;
/// let tasks: Vec<Task<u64>> =
///     [500, 1].into_iter().map(|millis| pool.submit::<sleep>(millis)).collect::<Result<_, _>>()?;
/// assert_eq!(wait_any_timeout(&tasks[..1], Duration::from_millis(1)), None);
/// # Ok(())
/// # }
/// ```
pub fn wait_any_timeout<T>(tasks: &[Task<T>], limit: Duration) -> Option<usize> {
    any(tasks, Instant::now().checked_add(limit))
}

/// Waits until all of the tasks have ended.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// #
/// # use procession::{Pool, Task, process, wait_all};
/// #
/// # #[process]
/// # fn sleep(millis: u64) -> u64 {
/// #     std::thread::sleep(Duration::from_millis(millis));
/// #     millis
/// # }
/// #
/// # fn main() -> Result<(), procession::Error> {
/// let pool = Pool::new(2)?;
/// let tasks: Vec<Task<u64>> =
///     [500, 1].into_iter().map(|millis| pool.submit::<sleep>(millis)).collect::<Result<_, _>>()?;
/// wait_all(&tasks);
/// assert!(tasks.iter().all(Task::is_finished));
/// # Ok(())
/// # }
/// ```
pub fn wait_all<T>(tasks: &[Task<T>]) {
    tasks.iter().for_each(Task::wait);
}

/// The same, but no longer than this; whether all have.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// #
/// # use procession::{Pool, Task, process, wait_all_timeout};
/// #
/// # #[process]
/// # fn sleep(millis: u64) -> u64 {
/// #     std::thread::sleep(Duration::from_millis(millis));
/// #     millis
/// # }
/// #
/// # fn main() -> Result<(), procession::Error> {
/// let pool = Pool::new(2)?;
/// let tasks: Vec<Task<u64>> =
///     [500, 1].into_iter().map(|millis| pool.submit::<sleep>(millis)).collect::<Result<_, _>>()?;
/// assert!(!wait_all_timeout(&tasks, Duration::from_millis(1)));
/// assert!(wait_all_timeout(&tasks, Duration::from_secs(60)));
/// # Ok(())
/// # }
/// ```
pub fn wait_all_timeout<T>(tasks: &[Task<T>], limit: Duration) -> bool {
    let end = Instant::now().checked_add(limit);
    let left = || end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
    tasks.iter().all(|task| task.wait_timeout(left()))
}

/// What becomes of the tasks, each with its place in the row, in the order in which they end.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// #
/// # use procession::{Pool, Task, as_completed, process};
/// #
/// # #[process]
/// # fn sleep(millis: u64) -> u64 {
/// #     std::thread::sleep(Duration::from_millis(millis));
/// #     millis
/// # }
/// #
/// # fn main() -> Result<(), procession::Error> {
/// let pool = Pool::new(2)?;
/// let tasks: Vec<Task<u64>> =
///     [500, 1].into_iter().map(|millis| pool.submit::<sleep>(millis)).collect::<Result<_, _>>()?;
/// let order: Vec<usize> = as_completed(tasks).map(|(place, _result)| place).collect();
/// assert_eq!(order, [1, 0]);
/// # Ok(())
/// # }
/// ```
pub fn as_completed<T>(
    tasks: impl IntoIterator<Item = Task<T>>,
) -> impl Iterator<Item = (usize, Result<T, TaskError>)> {
    let bell = Arc::new(Bell::default());
    let mut tasks: Vec<_> = tasks.into_iter().map(Some).collect();
    tasks.iter().flatten().enumerate().for_each(|(place, task)| task.listen(&bell, place));
    std::iter::from_fn(move || {
        // In a fork nobody rings, and what is not there never comes: that is told of each.
        let fork = process::is_fork();
        let place = tasks.iter().position(Option::is_some)?;
        let place = if fork { place } else { bell.wait(None)? };
        Some((place, tasks.get_mut(place)?.take()?.join()))
    })
}

fn any<T>(tasks: &[Task<T>], deadline: Option<Instant>) -> Option<usize> {
    if tasks.is_empty() {
        return None;
    }
    if process::is_fork() {
        return tasks.iter().position(Task::is_finished);
    }
    let bell = Arc::new(Bell::default());
    tasks.iter().enumerate().for_each(|(place, task)| task.listen(&bell, place));
    // Of those that have ended by then, the first in the row.
    let found = bell.wait(deadline).and_then(|_| tasks.iter().position(Task::is_finished));
    tasks.iter().for_each(|task| task.ignore(&bell));
    found
}
