//! The variable that makes a process a worker: meant for one process, seen by nobody else.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use procession::process;

use crate::family::{Ran, run};
use crate::outside::program;

/// The variable that this process was executed with.
#[process]
fn original() -> String {
    let environment = std::fs::read_to_string("/proc/self/environ").unwrap();
    let mut variables = environment.split('\0');
    variables.find_map(|one| one.strip_prefix("PROCESSION_WORKER=")).unwrap().to_owned()
}

/// The variable of a child of this process that is to begin in `init`, or before `main`.
pub(crate) fn of_a_worker(in_init: bool) -> String {
    let original = original::call().unwrap();
    let own = format!("3:{:x}:", std::process::id());
    let (ours, rest) = original.split_at(own.len() + 2);
    // Otherwise all the variables that are made here from it are rubbish of no kind in particular.
    assert_eq!(ours, format!("{own}0:"));
    format!("{own}{}:{rest}", u8::from(in_init))
}

const SEEN_BY_NOBODY: &str = "(false, false)";

#[test]
fn neither_a_worker_nor_a_command_of_it_sees_the_variable() {
    let ran = run(program("variable").arg("plain")).successfully();

    assert_eq!(ran.said("program"), SEEN_BY_NOBODY);
    assert_eq!(ran.said("worker"), SEEN_BY_NOBODY);
}

#[test]
fn what_the_user_does_to_the_environment_leaves_it_alone() {
    let ran = run(program("variable").arg("plain")).successfully();

    assert_eq!(ran.said("worker told otherwise"), SEEN_BY_NOBODY);
    assert_eq!(ran.said("worker with nothing"), SEEN_BY_NOBODY);
}

#[test]
fn a_program_that_a_worker_starts_or_becomes_is_no_worker() {
    let ran = run(&mut program("variable")).successfully();

    let (_, started) = ran.stdout.split_once("a command:\n").expect("it starts one");
    let (started, became) = started.split_once("in its place:\n").expect("it becomes one");
    let alone = run(program("variable").arg("plain")).successfully().stdout;
    assert_eq!(started, alone);
    assert_eq!(became, alone + "ended: it exited with code 0 and no value\n");
}

/// Runs the program with a variable that is not meant for it: it must go on as if there were none.
fn ignores(value: impl AsRef<OsStr>) -> Ran {
    let value = value.as_ref();
    let ran = run(program("variable").arg("plain").env("PROCESSION_WORKER", value));
    for who in ["program", "worker", "worker told otherwise", "worker with nothing"] {
        assert_eq!(ran.said(who), SEEN_BY_NOBODY, "{value:?}");
    }
    ran.successfully()
}

#[test]
fn a_variable_with_another_parent_is_removed_and_ignored() {
    let own = std::process::id();
    for parent in [0, 1, own - 1, u32::MAX] {
        for in_init in [false, true] {
            let variable = of_a_worker(in_init);
            let variable = variable.replacen(&format!("{own:x}"), &format!("{parent:x}"), 1);
            // With a pipe where the greeting should be it would be a worker whose parent has died.
            let mut fields: Vec<&str> = variable.split(':').collect();
            fields[8] = "270f";
            ignores(fields.join(":"));
        }
    }
}

#[test]
fn a_variable_of_another_version_is_removed_and_ignored() {
    ignores(of_a_worker(false).replacen("3:", "2:", 1));
}

#[test]
fn a_variable_that_is_rubbish_is_removed_and_ignored() {
    let variable = of_a_worker(false);
    let (cut, _) = variable.rsplit_once(':').unwrap();
    let long = "x".repeat(100_000);
    for value in ["", "1", "worker", "3:2:3", ":::::::", cut, &long] {
        ignores(value);
    }
}

#[test]
fn a_variable_that_is_not_text_is_removed_and_ignored() {
    ignores(OsString::from(OsStr::from_bytes(b"3:\xff\xfe")));
}
