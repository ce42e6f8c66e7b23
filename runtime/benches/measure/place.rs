//! Decides on which cores the two sides of a conversation run.
//!
//! Where the scheduler puts them decides a round trip more than anything that either side does: on
//! one core each wait is a switch, on two it may be none, and whether a child shares its parent's
//! core is a lottery that is drawn once and then holds for seconds. Two variants that drew
//! differently cannot be compared, so what has a goal runs where we put it.

use std::fs;
use std::sync::OnceLock;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Where parent and children run.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// Wherever the scheduler likes.
    Anywhere,
    /// All on the same core.
    OneCore,
    /// The parent on one core, all children on another.
    TwoCores,
}

impl Place {
    /// Whether this machine has the cores, or lets us have them.
    pub(crate) fn exists(self) -> bool {
        !matches!(self, Place::TwoCores) || cores().len() > 1
    }

    /// Puts this process and a child, with all the threads they have by now. Threads and children
    /// that come later start where whoever makes them is.
    pub(crate) fn put(self, child: u32) {
        let (first, second) = (&cores()[..1], cores().get(1..2));
        let (ours, theirs) = match self {
            Place::Anywhere => (cores(), cores()),
            Place::OneCore => (first, first),
            Place::TwoCores => (first, second.expect("the machine has two cores")),
        };
        put("self", ours);
        put(&child.to_string(), theirs);
    }

    /// Puts the calling thread where children are put.
    pub(crate) fn put_thread(self) {
        let theirs = match self {
            Place::Anywhere => cores(),
            Place::OneCore => &cores()[..1],
            Place::TwoCores => cores().get(1..2).expect("the machine has two cores"),
        };
        sched_setaffinity(None, &set(theirs)).expect("our own threads may be moved");
    }
}

/// The cores that this process was given.
fn cores() -> &'static [usize] {
    static CORES: OnceLock<Vec<usize>> = OnceLock::new();
    CORES.get_or_init(|| {
        let given = sched_getaffinity(None).expect("a thread may ask where it runs");
        (0..CpuSet::MAX_CPU).filter(|&core| given.is_set(core)).collect()
    })
}

fn put(process: &str, cores: &[usize]) {
    let set = set(cores);
    for thread in fs::read_dir(format!("/proc/{process}/task")).expect("the process lives") {
        let name = thread.expect("a directory can be read").file_name();
        let id = name.to_str().and_then(|id| id.parse().ok()).and_then(Pid::from_raw);
        match sched_setaffinity(id, &set) {
            // A thread that ended meanwhile is nowhere.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => panic!("our own threads may be moved: {error}"),
        }
    }
}

fn set(cores: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    cores.iter().for_each(|&core| set.set(core));
    set
}
