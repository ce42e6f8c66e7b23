//! What a test program must not leave behind.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{LIMIT, children_of, descriptors, soon};

/// Where a test program and all that it starts have their temporary files.
const HOME: &str = "PROCESSION_TESTS_HOME";

/// The descriptors that the runtime keeps for the next start, and some that the test harness has.
/// A leak of one descriptor a start is soon more than this.
const KEPT: usize = 20;

struct Before {
    pid: u32,
    home: PathBuf,
    descriptors: usize,
}

static BEFORE: OnceLock<Before> = OnceLock::new();

/// Notes what there is before the tests, and has it compared at the end of the program. Called
/// before `main`, by [`leaves_nothing_behind!`](crate::leaves_nothing_behind).
pub extern "C" fn check_at_exit() {
    for signal in
        [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGCHLD]
    {
        // What was started in the background of a shell, or by `nohup`, ignores some of them, and
        // so does all that it starts.
        // SAFETY: the default action installs no code.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    if std::env::var_os(HOME).is_some() || is_worker() {
        // What a worker or a program of a test leaves is found by whoever started it.
        return;
    }
    let pid = std::process::id();
    // One that was killed left its directory, and its pid comes around again.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set").as_nanos();
    let home = std::env::temp_dir().join(format!("procession-tests-{pid}-{now}"));
    std::fs::create_dir(&home).expect("there is a directory for temporary files");
    // Some tests become another user.
    let all = std::fs::Permissions::from_mode(0o1777);
    std::fs::set_permissions(&home, all).expect("it was made just now");
    // SAFETY: this runs before `main`, when there is no other thread.
    unsafe { std::env::set_var(HOME, &home) };
    // SAFETY: as above.
    unsafe { std::env::set_var("TMPDIR", &home) };
    let before = Before { pid, home, descriptors: descriptors(pid).len() };
    assert!(BEFORE.set(before).is_ok(), "the system calls a constructor once");
    // SAFETY: the function neither unwinds nor ends the process by `exit`.
    unsafe { libc::atexit(check) };
}

/// Whether this process was started as a worker: one with an empty environment does not inherit
/// the variable, and the runtime takes its own out of the environment, but not out of this file.
fn is_worker() -> bool {
    let environment = std::fs::read("/proc/self/environ").unwrap_or_default();
    environment.split(|&byte| byte == 0).any(|entry| entry.starts_with(b"PROCESSION_WORKER="))
}

extern "C" fn check() {
    let Some(before) = BEFORE.get().filter(|before| before.pid == std::process::id()) else {
        return;
    };
    let found = std::panic::catch_unwind(|| {
        assert_no_children_left();
        assert_few_descriptors(before);
        assert_empty(&before.home);
    });
    let _ = std::fs::remove_dir_all(&before.home);
    if found.is_err() {
        // SAFETY: `_exit` takes a number and does not return.
        unsafe { libc::_exit(101) };
    }
}

/// Checks that this process has no children, zombies included, or soon has none.
///
/// # Panics
///
/// If some are left.
#[track_caller]
pub fn assert_no_children_left() {
    let pid = std::process::id();
    let none = soon(LIMIT / 6, || children_of(pid).is_empty());
    assert!(none, "children are left: {:?}", children_of(pid));
}

fn assert_few_descriptors(before: &Before) {
    let few = soon(LIMIT / 6, || descriptors(before.pid).len() <= before.descriptors + KEPT);
    assert!(few, "descriptors are left: {:#?}", descriptors(before.pid));
}

fn assert_empty(home: &Path) {
    let left: Vec<PathBuf> = std::fs::read_dir(home)
        .expect("it was made before the tests")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    assert!(left.is_empty(), "temporary files are left: {left:?}");
}
