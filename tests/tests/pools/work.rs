//! What the workers of these tests are given to do.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use procession::{Pool, PoolBuilder, process};
use procession_tests::{Over, Place};
use serde::{Deserialize, Serialize};

#[process]
pub(crate) fn square(n: u64) -> u64 {
    n * n
}

#[process]
pub(crate) fn add(a: u64, b: u64) -> u64 {
    a + b
}

/// Takes so many milliseconds, and gives its number back.
#[process]
pub(crate) fn nap(millis: u64, number: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(millis));
    number
}

/// Who runs it.
#[process]
pub(crate) fn whoami(_number: u64) -> u32 {
    std::process::id()
}

/// Something that a task does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Act {
    Give(u64),
    Nap(u64),
    Spin,
    Panic,
    Abort,
    Exit(i32),
    Signal(i32),
    /// Says that it is there by a file of this name, and sleeps for ever.
    Hang(PathBuf),
    /// Waits until somebody opens this queue for writing.
    Await(PathBuf),
    /// Notes the number in a file, then acts.
    Note(PathBuf, u64, Box<Act>),
    /// Acts as long as it was tried less often than so, as a file tells, and then gives the number.
    Until(PathBuf, u64, u64, Box<Act>),
}

#[process]
pub(crate) fn act(what: Act) -> u64 {
    perform(what)
}

fn perform(what: Act) -> u64 {
    match what {
        Act::Give(n) => n,
        Act::Nap(millis) => {
            std::thread::sleep(Duration::from_millis(millis));
            millis
        }
        Act::Spin => loop {
            std::hint::spin_loop();
        },
        Act::Panic => panic!("as it was told"),
        Act::Abort => std::process::abort(),
        Act::Exit(code) => std::process::exit(code),
        Act::Signal(signal) => {
            // SAFETY: the call touches no memory.
            unsafe { libc::raise(signal) };
            0
        }
        Act::Hang(file) => {
            // Whole when it can be seen.
            let before = file.with_extension("begun");
            std::fs::write(&before, std::process::id().to_string()).unwrap();
            std::fs::rename(before, file).unwrap();
            loop {
                std::thread::park();
            }
        }
        Act::Await(queue) => {
            std::fs::File::open(queue).unwrap();
            0
        }
        Act::Note(file, n, then) => {
            note(&file, n);
            perform(*then)
        }
        Act::Until(file, tries, n, what) => {
            note(&file, n);
            if noted(&file).len() as u64 >= tries { n } else { perform(*what) }
        }
    }
}

/// Lets those go that await this queue, which somebody does or will.
pub(crate) fn let_go(queue: &Path) {
    OpenOptions::new().write(true).open(queue).unwrap();
}

/// Adds a number to a file, in one step.
pub(crate) fn note(file: &Path, n: u64) {
    let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    file.write_all(&n.to_le_bytes()).unwrap();
}

/// The numbers in a file, in the order in which they came there.
pub(crate) fn noted(file: &Path) -> Vec<u64> {
    let bytes = std::fs::read(file).unwrap_or_default();
    let (numbers, rest) = bytes.as_chunks::<8>();
    assert!(rest.is_empty(), "each is written in one step");
    numbers.iter().map(|number| u64::from_le_bytes(*number)).collect()
}

/// A place for the files of one test.
#[derive(Default)]
pub(crate) struct Files(Place, AtomicU32);

impl Files {
    pub(crate) fn new() -> Self {
        Files::default()
    }

    /// A file that is not there yet.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join(self.1.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// A queue that tasks [await](Act::Await).
    pub(crate) fn queue(&self) -> PathBuf {
        let queue = self.file();
        let name = std::ffi::CString::new(queue.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: the name is a C string that lives until the call is over.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        queue
    }
}

/// The pid that a task which [hangs](Act::Hang) has left.
#[track_caller]
pub(crate) fn pid_in(file: &Path) -> u32 {
    procession_tests::eventually(procession_tests::LIMIT, || file.exists());
    std::fs::read_to_string(file).unwrap().parse().unwrap()
}

pub(crate) fn builder(over: Over) -> PoolBuilder {
    match over {
        Over::Usual => Pool::builder(),
        Over::Frames => Pool::builder().untrusted(),
    }
}

pub(crate) fn pool(over: Over, workers: usize) -> Pool {
    builder(over).workers(workers).build().unwrap()
}

pub(crate) fn signal(pid: u32, signal: i32) {
    // SAFETY: the call touches no memory.
    unsafe { libc::kill(i32::try_from(pid).unwrap(), signal) };
}

/// The pids of a pool's workers.
pub(crate) fn pids(pool: &Pool) -> Vec<u32> {
    pool.dump().workers.iter().filter_map(|worker| worker.pid).collect()
}
