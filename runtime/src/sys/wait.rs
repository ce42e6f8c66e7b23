//! Sleeping on a word of memory that another process may change, and waking who sleeps there.

use std::sync::atomic::AtomicU32;
use std::time::Duration;
#[cfg(not(loom))]
use std::time::Instant;

use rustix::thread::futex;

#[cfg(not(loom))]
use super::SetOnce;

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
#[unsafe(link_section = ".procession.start")]
pub(crate) fn monotonic_nanos() -> u64 {
    nanos(libc::CLOCK_MONOTONIC)
}

/// The same as of its last tick, some milliseconds ago: that costs a tenth.
#[cfg(not(loom))]
#[unsafe(link_section = ".procession.start")]
pub(crate) fn coarse_nanos() -> u64 {
    nanos(libc::CLOCK_MONOTONIC_COARSE)
}

/// Asked the way in which std asks: any other is more of the program that each process would touch.
#[cfg(not(loom))]
#[inline(always)]
fn nanos(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is written to a local variable.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// When the monotonic clock is so far. Whoever has read it need not read another clock as well.
#[cfg(not(loom))]
pub(crate) fn moment(nanos: u64) -> Instant {
    static ONCE: SetOnce<(u64, Instant)> = SetOnce::new();
    let (then, instant) = ONCE.get_or(|| {
        // Both at the same time, as nearly as a few tries can do it.
        let both = || (monotonic_nanos(), Instant::now(), monotonic_nanos());
        let tries = (0..8).map(|_| both()).min_by_key(|(before, _, after)| after - before);
        let (before, instant, _) = tries.unwrap_or_else(both);
        (before, instant)
    });
    let (ahead, behind) = (nanos.saturating_sub(*then), then.saturating_sub(nanos));
    let moment = instant.checked_add(Duration::from_nanos(ahead));
    moment.and_then(|moment| moment.checked_sub(Duration::from_nanos(behind))).unwrap_or(*instant)
}
