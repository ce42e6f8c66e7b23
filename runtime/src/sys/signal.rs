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

/// Has no signal that is sent to the process handled on the calling thread. For threads of the
/// runtime: what a program blocks to wait for it must not reach it through them. Faults of the
/// thread itself stay.
pub(crate) fn block_signals() {
    mask(|set| {
        // SAFETY: the set is a local variable of the caller.
        unsafe { libc::sigfillset(set) };
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP] {
            // SAFETY: as above.
            unsafe { libc::sigdelset(set, fault) };
        }
    });
}

/// Has all signals handled, whatever the thread was started with.
pub(crate) fn unblock_signals() {
    mask(|_| {});
}

fn mask(fill: impl FnOnce(*mut libc::sigset_t)) {
    // SAFETY: a zeroed set is an empty one.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    fill(&raw mut set);
    // SAFETY: the set is a local variable, and the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) };
}
