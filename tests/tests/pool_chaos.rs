//! Pools whose workers are killed all the time, and a ledger in which nothing may be missing and
//! nothing may be twice without a reason.
//!
//! `CHAOS_SECONDS` says how long over each carrier; a few seconds unless told, and 100,000 tasks in any
//! case. A random worker of each pool is SIGKILLed every 20 milliseconds.

#![expect(clippy::unwrap_used, reason = "all of this is tests")]

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use procession::{
    Pool, PoolBuilder, Task, TaskError, TaskFailure, WorkerState, as_completed, process,
};
use procession_tests::{LIMIT, children_of, eventually, resident, settled_descriptors};

procession_tests::leaves_nothing_behind!();

const WORKERS: usize = 4;
const TASKS: u64 = 100_000;
/// So many tasks are one map, stream or row of submissions.
const ROUND: u64 = 5_000;

static LEDGER: OnceLock<File> = OnceLock::new();

#[process]
fn open(ledger: PathBuf) -> Result<(), String> {
    let file = OpenOptions::new().append(true).open(ledger).map_err(|error| error.to_string())?;
    LEDGER.set(file).map_err(|_| "it was opened before".to_owned())
}

/// Writes that it was run, in one step, and then gives what only the right input gives.
#[process]
fn work(number: u64) -> u64 {
    let mut ledger = LEDGER.get().expect("it is opened before the first task");
    ledger.write_all(&number.to_le_bytes()).expect("there is room");
    if number.is_multiple_of(16) {
        // Long enough to die of it now and then.
        std::thread::sleep(Duration::from_micros(300));
    }
    answer(number)
}

fn answer(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17)
}

#[process]
fn who(millis: u64) -> u32 {
    std::thread::sleep(Duration::from_millis(millis));
    std::process::id()
}

/// What became of the tasks of one pool.
#[derive(Debug, Default)]
struct Account {
    resolved: u64,
    /// Without retries.
    crashed: HashSet<u64>,
}

impl Account {
    fn settle(&mut self, number: u64, result: Result<u64, TaskError>, retried: bool) {
        self.resolved += 1;
        match result {
            Ok(value) => assert_eq!(value, answer(number), "of {number}"),
            Err(error) => {
                let killed = matches!(error.failure(), TaskFailure::Crashed(_));
                assert!(killed && !retried, "{number}: {error}");
                assert!(self.crashed.insert(number), "{number} failed twice");
            }
        }
    }

    /// Runs so many tasks in one of the ways in which a pool runs tasks.
    fn round(&mut self, pool: &Pool, way: u64, first: u64) {
        let numbers = first..first + ROUND;
        let tasks = || pool.tasks::<work>().retries(u32::MAX).poison_after(u32::MAX);
        match way % 5 {
            0 => {
                let values = tasks().map(numbers.clone()).expect("it is tried until it works");
                assert_eq!(values.len() as u64, ROUND);
                numbers.zip(values).for_each(|(n, value)| self.settle(n, Ok(value), true));
            }
            1 => {
                let mut stream = tasks().stream(numbers.clone());
                for number in numbers {
                    let result = stream.next().expect("there are as many results as tasks");
                    self.settle(number, result, true);
                }
                assert!(stream.next().is_none());
            }
            2 => {
                let right: HashSet<u64> = numbers.clone().map(answer).collect();
                let mut left = right.clone();
                for value in tasks().stream(numbers).unordered() {
                    let value = value.expect("it is tried until it works");
                    assert!(left.remove(&value), "it was never asked for, or came twice");
                    self.resolved += 1;
                }
                assert!(left.is_empty(), "{} are missing", left.len());
            }
            3 => {
                let results = pool.try_map::<work>(numbers.clone());
                assert_eq!(results.len() as u64, ROUND);
                numbers.zip(results).for_each(|(n, result)| self.settle(n, result, false));
            }
            _ => {
                let submit = |number| tasks().submit(number).expect("the pool is open");
                let mut numbers = numbers;
                while !numbers.is_empty() {
                    let some: Vec<u64> = numbers.by_ref().take(500).collect();
                    let taken: Vec<Task<u64>> = some.iter().map(|&number| submit(number)).collect();
                    let before = self.resolved;
                    for (place, result) in as_completed(taken) {
                        self.settle(some[place], result, true);
                    }
                    assert_eq!(self.resolved - before, some.len() as u64);
                }
            }
        }
    }
}

/// Kills a random worker every 20 milliseconds, and counts them. Where nothing ends any more it says
/// what the pool looks like, and ends the test.
fn kill_workers(pool: &Pool, running: &AtomicBool, killed: &AtomicU64) {
    let mut random = 7_u64;
    let (mut last, mut since) = (0, Instant::now());
    while running.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
        let (dump, now) = (pool.dump(), Instant::now());
        let ended = dump.progress.done + dump.progress.failed;
        if ended != last {
            (last, since) = (ended, now);
        } else if now - since > LIMIT {
            eprintln!("nothing has ended for {LIMIT:?}: {dump}");
            std::process::abort();
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let workers: Vec<_> = dump.workers.iter().filter(|one| one.pid.is_some()).collect();
        let victim = workers.get((random >> 33) as usize % WORKERS).filter(|victim| {
            // A pool gives up if no worker lives to see its first task, three times in a row.
            workers.len() > 1 || victim.state != WorkerState::Starting
        });
        if let Some(pid) = victim.and_then(|victim| victim.pid) {
            // SAFETY: it only sends a signal, to a child that was not reaped a moment ago.
            unsafe { libc::kill(pid as i32, libc::SIGKILL) };
            killed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How many descriptors this process has once all workers are there and idle.
fn descriptors_at_rest(pool: &Pool) -> usize {
    let mut pids = HashSet::new();
    eventually(LIMIT, || {
        pids = pool.map::<who>([5; 4 * WORKERS]).expect("nobody kills").into_iter().collect();
        pids.len() == WORKERS
    });
    eventually(LIMIT, || pool.dump().workers.iter().all(|one| one.state == WorkerState::Idle));
    let children: HashSet<u32> =
        children_of(std::process::id()).into_iter().map(|child| child.pid).collect();
    assert!(pids.is_subset(&children), "{pids:?} of {children:?}");
    settled_descriptors(std::process::id())
}

fn storm(builder: PoolBuilder, name: &str) {
    let seconds = std::env::var("CHAOS_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(2));
    let ledger =
        std::env::temp_dir().join(format!("procession-pool-chaos-{}-{name}", std::process::id()));
    File::create(&ledger).unwrap();
    let pool = builder.workers(WORKERS).initializer::<open>(ledger.clone()).build().unwrap();
    let descriptors_before = descriptors_at_rest(&pool);

    let (running, killed) = (AtomicBool::new(true), AtomicU64::new(0));
    let mut account = Account::default();
    let mut resident_before = None;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| kill_workers(&pool, &running, &killed));
        let _stop = Stop(&running);
        for way in 0.. {
            let first = way * ROUND;
            if first >= TASKS && begun.elapsed() >= time {
                break;
            }
            account.round(&pool, way, first);
            // Once every way was gone, buffers have grown as far as they do.
            if way == 4 {
                resident_before = Some(resident());
            }
        }
    });
    let took = begun.elapsed();

    let descriptors_after = descriptors_at_rest(&pool);
    let resident_after = resident();
    let progress = pool.progress();
    let killed = killed.into_inner();
    pool.join().unwrap();
    check_ledger(&ledger, &account, progress.retried);
    eprintln!(
        "{name}: {} tasks in {took:.1?}, {killed} workers killed, {} tried again, {} failed; memory \
         {} -> {} KiB, descriptors {descriptors_before} -> {descriptors_after}",
        account.resolved,
        progress.retried,
        account.crashed.len(),
        resident_before.unwrap_or_default() >> 10,
        resident_after >> 10,
    );
    assert!(account.resolved >= TASKS);
    assert!(killed > 10, "only {killed} were killed");
    assert!(account.crashed.len() as u64 + progress.retried <= killed);
    assert!(descriptors_after <= descriptors_before + 4);
    let before = resident_before.unwrap();
    assert!(resident_after < before + (16 << 20), "from {before} to {resident_after} bytes");
}

/// Each task was run, unless it failed; and as often as it was tried, at the most.
fn check_ledger(path: &Path, account: &Account, retried: u64) {
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    std::fs::remove_file(path).unwrap();
    let mut runs = vec![0_u32; account.resolved as usize];
    for number in bytes.chunks(8) {
        let number = u64::from_le_bytes(number.try_into().expect("it is written in one step"));
        runs[number as usize] += 1;
    }
    let twice: u64 = runs.iter().map(|&runs| u64::from(runs.saturating_sub(1))).sum();
    let never: Vec<u64> = (0..).zip(&runs).filter(|run| *run.1 == 0).map(|run| run.0).collect();

    assert!(never.iter().all(|number| account.crashed.contains(number)), "{never:?}");
    assert!(account.crashed.iter().all(|&number| runs[number as usize] <= 1));
    assert!(twice <= retried, "{twice} runs too many, and {retried} tasks were tried again");
}

/// Ends the killing also where a check fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[test]
fn every_task_ends_once_and_right_whoever_is_killed() {
    storm(Pool::builder(), "ring");
    storm(Pool::builder().untrusted(), "frames");
}

#[test]
fn a_task_for_a_worker_that_has_just_died_is_not_lost() {
    for builder in [Pool::builder(), Pool::builder().untrusted()] {
        let pool = builder.workers(1).build().unwrap();
        let mut pid = pool.submit::<who>(0).unwrap().join().unwrap();
        for _ in 0..50 {
            // SAFETY: it only sends a signal, to a child that was there a moment ago.
            unsafe { libc::kill(pid as i32, libc::SIGKILL) };
            let task = pool.tasks::<who>().retries(9).poison_after(9).submit(0).unwrap();

            assert!(task.wait_timeout(LIMIT), "{}", pool.dump());
            pid = task.join().unwrap();
        }
    }
}
