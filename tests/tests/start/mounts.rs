//! File systems that are full, read-only or not there: a start is a typed error or works.
//!
//! Only root can mount, and only for itself: elsewhere these tests say that they did not run.

use std::ffi::CString;
use std::path::Path;

use procession::process;
use procession_tests::{Place, Running, alone, as_program, not_tested};

#[process]
fn square(n: u64) -> u64 {
    n * n
}

fn is_root() -> bool {
    // SAFETY: the call only asks.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        not_tested("only root can mount");
    }
    root
}

fn mount(kind: Option<&str>, at: &Path, flags: libc::c_ulong, options: &str) -> bool {
    let text = |text: &str| CString::new(text).unwrap();
    let (kind, at) = (kind.map(text), text(at.to_str().unwrap()));
    let options = text(options);
    let kind = kind.as_ref().map_or(std::ptr::null(), |kind| kind.as_ptr());
    // SAFETY: all pointers are to texts that live until the call returns.
    let mounted = unsafe { libc::mount(kind, at.as_ptr(), kind, flags, options.as_ptr().cast()) };
    mounted == 0
}

/// A view of the file system that is this program's own; whether the system allows that.
fn own_view() -> bool {
    // SAFETY: the call touches no memory.
    let own = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0;
    let private = libc::MS_REC | libc::MS_PRIVATE;
    let own = own && mount(None, Path::new("/"), private, "");
    if !own {
        not_tested("this system does not let root mount");
    }
    own
}

/// Mounts a directory for temporary files and starts something.
fn starts_within(options: &str, flags: libc::c_ulong) {
    let place = Place::new();
    assert!(mount(Some("tmpfs"), place.path(), 0, options));
    if flags != 0 {
        assert!(mount(None, place.path(), libc::MS_REMOUNT | flags, options));
    }
    let before = std::env::temp_dir();
    // SAFETY: the program runs this test alone, and nothing else reads the environment meanwhile.
    unsafe { std::env::set_var("TMPDIR", place.path()) };
    let results = [3, 4].map(square::call);
    // SAFETY: as above.
    unsafe { std::env::set_var("TMPDIR", before) };
    let target = CString::new(place.path().to_str().unwrap()).unwrap();
    // SAFETY: the pointer is to a text.
    unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
    assert_eq!(results.map(|result| result.map_err(|error| error.to_string())), [Ok(9), Ok(16)]);
}

#[test]
fn a_temporary_directory_that_is_full_or_read_only_harms_no_start() {
    if is_root() {
        alone!({
            if own_view() {
                starts_within("nr_inodes=1", 0);
                starts_within("size=64k", libc::MS_RDONLY);
                starts_within("size=64k", libc::MS_NOEXEC | libc::MS_NOSUID);
            }
        });
    }
}

/// The program's own file is reached through `/proc`.
#[test]
fn a_program_that_does_not_see_its_processes_is_told_so() {
    if !is_root() {
        return;
    }
    let program = as_program(|| {
        let place = Place::new();
        std::os::unix::fs::chroot(place.path()).unwrap();
        std::env::set_current_dir("/").unwrap();
        std::fs::create_dir("/tmp").unwrap();
        // SAFETY: nothing else reads the environment meanwhile.
        unsafe { std::env::set_var("TMPDIR", "/tmp") };
        for over in procession_tests::BOTH {
            let error = over.builder::<square>().spawn(3).unwrap_err();
            println!("error={error}");
        }
        // SAFETY: the call takes a number and does not return. There is nothing here to check.
        unsafe { libc::_exit(0) };
    });
    let place = Place::new();
    let mut program = program;
    program.env("TMPDIR", place.path());
    let mut program = Running::start(program);
    for _ in 0..2 {
        let error = program.hear("error=");
        assert!(error.contains("`square` was not started"), "{error}");
    }
    assert!(program.end().success());
}
