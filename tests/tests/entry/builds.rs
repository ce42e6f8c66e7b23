//! However a program is built, its workers are the same.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use procession_tests::not_tested;

use crate::family::{command, run, run_cargo};
use crate::outside::{Scratch, build, cargo, program, standard_library};

/// What `tour` prints.
const TOUR: &str = r#"value: 49
value of a value: 49
before: 1 early, 1 late, 1 set-up
std: (1, Some("yes"), true)
write to nobody: BrokenPipe
print: "no end of line"
panic: on purpose
overflow: SIGSEGV
overflow: thread 'main' of process `overflow` has overflowed its stack
"#;

/// The processes of a tour that end by themselves, itself included.
const ENDING: usize = 9;

fn tour(program: &Path) {
    let mut command = command(program);
    command.env("LD_LIBRARY_PATH", standard_library());

    assert_eq!(run(&mut command).successfully().stdout, TOUR);
}

/// Whether builds that take long are to be tried. Says so if they are not.
fn all_builds() -> bool {
    let all = env::var_os("PROCESSION_TEST_BUILDS").is_some_and(|builds| builds == "all");
    if !all {
        not_tested("building it takes long; PROCESSION_TEST_BUILDS=all does");
    }
    all
}

fn tour_with(flags: &[&str], name: &str) -> PathBuf {
    let bin = format!("--bin={name}");
    let target = ["--package=cases", "--features=builds", &bin];
    build(&target, flags, &format!("debug/{name}"))
        .unwrap_or_else(|ran| panic!("{flags:?}: {ran:#?}"))
}

#[test]
fn a_plain_build() {
    let ran = run(program("tour").arg("order")).successfully();

    // Otherwise nothing is said here of constructors that come after the runtime's.
    assert_eq!(ran.said("late is last"), "true");
    assert_eq!(ran.stdout.replace("late is last: true\n", ""), TOUR);
}

/// Runs an instrumented program: all its processes that end by themselves leave a profile.
fn leaves_profiles(program: &Path) {
    let scratch = Scratch::new();
    let mut command = command(program);
    command.env("LLVM_PROFILE_FILE", scratch.path().join("%p.profraw"));

    assert_eq!(run(&mut command).successfully().stdout, TOUR);
    let profiles = fs::read_dir(scratch.path()).unwrap();
    let sizes: Vec<_> = profiles.map(|one| one.unwrap().metadata().unwrap().len()).collect();
    assert_eq!(sizes.len(), ENDING, "{sizes:?}");
    assert!(sizes.iter().all(|&size| size > 0), "{sizes:?}");
}

#[test]
fn an_instrumented_program_has_a_profile_of_each_worker() {
    leaves_profiles(&tour_with(&["-Cinstrument-coverage"], "tour_covered"));
}

#[test]
fn with_everything_instrumented_there_is_a_profile_of_each_worker() {
    if !all_builds() {
        return;
    }
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("entry/instrumented");
    let mut cargo = cargo(&["build"]);
    cargo.args(["--package=cases", "--bin=tour"]);
    cargo.env("CARGO_TARGET_DIR", &place).env("RUSTFLAGS", "-Cinstrument-coverage");
    // What the build itself would leave, were it not told where.
    cargo.env("LLVM_PROFILE_FILE", "/dev/null");
    run_cargo(&mut cargo).successfully();

    leaves_profiles(&place.join("debug/tour"));
}

#[test]
fn with_the_shared_standard_library() {
    tour(&tour_with(&["-Cprefer-dynamic"], "tour_dynamic"));
}

#[test]
fn with_everything_in_the_program() {
    if !cfg!(target_env = "gnu") {
        not_tested("this is how programs are built for this target anyway");
        return;
    }
    tour(&tour_with(&["-Ctarget-feature=+crt-static"], "tour_static"));
}

#[test]
fn with_all_that_is_done_to_releases() {
    if all_builds() {
        let target = ["--package=cases", "--bin=tour", "--profile=hard"];
        tour(&build(&target, &[], "hard/tour").unwrap());
    }
}
