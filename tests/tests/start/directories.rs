//! The temporary directory may be anything: a start needs none. The working directory may be anything
//! too: a start works or says that it is at fault.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use procession::process;
use procession_tests::{BOTH, Place, again, alone, as_program, succeeds, value_of};

#[process]
fn place() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

/// Makes `TMPDIR` what is asked for, in a program that is this test's own.
fn set_temporary_directory(path: impl AsRef<OsStr>) {
    // SAFETY: the program runs this test alone, and nothing else reads the environment meanwhile.
    unsafe { std::env::set_var("TMPDIR", path) };
}

fn assert_starts() {
    let here = std::env::current_dir().unwrap();
    for over in BOTH {
        // The second start has what was laid ready after the first.
        for _ in 0..2 {
            assert_eq!(value_of(over.builder::<place>().spawn(()).unwrap()).unwrap(), here);
        }
    }
}

#[test]
fn a_missing_temporary_directory_harms_no_start() {
    alone!({
        set_temporary_directory("/nowhere/at/all");
        assert_starts();
    });
}

#[test]
fn a_temporary_directory_that_is_a_file_harms_no_start() {
    alone!({
        set_temporary_directory(std::env::current_exe().unwrap());
        assert_starts();
    });
}

#[test]
fn a_temporary_directory_that_cannot_be_written_harms_no_start() {
    alone!({
        // Nobody makes files there, not even root.
        set_temporary_directory("/proc/self");
        assert_starts();
    });
}

#[test]
fn a_temporary_directory_with_a_long_path_harms_no_start() {
    alone!({
        let own = Place::new();
        for length in [85, 86, 107, 108, 200] {
            let mut path = own.path().to_owned();
            while path.as_os_str().len() < length {
                let missing = length - path.as_os_str().len() - 1;
                path.push("d".repeat(missing.clamp(1, 100)));
            }
            std::fs::create_dir_all(&path).unwrap();
            set_temporary_directory(&path);

            assert_starts();
            assert_eq!(files_below(own.path()), 0, "{length}");
        }
    });
}

#[test]
fn a_temporary_directory_that_is_not_utf8_harms_no_start() {
    alone!({
        set_temporary_directory(OsStr::from_bytes(b"\xff\xfe"));
        assert_starts();
    });
}

#[test]
fn a_working_directory_that_is_missing_is_named() {
    let error = place::builder().current_dir("/nowhere/at/all").spawn(()).unwrap_err();

    let source = std::error::Error::source(&error).map(ToString::to_string);
    let text = format!("{error}: {}", source.unwrap_or_default());
    assert!(text.contains("/nowhere/at/all"), "{text}");
}

#[test]
fn a_working_directory_that_was_removed_under_the_program_harms_no_start() {
    alone!({
        let own = Place::new();
        std::env::set_current_dir(own.path()).unwrap();
        std::fs::remove_dir(own.path()).unwrap();

        place::call().unwrap();
    });
}

/// What the next start needs is made while the program goes on, and may just end.
#[test]
fn programs_that_end_right_after_a_start_leave_no_file() {
    let mut program = as_program(|| {
        place::call().unwrap();
    });
    let own = Place::new();
    program.env("TMPDIR", own.path());
    for _ in 0..30 {
        succeeds(again(&program));
    }
    let left: Vec<_> = std::fs::read_dir(own.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A handler at exit that was registered before the runtime's own runs after it.
#[test]
fn a_start_while_the_program_exits_does_not_hang() {
    alone!({
        extern "C" fn at_exit() {
            // Whether it still works is not promised, but an end is.
            let hung = place::spawn()
                .is_ok_and(|child| child.wait_timeout(procession_tests::LIMIT / 6).is_none());
            if hung {
                // SAFETY: the call takes a number and does not return.
                unsafe { libc::_exit(1) };
            }
        }
        // SAFETY: the function does not unwind.
        unsafe { libc::atexit(at_exit) };
        place::call().unwrap();
    });
}

fn walk(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// How many files, sockets included, are below a directory.
fn files_below(root: &Path) -> usize {
    walk(root).len()
}
