//! Where a worker begins: before `main`, or in `init` if its parent has called that; and what is
//! set up in it before its body.

use crate::family::{Ran, run, run_cargo};
use crate::outside::{cargo, program};

/// What a worker goes through that begins in `init`.
const BEFORE_INIT: &str = r#"["begin", "read 0"]"#;

fn init() -> Ran {
    run(&mut program("init")).successfully()
}

#[test]
fn after_init_a_worker_begins_in_init() {
    let ran = init();

    assert_eq!(ran.said("program"), r#"["begin", "read 0", "go on"]"#);
    assert_eq!(ran.said("worker"), BEFORE_INIT);
    assert_eq!(ran.said("worker of a worker"), BEFORE_INIT);
}

#[test]
fn before_init_a_worker_begins_before_main() {
    let ran = run(program("init").arg("early")).successfully();

    assert_eq!(ran.said("before init"), "[]");
    assert_eq!(ran.said("worker"), BEFORE_INIT);
}

#[test]
fn a_second_init_and_one_in_a_worker_change_nothing() {
    let ran = init();

    assert_eq!(ran.said("worker that calls it"), BEFORE_INIT);
    assert_eq!(ran.said("after a second init"), BEFORE_INIT);
}

#[test]
fn a_worker_that_begins_in_init_sees_no_variable() {
    assert_eq!(init().said("variable"), "None");
}

#[test]
fn a_stack_overflow_in_a_worker_that_begins_in_init_says_so() {
    let ran = init();

    assert!(ran.said("overflow").contains("has overflowed its stack"), "{ran:#?}");
}

#[test]
fn an_annotated_main_starts_nothing_in_a_worker() {
    let ran = run(&mut program("annotated")).successfully();

    assert_eq!(ran.said("program"), "true");
    assert_eq!(ran.said("worker"), "false");
    assert_eq!(ran.said("in main"), "true");
}

#[test]
fn unit_tests_beside_an_annotated_main_spawn() {
    let ran = run_cargo(cargo(&["test"]).args(["--package=cases", "--bin=annotated"]));

    assert!(ran.successfully().stdout.contains("test result: ok. 2 passed"));
}

#[test]
fn an_annotated_main_may_be_a_test_harness() {
    let mut cargo = cargo(&["test"]);
    let ran = run_cargo(cargo.args(["--package=cases", "--test=annotated_harness"]));

    assert_eq!(ran.successfully().stdout, "its own harness is content\n");
}

/// Workers used to run the whole test program once more, each with all its tests.
#[test]
fn an_annotated_main_can_be_called_by_a_test() {
    let mut cargo = cargo(&["test"]);
    let ran =
        run_cargo(cargo.args(["--package=cases", "--bin=annotated", "--", "--include-ignored"]))
            .successfully();

    assert!(ran.stdout.contains("test result: ok. 3 passed"), "{ran:#?}");
    assert_eq!(ran.stdout.matches("running 3 tests").count(), 1, "{ran:#?}");
}

#[test]
fn each_set_up_runs_once_in_each_worker_before_its_body() {
    let ran = run(&mut program("setup")).successfully();

    assert_eq!(ran.said("program"), "([], 0)");
    assert_eq!(ran.said("worker"), r#"(["one", "two"], 1)"#);
    assert_eq!(ran.said("another"), r#"(["one", "two"], 1)"#);
}

#[test]
fn what_a_set_up_does_is_what_the_worker_did() {
    let ran = run(&mut program("setup")).successfully();

    assert!(ran.stdout.contains("the set-up prints\n"), "{ran:#?}");
    assert_eq!(ran.said("print"), "it finished");
    let panicked = ran.said("panic");
    assert!(panicked.starts_with("it panicked at "), "{panicked}");
    assert!(panicked.ends_with(": the set-up failed on purpose"), "{panicked}");
    assert_eq!(ran.said("exit"), "it exited with code 3 and no value");
}

#[test]
fn a_hook_that_a_set_up_installs_does_not_hide_a_panic() {
    let ran = run(&mut program("setup")).successfully();

    let said: Vec<_> = ran.stdout.lines().filter(|line| line.starts_with("hook: ")).collect();
    assert_eq!(said.len(), 2, "{ran:#?}");
    assert!(said[0].ends_with(": the function failed on purpose"), "{ran:#?}");
    assert_eq!(said[1], r#"hook: "the program's own hook\n""#);
}
