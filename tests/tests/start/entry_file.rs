//! The program's file may be replaced or removed while it runs, and another one may be named.

use std::path::{Path, PathBuf};
use std::process::Command;

use procession::{ExitReason, SpawnError, process};
use procession_tests::{alone, as_program, failure_of, succeeds};

#[process]
fn square(n: u64) -> u64 {
    n * n
}

#[process]
fn nested(n: u64) -> Result<u64, String> {
    square::call(n).map_err(|error| error.to_string())
}

/// Runs what a test prepared from a copy of the program, which it may spoil.
fn from_a_copy(program: &Command, name: &str) -> (Command, Copy) {
    let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
    // By another program: what a test beside this one starts meanwhile would have the file open for
    // writing for a moment, and nothing runs a file that is.
    runs(Command::new("cp").arg(program.get_program()).arg(&path));
    let mut command = Command::new(&path);
    command.args(program.get_args());
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap());
    }
    (command, Copy(path))
}

fn runs(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

struct Copy(PathBuf);

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_program_whose_file_is_replaced_and_removed_goes_on_as_it_was() {
    let program = as_program(|| {
        let file = std::env::current_exe().unwrap();
        assert_eq!(square::call(3).unwrap(), 9);

        // As an upgrade does it: another file takes the name.
        let newer = file.with_extension("newer");
        std::fs::copy("/bin/true", &newer).unwrap();
        std::fs::rename(&newer, &file).unwrap();
        assert_eq!(square::call(4).unwrap(), 16);
        assert_eq!(nested::call(5).unwrap(), Ok(25));

        std::fs::remove_file(&file).unwrap();
        assert_eq!(square::call(6).unwrap(), 36);
        assert_eq!(nested::call(7).unwrap(), Ok(49));
    });
    let (command, _copy) = from_a_copy(&program, "replaced");

    succeeds(command);
}

#[test]
fn a_program_whose_file_is_removed_before_its_first_start_starts_processes() {
    let program = as_program(|| {
        std::fs::remove_file(std::env::current_exe().unwrap()).unwrap();

        assert_eq!(nested::call(5).unwrap(), Ok(25));
    });
    let (command, _copy) = from_a_copy(&program, "removed");

    succeeds(command);
}

#[test]
fn workers_may_run_a_copy_of_the_program() {
    let mut program = as_program(|| {
        procession::worker_exe(std::env::var_os("COPY").unwrap());
        assert_eq!(nested::call(5).unwrap(), Ok(25));
    });
    let (_, copy) = from_a_copy(&program, "copy");
    program.env("COPY", &copy.0);

    succeeds(program);
}

#[test]
fn workers_that_would_run_another_program_fail_to_start() {
    alone!({
        procession::worker_exe("/bin/true");
        let error = failure_of(square::spawn(3).unwrap());
        assert!(matches!(error.reason(), ExitReason::StartFailed(_)), "{error}");

        procession::worker_exe("/nowhere/at/all");
        match square::spawn(3).unwrap_err() {
            SpawnError::Execute { program, .. } => {
                assert_eq!(program, Path::new("/nowhere/at/all"));
            }
            other => panic!("{other}"),
        }
    });
}

/// The file that is named was compared with itself, so that every build was the right one.
#[test]
fn workers_of_another_build_fail_to_start() {
    let mut program = as_program(|| {
        procession::worker_exe(std::env::var_os("COPY").unwrap());
        let error = failure_of(square::spawn(3).unwrap());
        assert!(matches!(error.reason(), ExitReason::StartFailed(_)), "{error}");
    });
    let (_, copy) = from_a_copy(&program, "changed");
    // Another file, although it does the same.
    runs(Command::new("sh").args(["-c", "echo changed >> \"$0\""]).arg(&copy.0));
    program.env("COPY", &copy.0);

    succeeds(program);
}
