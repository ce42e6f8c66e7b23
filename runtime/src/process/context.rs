//! Where a process looks: who it is, whose it is, and what it started.

use std::ffi::OsString;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{OnceLock, RwLock};
use std::time::Duration;

use crate::id::ProcessId;
use crate::route::{living, random_number};
use crate::sys::{self, Build};
use crate::wire::ParentIs;
use crate::worker::{StopFlag, stop_flag, worker};

/// A process of the tree: this one, its parent, or a child.
///
/// # Examples
///
/// ```
/// let this = procession::current();
/// assert_eq!(this.pid(), std::process::id());
/// assert_eq!((this.is_worker(), this.id().depth()), (false, 0));
/// println!("{} is at {}", this.name(), this.id());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    name: String,
    pid: u32,
    id: ProcessId,
}

impl ProcessInfo {
    /// Its name: the program's, or what a worker was started as.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its place in the tree of processes.
    pub fn id(&self) -> &ProcessId {
        &self.id
    }

    /// Whether this runtime started it, rather than a person or another program.
    pub fn is_worker(&self) -> bool {
        self.id.depth() > 0
    }
}

/// This process.
///
/// # Examples
///
/// ```
/// use procession::process;
///
/// #[process]
/// fn who() -> (String, bool) {
///     (procession::current().name().to_owned(), procession::current().is_worker())
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// assert!(!procession::current().is_worker());
/// assert_eq!(who::call()?, ("who".to_owned(), true));
/// # Ok(())
/// # }
/// ```
pub fn current() -> ProcessInfo {
    let name = match worker() {
        Some(worker) => worker.name.clone(),
        None => program_name().to_owned(),
    };
    ProcessInfo { name, pid: std::process::id(), id: own_id() }
}

/// The process that started this one, if this is a worker.
///
/// # Examples
///
/// ```
/// use procession::process;
///
/// #[process]
/// fn whose() -> Option<u32> {
///     procession::parent().map(|parent| parent.pid())
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// assert_eq!(procession::parent(), None);
/// assert_eq!(whose::call()?, Some(std::process::id()));
/// # Ok(())
/// # }
/// ```
pub fn parent() -> Option<ProcessInfo> {
    let ParentIs { pid, name, id } = worker()?.parent.clone();
    Some(ProcessInfo { name, pid, id: ProcessId::parse(&id) })
}

/// The processes that this one started and that are not known to have ended, detached ones
/// included, the oldest first.
///
/// # Examples
///
/// ```
/// use procession::process;
///
/// #[process]
/// fn idle() {
///     procession::stopping().wait();
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let child = idle::spawn()?;
/// assert!(procession::children().iter().any(|one| one.pid() == child.pid()));
/// # child.stop(std::time::Duration::from_secs(5))?;
/// # Ok(())
/// # }
/// ```
pub fn children() -> Vec<ProcessInfo> {
    if is_fork() {
        return Vec::new();
    }
    let info = |life: &crate::route::Life| ProcessInfo {
        name: life.name.clone(),
        pid: life.pid,
        id: life.id.clone(),
    };
    living().iter().map(|life| info(life)).collect()
}

/// How many processes this machine gives this one to run at a time: affinity and the quota of its
/// control group counted. At least one.
///
/// # Examples
///
/// ```
/// assert!(procession::available_parallelism() >= 1);
/// ```
pub fn available_parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Ends this process with a code, after what it printed was flushed and what it sent has gone. In a
/// worker the parent sees [`Exited`](crate::ExitReason::Exited), for 0 as well: there is no value.
///
/// Destructors do not run, as with [`std::process::exit`].
///
/// # Examples
///
/// ```
/// use procession::{ExitReason, process};
///
/// #[process]
/// fn give_up() {
///     procession::exit(3)
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// assert_eq!(give_up::spawn()?.wait(), ExitReason::Exited(3));
/// # Ok(())
/// # }
/// ```
pub fn exit(code: i32) -> ! {
    crate::worker::settle();
    std::process::exit(code)
}

/// Whether this process was asked to stop, by [`Child::stop`](crate::Child::stop) of its parent.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use procession::process;
/// #[process]
/// fn until_asked() -> bool {
///     procession::stopping().wait();
///     procession::stopping().is_set()
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let child = until_asked::spawn()?;
/// child.stop(Duration::from_secs(10))?;
/// assert!(child.join()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Stopping(&'static StopFlag);

/// How a function hears that it should stop.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use procession::{ExitReason, process};
///
/// #[process]
/// fn serve() -> u32 {
///     let mut rounds = 0;
///     while !procession::stopping().wait_timeout(Duration::from_millis(5)) {
///         rounds += 1;
///     }
///     rounds
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let child = serve::spawn()?;
/// assert_eq!(child.stop(Duration::from_secs(10))?, ExitReason::Finished);
/// # Ok(())
/// # }
/// ```
pub fn stopping() -> Stopping {
    Stopping(stop_flag())
}

impl Stopping {
    /// Whether it was asked to stop; never waits.
    pub fn is_set(self) -> bool {
        // Where there was no thread to hear it with, who looks hears it.
        crate::worker::hear();
        self.0.is_raised()
    }

    /// Waits until it is asked to stop. In a process that is not a worker that is for ever.
    pub fn wait(self) {
        self.0.wait(None);
    }

    /// Waits that long at the most, and says whether it was asked to stop.
    pub fn wait_timeout(self, limit: Duration) -> bool {
        self.0.wait(Some(limit))
    }
}

static WORKER_PROGRAM: RwLock<Option<PathBuf>> = RwLock::new(None);

/// Has workers run another executable than this program: one of the same build, wherever it lies.
///
/// Needed only where executing this program again would execute something else, as in a plug-in
/// that an interpreter loaded: [`SpawnError::NotOurProgram`](crate::SpawnError::NotOurProgram)
/// says so. It is compared with this program by its contents, which are read at each start, and by its
/// table of processes, names and types; where they differ, the start fails. A plug-in can compare
/// the tables only.
///
/// # Examples
///
/// ```
/// # let copy = std::env::current_exe().unwrap();
/// procession::worker_exe(copy);
/// ```
pub fn worker_exe(path: impl AsRef<Path>) {
    let path = path.as_ref().to_owned();
    *WORKER_PROGRAM.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(path);
}

/// What [`worker_exe`] named, and its build.
pub(super) fn worker_program() -> Option<(PathBuf, io::Result<Build>)> {
    let named = WORKER_PROGRAM.read().unwrap_or_else(|poisoned| poisoned.into_inner());
    let path = named.clone()?;
    drop(named);
    // It is to be the same build as this program, unless this is a plug-in of another one: then
    // only the tables of processes can be compared.
    let same = if sys::runs_own_program().is_ok() { sys::own_program() } else { &path };
    let build = sys::build_of(same);
    Some((path, build))
}

/// Whether this process is a fork of the one that used the runtime first.
pub(crate) fn is_fork() -> bool {
    static OWNER: AtomicU32 = AtomicU32::new(0);
    // From the first use on, copies notice by themselves.
    if sys::is_copy() {
        return true;
    }
    let own = std::process::id();
    let seen = OWNER.compare_exchange(0, own, Ordering::Relaxed, Ordering::Relaxed);
    seen.is_err_and(|owner| owner != own)
}

fn own_id() -> ProcessId {
    worker().map_or_else(ProcessId::root, |worker| ProcessId::parse(&worker.id))
}

/// The id of the next child and its number.
pub(super) fn next_id() -> (ProcessId, u64) {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed) + 1;
    (own_id().child(number), number)
}

/// The number that all processes of this run of the program share.
pub(crate) fn tree() -> u64 {
    static OWN: OnceLock<u64> = OnceLock::new();
    worker().map_or_else(|| *OWN.get_or_init(random_number), |worker| worker.tree)
}

/// This process as its children know it.
pub(super) fn as_parent() -> ParentIs {
    let ProcessInfo { name, pid, id } = current();
    ParentIs { pid, name, id: id.to_string() }
}

/// What `ps` shows for a child: the program and the child's name.
pub(super) fn title(name: &str) -> OsString {
    // A name with a zero byte could not be passed on.
    format!("{}: {name}", program_name()).replace('\0', " ").into()
}

/// The name of the program's file.
fn program_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let path = std::env::current_exe().unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.trim_end_matches(" (deleted)").to_owned()
    })
}
