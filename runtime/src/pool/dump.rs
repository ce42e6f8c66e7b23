//! What the workers of a pool do, for people who wonder.

use std::fmt;
use std::time::Duration;

use super::Progress;
use super::state::{Seat, State};

/// What a pool looks like at one moment.
///
/// It prints as a small table, a line for each worker:
///
/// ```text
/// pool `thumbnails`: 37 done, 2 running, 120 queued
///   worker         pid  tasks  state
///   thumbnails-1  4711     22  runs `resize` (item 38) for 1.2s
///   thumbnails-2  4712     15  runs `resize` (item 39) for 310.0ms
///   thumbnails-3  4790      0  starting for 1.5ms
///   thumbnails-4     -      0  vacant
/// ```
///
/// # Examples
///
/// ```
/// # use procession::Pool;
/// # fn main() -> Result<(), procession::Error> {
/// let pool = Pool::builder().name("thumbnails").workers(2).prestart().build()?;
/// let dump = pool.dump();
/// assert_eq!((dump.name.as_str(), dump.workers.len()), ("thumbnails", 2));
/// println!("{dump}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PoolDump {
    /// Its name.
    pub name: String,
    /// How far it is.
    pub progress: Progress,
    /// Its workers, one for each seat.
    pub workers: Vec<WorkerDump>,
}

/// What one worker of a pool looks like at one moment.
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
/// let pool = Pool::builder().name("squares").workers(1).build()?;
/// assert_eq!(pool.submit::<square>(7)?.join()?, 49);
/// let worker = &pool.dump().workers[0];
/// assert_eq!((worker.name.as_str(), worker.tasks), ("squares-1", 1));
/// assert!(worker.pid.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerDump {
    /// Its name.
    pub name: String,
    /// The pid of its process, if there is one.
    pub pid: Option<u32>,
    /// How many tasks this process has done.
    pub tasks: u64,
    /// What it does.
    pub state: WorkerState,
    /// For how long; nothing where there is no process. A task that it has not begun counts from when it
    /// was given to it.
    pub since: Option<Duration>,
}

/// What a worker of a pool does.
///
/// # Examples
///
/// ```
/// # use procession::{Pool, WorkerState};
/// # fn main() -> Result<(), procession::Error> {
/// let pool = Pool::new(1)?;
/// // It is started when there is something to do.
/// assert_eq!(pool.dump().workers[0].state, WorkerState::Vacant);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerState {
    /// There is no process: none was needed yet, or it is to be started again after a while.
    Vacant,
    /// Its process was created, and has not begun a task.
    Starting,
    /// It waits for tasks.
    Idle,
    /// It has a task in hand.
    #[non_exhaustive]
    Running {
        /// The name of the function.
        task: String,
        /// Which item of a map or a stream it is, counted from 0.
        item: Option<u64>,
    },
    /// It takes no more tasks, and ends when it has done what it has.
    Leaving,
}

impl State {
    /// How many tasks are in a worker's hands: of one call, or of all.
    pub(super) fn running(&self, call: Option<u64>) -> u64 {
        let fronts = self.seats.iter().filter_map(|seat| seat.hand.as_ref()?.out.front());
        fronts.filter(|front| call.is_none_or(|id| front.call.id == id)).count() as u64
    }

    /// What each worker does.
    pub(super) fn dump(&mut self, name: &str, now: u64) -> Vec<WorkerDump> {
        let seats = self.seats.iter_mut().enumerate();
        let worker = |(at, seat): (usize, &mut Seat)| {
            let name = format!("{name}-{}", at + 1);
            let Some(hand) = &mut seat.hand else {
                let state = if seat.starting { WorkerState::Starting } else { WorkerState::Vacant };
                return WorkerDump { name, pid: None, tasks: 0, state, since: None };
            };
            let began = hand.began(now).unwrap_or(hand.mark);
            let since = Some(Duration::from_nanos(now.saturating_sub(began)));
            let state = match (hand.out.front(), hand.answered) {
                _ if !hand.preface.is_empty() => WorkerState::Starting,
                (Some(front), answered) => {
                    let (task, item) = (front.call.name.to_owned(), front.first + answered);
                    WorkerState::Running { task, item: front.call.item(item) }
                }
                (None, _) if hand.leaving => WorkerState::Leaving,
                (None, _) => WorkerState::Idle,
            };
            let tasks = hand.given - hand.outstanding();
            WorkerDump { name, pid: Some(hand.link.pid()), tasks, state, since }
        };
        seats.map(worker).collect()
    }
}

impl PoolDump {
    pub(super) fn new(name: &str, progress: Progress, workers: Vec<WorkerDump>) -> Self {
        PoolDump { name: name.to_owned(), progress, workers }
    }
}

impl fmt::Display for PoolDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pool `{}`: {}", self.name, self.progress)?;
        let row = |worker: &WorkerDump| {
            let pid = worker.pid.map_or("-".to_owned(), |pid| pid.to_string());
            let since = worker.since.map_or(String::new(), |since| format!(" for {since:.1?}"));
            let state = format!("{}{since}", worker.state);
            [worker.name.clone(), pid, worker.tasks.to_string(), state]
        };
        let heads = ["worker", "pid", "tasks", "state"].map(str::to_owned);
        let rows: Vec<_> = [heads].into_iter().chain(self.workers.iter().map(row)).collect();
        let width = |column: usize| {
            rows.iter().map(|row: &[String; 4]| row[column].chars().count()).max().unwrap_or(0)
        };
        let (names, pids, tasks) = (width(0), width(1), width(2));
        rows.iter().try_for_each(|[name, pid, count, state]| {
            write!(f, "\n  {name:<names$}  {pid:>pids$}  {count:>tasks$}  {state}")
        })
    }
}

impl fmt::Display for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkerState::Vacant => f.write_str("vacant"),
            WorkerState::Starting => f.write_str("starting"),
            WorkerState::Idle => f.write_str("idle"),
            WorkerState::Running { task, item } => {
                write!(f, "runs `{task}`")?;
                item.map_or(Ok(()), |item| write!(f, " (item {item})"))
            }
            WorkerState::Leaving => f.write_str("leaving"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(name: &str, pid: u32, tasks: u64, state: WorkerState, millis: u64) -> WorkerDump {
        let since = Some(Duration::from_millis(millis));
        WorkerDump { name: name.to_owned(), pid: Some(pid), tasks, state, since }
    }

    fn running(item: Option<u64>) -> WorkerState {
        WorkerState::Running { task: "resize".to_owned(), item }
    }

    #[test]
    fn every_column_is_as_wide_as_what_is_in_it() {
        let progress = Progress { done: 37, running: 2, queued: 120, ..Progress::default() };
        let workers = vec![
            worker("thumbnails-1", 4_194_304, 22, running(Some(38)), 1_234),
            worker("thumbnails-2", 512, 1_000_000, running(None), 310),
            WorkerDump { pid: None, since: None, ..worker("w-10", 0, 0, WorkerState::Vacant, 0) },
            worker("größe", 7, 0, WorkerState::Leaving, 20),
        ];

        let table = PoolDump::new("thumbnails", progress, workers).to_string();

        let expected = "\
pool `thumbnails`: 37 done, 2 running, 120 queued
  worker            pid    tasks  state
  thumbnails-1  4194304       22  runs `resize` (item 38) for 1.2s
  thumbnails-2      512  1000000  runs `resize` for 310.0ms
  w-10                -        0  vacant
  größe               7        0  leaving for 20.0ms";
        assert_eq!(table, expected);
    }

    #[test]
    fn a_pool_without_workers_is_a_table_without_lines() {
        let table = PoolDump::new("inline", Progress::default(), Vec::new()).to_string();

        let expected = "\
pool `inline`: 0 done, 0 running, 0 queued
  worker  pid  tasks  state";
        assert_eq!(table, expected);
    }

    #[test]
    fn every_state_has_a_word() {
        let states = [WorkerState::Vacant, WorkerState::Starting, WorkerState::Idle];
        let told = states.map(|state| state.to_string());
        assert_eq!(told, ["vacant", "starting", "idle"]);
    }
}
