//! Memory barriers that one process has others pass.

use std::sync::OnceLock;

use rustix::thread::{MembarrierCommand, MembarrierQuery, membarrier, membarrier_query};

/// Whether this system has them.
pub(crate) fn has_fences_elsewhere() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| {
        let needed = MembarrierQuery::GLOBAL_EXPEDITED | MembarrierQuery::REGISTER_GLOBAL_EXPEDITED;
        membarrier_query().contains(needed) && fence_elsewhere()
    })
}

/// Has this process pass them from now on; whether it will.
pub(crate) fn pass_fences() -> bool {
    membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok()
}

/// A full fence here, and in every process that [passes](pass_fences) them; whether it was one.
pub(crate) fn fence_elsewhere() -> bool {
    membarrier(MembarrierCommand::GlobalExpedited).is_ok()
}
