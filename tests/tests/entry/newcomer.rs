//! With nothing written, a process is started from wherever a program has code: `main`, tests of
//! all kinds, doctests, examples, benches, libraries of those who know nothing.

use std::fs;
use std::path::Path;

use procession_tests::not_tested;

use crate::family::{Ran, command, run, run_cargo};
use crate::outside::{cargo, cargo_itself, program};

/// Runs cargo on some of the crates outside, which must go well.
fn well(subcommand: &[&str], arguments: &[&str]) -> Ran {
    run_cargo(cargo(subcommand).args(arguments)).successfully()
}

/// Runs tests of the crates outside, all of which must pass, and says how many did.
fn passed(arguments: &[&str]) -> u32 {
    let ran = well(&["test"], arguments);
    let results = ran.stdout.lines().filter_map(|line| {
        let rest = line.strip_prefix("test result: ok. ")?;
        rest.split(' ').next()?.parse::<u32>().ok()
    });
    results.sum()
}

#[test]
fn the_program_of_the_readme_runs() {
    let ran = well(&["run"], &["--bin=newcomer"]);

    let (first, rest) = ran.stdout.split_once('\n').unwrap();
    assert!(first.starts_with("square runs as pid "), "{ran:#?}");
    assert_eq!(rest, "49\n64\n81\n");
}

#[test]
fn it_is_the_program_of_the_readme() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = tests.join("fixtures/entry-outside/newcomer/src/main.rs");
    let own = fs::read_to_string(own).unwrap();
    let (own, _) = own.split_once("\n#[test]").unwrap();
    let readme = fs::read_to_string(tests.join("../README.md")).unwrap();

    assert!(readme.contains(own), "README.md does not have:\n{own}");
}

#[test]
fn unit_tests_spawn() {
    assert_eq!(passed(&["--package=newcomer", "--lib", "--bins"]), 3);
}

#[test]
fn integration_tests_spawn() {
    assert_eq!(passed(&["--package=newcomer", "--test=integration"]), 4);
}

#[test]
fn tests_spawn_on_the_initial_thread() {
    let one = ["--package=newcomer", "--test=integration", "--", "--test-threads=1"];
    assert_eq!(passed(&one), 4);
}

#[test]
fn doctests_spawn() {
    assert_eq!(passed(&["--package=newcomer", "--doc"]), 5);
}

#[test]
fn examples_and_their_tests_spawn() {
    let ran = well(&["run"], &["--package=newcomer", "--example=example"]);
    assert_eq!(ran.stdout, "Point { x: -1, y: -2 }\n");
    assert_eq!(passed(&["--package=newcomer", "--examples"]), 1);
}

#[test]
fn benches_and_their_tests_spawn() {
    // In the profile that is there already: what a bench measures is not the point here.
    let ran = well(&["bench"], &["--profile=dev", "--package=newcomer", "--bench=own_harness"]);
    assert!(ran.stdout.contains("3 calls took "), "{ran:#?}");
    assert_eq!(passed(&["--package=newcomer", "--bench=libtest"]), 1);
}

#[test]
fn nextest_runs_them_all() {
    if !run(command(cargo_itself()).args(["nextest", "--version"])).status.success() {
        not_tested("there is no cargo-nextest on this machine");
        return;
    }
    let ran = well(&["nextest", "run"], &["--package=newcomer", "--package=unaware"]);

    // Unit tests, integration tests, the one that passes of those about output; those of who
    // knows nothing.
    let all = 3 + 4 + 1 + 2;
    assert!(ran.stderr.contains(&format!(" {all} tests run: {all} passed")), "{ran:#?}");
    // What nextest says where something keeps a test's output open after it has ended.
    assert!(!ran.stderr.to_lowercase().contains("leak"), "{ran:#?}");
}

#[test]
fn a_program_that_knows_nothing_runs() {
    assert_eq!(run(&mut program("unaware")).successfully().stdout, "6\n");
}

#[test]
fn tests_and_doctests_of_those_who_know_nothing_pass() {
    assert_eq!(passed(&["--package=unaware", "--package=library"]), 4);
}

#[test]
fn the_runtime_works_under_other_names() {
    let ran = run(&mut program("renamed")).successfully();
    assert_eq!(ran.stdout, "abab\nOk(2)\nfalse true\n");
    assert_eq!(passed(&["--package=renamed"]), 1);
}

#[test]
fn no_name_need_have_its_usual_meaning() {
    assert_eq!(run(&mut program("bare")).successfully().stdout, "set up\nabab\n");
}
