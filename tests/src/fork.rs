//! A copy of the program, made by `fork`.

use crate::{LIMIT, soon};

/// Does something in a fork of this process; whether it succeeded there, in time.
///
/// # Panics
///
/// If the system makes no fork.
pub fn in_a_fork(work: impl FnOnce()) -> bool {
    // SAFETY: this thread alone goes on in the fork, which leaves by `_exit`. Locks that another
    // thread holds stay locked there: that nothing of the runtime waits for them is tested.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: the call takes a number and does not return.
        unsafe { libc::_exit(i32::from(worked.is_err())) };
    }
    assert!(pid > 0);
    let mut status = 1;
    // SAFETY: the pointer is to a local variable.
    let ended =
        soon(LIMIT / 3, || (unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) }) == pid);
    if !ended {
        // SAFETY: the call touches no memory.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        // SAFETY: a null status is not written.
        unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
    }
    ended && status == 0
}
