//! The temporary directory may be anything, and the working directory too: a start works or says
//! which directory is at fault.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use procession::{SpawnError, process};
use procession_tests::{Place, again, alone, as_program, succeeds};

#[process]
fn place() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

/// Makes `TMPDIR` what is asked for, in a program that is this test's own.
fn set_temporary_directory(path: impl AsRef<OsStr>) {
    // SAFETY: the program runs this test alone, and nothing else reads the environment meanwhile.
    unsafe { std::env::set_var("TMPDIR", path) };
}

fn assert_says_temporary_directory(asked: &Path) {
    for _ in 0..2 {
        let error = place::spawn().unwrap_err();
        match &error {
            SpawnError::TemporaryDirectory { path, .. } => assert_eq!(path, asked),
            other => panic!("{other:?}"),
        }
        assert!(error.to_string().contains("`place`"), "{error}");
        assert!(error.to_string().contains(&*asked.to_string_lossy()), "{error}");
    }
}

#[test]
fn a_missing_temporary_directory_is_named() {
    alone!({
        set_temporary_directory("/nowhere/at/all");
        assert_says_temporary_directory(Path::new("/nowhere/at/all"));
    });
}

#[test]
fn a_temporary_directory_that_is_a_file_is_named() {
    alone!({
        let file = std::env::current_exe().unwrap();
        set_temporary_directory(&file);
        assert_says_temporary_directory(&file);
    });
}

#[test]
fn a_temporary_directory_that_cannot_be_written_is_named() {
    alone!({
        // Nobody makes files there, not even root.
        set_temporary_directory("/proc/self");
        assert_says_temporary_directory(Path::new("/proc/self"));
    });
}

#[test]
fn a_temporary_directory_with_a_long_path_is_named_or_used() {
    alone!({
        let own = Place::new();
        for length in [60, 84, 85, 86, 90, 100, 107, 108, 200] {
            let mut path = own.path().to_owned();
            while path.as_os_str().len() < length {
                let missing = length - path.as_os_str().len() - 1;
                path.push("d".repeat(missing.clamp(1, 100)));
            }
            std::fs::create_dir_all(&path).unwrap();
            set_temporary_directory(&path);

            match place::call() {
                Ok(_) => {}
                Err(procession::Error::Spawn(SpawnError::TemporaryDirectory { .. })) => {
                    assert!(length > 85, "{length} bytes are not too long");
                    assert_says_temporary_directory(&path);
                }
                Err(other) => panic!("{length}: {other:?}"),
            }
            assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0, "{length}");
        }
        assert_eq!(files_below(own.path()), 0);
    });
}

#[test]
fn a_relative_temporary_directory_is_used() {
    alone!({
        let own = Place::new();
        std::env::set_current_dir(own.path()).unwrap();
        std::fs::create_dir("here").unwrap();
        set_temporary_directory("here");

        assert_eq!(place::call().unwrap(), std::env::current_dir().unwrap());
        // What is kept ready for the next start is made in it as well.
        assert_eq!(place::call().unwrap(), std::env::current_dir().unwrap());
        assert_eq!(files_below(own.path()), 0);
    });
}

/// ipc-channel makes it absolute, and then its path was too long and silently cut.
#[test]
fn a_relative_temporary_directory_in_a_deep_place_is_named_or_used() {
    alone!({
        let own = Place::new();
        for length in [90, 95, 100, 105, 110, 150] {
            let mut deep = own.path().to_owned();
            deep.push("d".repeat(length - deep.as_os_str().len() - 6));
            std::fs::create_dir_all(deep.join("here")).unwrap();
            std::env::set_current_dir(&deep).unwrap();
            set_temporary_directory("here");

            match place::call() {
                Ok(at) => assert_eq!(at, deep),
                Err(procession::Error::Spawn(SpawnError::TemporaryDirectory { .. })) => {}
                Err(other) => panic!("{length}: {other:?}"),
            }
        }
        assert_eq!(files_below(own.path()), 0, "{:?}", walk(own.path()));
    });
}

#[test]
fn a_temporary_directory_that_is_not_utf8_is_named() {
    alone!({
        let own = Place::new();
        let path = own.path().join(OsStr::from_bytes(b"\xff\xfe"));
        std::fs::create_dir(&path).unwrap();
        set_temporary_directory(&path);

        assert_says_temporary_directory(&path);
    });
}

#[test]
fn a_start_works_again_once_the_temporary_directory_does() {
    alone!({
        let right = std::env::temp_dir();
        set_temporary_directory("/nowhere");
        assert!(place::spawn().is_err());
        set_temporary_directory(right);

        place::call().unwrap();
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

/// The place for the next child's hello is made while the program goes on, and may just end.
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
