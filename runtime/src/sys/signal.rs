//! The names of signals.

pub(crate) const SIGABRT: i32 = libc::SIGABRT;
pub(crate) const SIGKILL: i32 = libc::SIGKILL;
pub(crate) const SIGTERM: i32 = libc::SIGTERM;

/// The signal's usual name, if it has one.
pub(crate) fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        libc::SIGSYS => "SIGSYS",
        _ => return None,
    })
}

/// Has no signal that is sent to the process handled on the calling thread, nor on those that it starts,
/// until this is dropped; for good on the latter. For threads of the runtime: what a program blocks to wait
/// for it must not reach it through them, not even before they have come to their first line. Faults of
/// the thread itself stay.
#[must_use]
pub(super) fn block_signals() -> Blocked {
    // SAFETY: a zeroed set is an empty one.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is a local variable.
    unsafe { libc::sigfillset(&raw mut set) };
    for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP] {
        // SAFETY: as above.
        unsafe { libc::sigdelset(&raw mut set, fault) };
    }
    Blocked(mask(&set))
}

/// Has all signals handled, whatever the thread was started with.
pub(crate) fn unblock_signals() {
    // SAFETY: a zeroed set is an empty one.
    mask(&unsafe { std::mem::zeroed() });
}

/// What was blocked before, and is again from when this is dropped.
pub(super) struct Blocked(libc::sigset_t);

impl Drop for Blocked {
    fn drop(&mut self) {
        mask(&self.0);
    }
}

fn mask(set: &libc::sigset_t) -> libc::sigset_t {
    // SAFETY: a zeroed set is an empty one.
    let mut old: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the sets are variables of the right type.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, set, &raw mut old) };
    old
}
