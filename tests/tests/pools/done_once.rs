//! No item whose result was published runs twice, and none is left out: side effects are counted.

use std::collections::BTreeMap;
use std::io::{PipeWriter, Read};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use procession::{Pool, process};
use procession_tests::{BOTH, LIMIT, alone, eventually};

use super::work::{Act, Files, act, builder, note, noted, pids, pool, signal, square};

/// Leaves its number in a file, and dies of it if it is that one.
#[process]
fn count(file: PathBuf, n: u64, fatal: bool) -> u64 {
    note(&file, n);
    if fatal {
        std::process::abort();
    }
    n
}

/// Leaves its number in a pipe.
#[process]
fn tell(pipe: String, n: u64, fatal: bool) -> u64 {
    use std::io::Write;
    let mut pipe = std::fs::OpenOptions::new().write(true).open(pipe).unwrap();
    pipe.write_all(&n.to_le_bytes()).unwrap();
    if fatal {
        std::process::abort();
    }
    n
}

/// A pipe for numbers: its path, its end that is written, and who reads what comes until that is closed.
fn pipe() -> (String, PipeWriter, JoinHandle<Vec<u64>>) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let path = format!("/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd());
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        let (numbers, _) = bytes.as_chunks::<8>();
        numbers.iter().map(|number| u64::from_le_bytes(*number)).collect()
    });
    (path, writer, reading)
}

fn counts(numbers: Vec<u64>) -> BTreeMap<u64, u32> {
    let mut counts = BTreeMap::new();
    for number in numbers {
        *counts.entry(number).or_insert(0) += 1;
    }
    counts
}

#[test]
fn what_a_dead_worker_had_not_begun_runs_exactly_once_elsewhere() {
    for over in BOTH {
        for chunk in [None, Some(1), Some(50), Some(1_000)] {
            let (pool, files) = (pool(over, 3), Files::new());
            let ran = files.file();
            let fatal = |n| n % 331 == 200;
            let items = (0..2_000).map(|n| (ran.clone(), n, fatal(n)));
            let mut tasks = pool.tasks::<count>();
            if let Some(size) = chunk {
                tasks = tasks.chunk_size(size);
            }

            let results = tasks.try_map(items);

            for (n, result) in (0..).zip(&results) {
                assert_eq!(result.is_err(), fatal(n), "{over:?}, {chunk:?}, {n}: {result:?}");
            }
            let counts = counts(noted(&ran));
            assert_eq!(counts.len(), 2_000, "{over:?}, {chunk:?}");
            let twice: Vec<_> = counts.iter().filter(|(_, times)| **times != 1).collect();
            assert!(twice.is_empty(), "{over:?}, {chunk:?}: {twice:?}");
        }
    }
}

#[test]
fn side_effects_through_a_pipe_are_as_many_as_there_are_items() {
    alone!({
        for over in BOTH {
            let (path, writer, reading) = pipe();
            let pool = pool(over, 2);
            let items = (0..3_000).map(|n| (path.clone(), n, n % 500 == 250));

            let results = pool.try_map::<tell>(items);

            pool.join().unwrap();
            drop(writer);
            assert_eq!(results.iter().filter(|result| result.is_err()).count(), 6);
            let counts = counts(reading.join().unwrap());
            assert!(counts.len() == 3_000 && counts.values().all(|&times| times == 1), "{over:?}");
        }
    });
}

#[test]
fn only_the_task_in_hand_runs_again_where_retries_are_allowed() {
    for over in BOTH {
        let (pool, files) = (pool(over, 2), Files::new());
        let ran = files.file();
        let tries: Vec<PathBuf> = (0..20).map(|_| files.file()).collect();
        let items = (0..1_000).map(|n| {
            let then = match n % 50 {
                25 => Act::Until(tries[n / 50].clone(), 2, 0, Box::new(Act::Abort)),
                _ => Act::Give(0),
            };
            Act::Note(ran.clone(), n as u64, Box::new(then))
        });

        let all = pool.tasks::<act>().retries(1).map(items).unwrap();

        assert_eq!(all.len(), 1_000);
        for (n, times) in counts(noted(&ran)) {
            assert_eq!(times, if n % 50 == 25 { 2 } else { 1 }, "{over:?}: item {n}");
        }
    }
}

/// Kills workers of a pool, one after the other, until it is told to stop.
pub(crate) fn killer(pool: &Arc<Pool>) -> (Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = channel();
    let victims = Arc::clone(pool);
    let killer = std::thread::spawn(move || {
        let mut nth = 0;
        while stopped.recv_timeout(Duration::from_millis(20)).is_err() {
            nth += 1;
            if let Some(pid) = pids(&victims).get(nth % 2) {
                signal(*pid, libc::SIGKILL);
            }
        }
    });
    (stop, killer)
}

/// Workers are killed at moments that nobody chose: a task that failed may have run, and any other
/// ran once.
#[test]
fn killing_workers_at_any_moment_runs_no_task_twice_and_forgets_none() {
    for over in BOTH {
        let (pool, files) = (Arc::new(pool(over, 2)), Files::new());
        let ran = files.file();
        let (stop, killer) = killer(&pool);

        let (mut failed, mut all) = (0, 0);
        for round in 0..20 {
            let items = (0..1_000).map(|n| (ran.clone(), round * 1_000 + n, false));
            for (n, result) in (0..).zip(pool.try_map::<count>(items)) {
                all += 1;
                match result {
                    Ok(value) => assert_eq!(value, round * 1_000 + n),
                    Err(_) => failed += 1,
                }
            }
        }
        stop.send(()).unwrap();
        killer.join().unwrap();

        let counts = counts(noted(&ran));
        let twice: Vec<_> = counts.iter().filter(|(_, times)| **times != 1).collect();
        assert!(twice.is_empty(), "{over:?}: {twice:?}");
        // One that failed may have been taken and not have written yet.
        assert!(all == 20_000 && counts.len() + failed >= 20_000, "{over:?}: {failed} failed");
        // Three that were killed at their start in a row are given up for a while.
        eventually(LIMIT, || pool.map::<square>(0..3).is_ok_and(|all| all == [0, 1, 4]));
    }
}

/// The same where tasks may be tried again: then what ran more than once was, and is counted.
#[test]
fn killing_workers_at_any_moment_repeats_nothing_but_what_is_counted_as_a_retry() {
    alone!({
        for over in BOTH {
            let (pool, (path, writer, reading)) = (Arc::new(pool(over, 2)), pipe());
            let (stop, killer) = killer(&pool);

            let mut failed = 0;
            for round in 0..20 {
                let items = (0..500).map(|n| (path.clone(), round * 500 + n, false));
                let results = pool.tasks::<tell>().retries(2).try_map(items);
                failed += results.iter().filter(|result| result.is_err()).count();
            }
            stop.send(()).unwrap();
            killer.join().unwrap();
            let retried = pool.progress().retried;
            pool.join().unwrap();
            drop(writer);

            let counts = counts(reading.join().unwrap());
            let again: u32 = counts.values().map(|times| times - 1).sum();
            assert!(u64::from(again) <= retried, "{over:?}: {again} ran again, {retried} retried");
            assert!(counts.values().all(|&times| times <= 3), "{over:?}");
            assert!(counts.len() + failed >= 10_000, "{over:?}: {failed} failed");
        }
    });
}

#[test]
fn a_worker_replaced_after_so_many_tasks_loses_and_repeats_none() {
    for over in BOTH {
        let files = Files::new();
        let ran = files.file();
        let pool = builder(over).workers(3).max_tasks_per_worker(9).build().unwrap();

        let items = (0..400).map(|n| (ran.clone(), n, false));
        assert!(pool.map::<count>(items).unwrap().into_iter().eq(0..400));

        let counts = counts(noted(&ran));
        assert!(counts.len() == 400 && counts.values().all(|&times| times == 1), "{over:?}");
    }
}
