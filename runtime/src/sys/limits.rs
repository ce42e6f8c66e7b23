//! Limits that a worker puts on itself.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Bounds the private memory of this process: heap, stacks of threads, private mappings. Shared
/// memory and the program's own code do not count, so the bound means what a user expects of it.
pub(crate) fn limit_memory(bytes: u64) -> io::Result<()> {
    // The kernel takes a limit of zero for none.
    let bytes = bytes.max(1);
    let hard = getrlimit(Resource::Data).maximum;
    let limit = Rlimit { current: Some(hard.map_or(bytes, |hard| hard.min(bytes))), maximum: hard };
    Ok(setrlimit(Resource::Data, limit)?)
}

/// The longest file that this process may make, shared memory included: beyond it a signal kills.
pub(crate) fn file_size_limit() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}
