//! Ending without leaving half of something behind.

use std::sync::{Mutex, MutexGuard, Once};
use std::time::{Duration, Instant};

static NAMED: Mutex<()> = Mutex::new(());

/// The longest that the end of the program waits.
const LIMIT: Duration = Duration::from_secs(1);

/// Held while something has a name in the file system that is removed in a moment: meanwhile the
/// program does not end by `exit` or by returning from `main`.
pub(crate) fn not_while_exiting() -> MutexGuard<'static, ()> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the function neither unwinds nor ends the process. Where it cannot be registered
        // the program may leave an empty directory behind.
        unsafe { libc::atexit(wait) };
    });
    NAMED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Waits until nothing has such a name, and has nothing get one any more.
extern "C" fn wait() {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if let Ok(none) = NAMED.try_lock() {
            std::mem::forget(none);
            return;
        }
        std::thread::yield_now();
    }
}
