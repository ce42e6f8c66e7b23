//! Signals that interrupt whatever is under way lose no message and make no error.

use procession::process;
use procession_tests::{BOTH, alone, value_of};

/// Has a signal come every half millisecond, to a handler that does nothing but interrupt.
fn disturb(flags: libc::c_int) {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: a zeroed action is one with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as *const () as usize;
    action.sa_flags = flags;
    // SAFETY: the handler does nothing, which is safe in a signal.
    unsafe { libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()) };
    let often = libc::timeval { tv_sec: 0, tv_usec: 500 };
    let timer = libc::itimerval { it_interval: often, it_value: often };
    // SAFETY: the pointers are to local variables, or null.
    let set = unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
    assert_eq!(set, 0);
}

#[process]
fn echo(bytes: Vec<u8>, disturbed: Option<i32>) -> Vec<u8> {
    if let Some(flags) = disturbed {
        disturb(flags);
    }
    bytes
}

fn assert_all_cross(disturbed: Option<i32>) {
    for round in 0..12 {
        for over in BOTH {
            for size in [10, 100_000, 5_000_000] {
                let bytes = vec![round; size];
                let child = over.builder::<echo>().spawn((bytes.clone(), disturbed)).unwrap();
                assert!(value_of(child).unwrap() == bytes, "{over:?}, {size}");
            }
        }
    }
}

#[test]
fn a_parent_that_is_interrupted_without_restart_misses_nothing() {
    alone!({
        disturb(0);
        assert_all_cross(None);
    });
}

#[test]
fn a_parent_that_is_interrupted_with_restart_misses_nothing() {
    alone!({
        disturb(libc::SA_RESTART);
        assert_all_cross(None);
    });
}

#[test]
fn a_worker_that_is_interrupted_misses_nothing() {
    assert_all_cross(Some(0));
    assert_all_cross(Some(libc::SA_RESTART));
}
