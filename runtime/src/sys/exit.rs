//! Ending without leaving half of something behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once};
use std::time::{Duration, Instant};

static NAMED: Mutex<()> = Mutex::new(());

static EXITING: AtomicBool = AtomicBool::new(false);

/// The longest that the end of the program waits.
const LIMIT: Duration = Duration::from_secs(1);

/// Held while something has a name in the file system that is removed in a moment: meanwhile the
/// program does not end by `exit` or by returning from `main`. `None` if it is ending already.
pub(crate) fn not_while_exiting() -> Option<MutexGuard<'static, ()>> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the function neither unwinds nor ends the process. Where it cannot be registered
        // the program may leave an empty directory behind.
        unsafe { libc::atexit(wait) };
    });
    let held = NAMED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    (!EXITING.load(Ordering::SeqCst)).then_some(held)
}

/// Has nothing get such a name any more, and waits until nothing has one.
extern "C" fn wait() {
    EXITING.store(true, Ordering::SeqCst);
    let start = Instant::now();
    while NAMED.try_lock().is_err() && start.elapsed() < LIMIT {
        std::thread::yield_now();
    }
}
