//! Sleeping on a word of memory that another process may change, and waking who sleeps there.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::thread::futex;

/// Sleeps while the word is `value`, for `limit` at the most. May return early for no reason;
/// the caller looks again.
pub(crate) fn sleep_while(word: &AtomicU32, value: u32, limit: Option<Duration>) {
    let limit = limit.map(|limit| futex::Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(limit.subsec_nanos()),
    });
    // Not FUTEX_PRIVATE: the word lies in memory shared between processes. Every error (a changed
    // word, a signal, the limit) means "look again".
    let _ = futex::wait(word, futex::Flags::empty(), value, limit.as_ref());
}

/// Wakes everyone who sleeps on the word, in whichever process.
pub(crate) fn wake_all(word: &AtomicU32) {
    // The call fails only for an address that is not mapped, and `word` is a reference.
    let _ = futex::wake(word, futex::Flags::empty(), i32::MAX.unsigned_abs());
}

/// The system's monotonic clock in nanoseconds: the same for all processes.
#[cfg(not(loom))]
pub(crate) fn monotonic_nanos() -> u64 {
    nanos(rustix::time::clock_gettime(rustix::time::ClockId::Monotonic))
}

/// The same as of its last tick, some milliseconds ago: that costs a tenth.
#[cfg(not(loom))]
#[inline]
pub(crate) fn coarse_nanos() -> u64 {
    nanos(rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse))
}

#[cfg(not(loom))]
#[inline]
fn nanos(now: rustix::time::Timespec) -> u64 {
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
