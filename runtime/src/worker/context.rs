//! What a worker knows of itself.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::SetOnce;
use crate::wire::ParentIs;

/// Who this worker is and whose.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) parent: ParentIs,
    /// The number that all processes of this run of the program share.
    pub(crate) tree: u64,
}

/// How many processes have had in hand what this one has, this one included.
static ATTEMPT: AtomicU32 = AtomicU32::new(1);

/// How many processes have had in hand what this one is at, this one included: 1 unless it is tried again.
///
/// For an actor that is the message that it has taken, which is tried again where its
/// [spec says so](crate::Spec::retry) after a process has died with it in hand. What was done then may have
/// been done in part, or whole; on a second attempt it is worth a look. In a process that takes no messages it
/// is 1.
///
/// # Examples
///
/// ```
/// use procession::{Mailbox, Reply, Supervisor, process};
///
/// #[process]
/// fn unlucky(mailbox: Mailbox<Reply<u32>>) {
///     for reply in mailbox {
///         if procession::attempt() == 1 {
///             std::process::abort(); // the first time
///         }
///         reply.send(procession::attempt());
///     }
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let tree = Supervisor::builder().child(unlucky::spec().retry(1)).start()?;
/// let unlucky = tree.address::<Reply<u32>>("unlucky")?;
/// assert_eq!(unlucky.ask(|reply| reply)?, 2); // the second process, the same message
/// # Ok(())
/// # }
/// ```
pub fn attempt() -> u32 {
    ATTEMPT.load(Ordering::Relaxed)
}

/// Says which attempt begins.
#[cold]
pub(crate) fn set_attempt(number: u32) {
    ATTEMPT.store(number, Ordering::Relaxed);
}

static WORKER: SetOnce<Worker> = SetOnce::new();

/// This process, if it is a worker that has begun.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn worker() -> Option<&'static Worker> {
    WORKER.get()
}

/// Whether this is the process that became the worker, not a copy made by `fork`.
pub(super) fn is_original() -> bool {
    WORKER.get().is_some_and(|worker| worker.pid == std::process::id())
}

/// Says who this process is. Only the first word counts, and there is only one.
#[inline]
pub(super) fn become_worker(worker: Worker) {
    WORKER.set(worker);
}
