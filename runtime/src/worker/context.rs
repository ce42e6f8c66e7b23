//! What a worker knows of itself.

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
