//! What a process prints is captured with the output of the test that started it.

use crate::family::{Ran, run_cargo};
use crate::outside::cargo;

fn tests(arguments: &[&str]) -> Ran {
    let target = ["--package=newcomer", "--test=output", "--"];
    run_cargo(cargo(&["test"]).args(target).args(arguments))
}

#[test]
fn a_test_that_passes_shows_nothing_of_its_children() {
    let ran = tests(&[]).successfully();

    assert!(ran.stdout.contains("test passes ... ok"), "{ran:#?}");
    assert!(!ran.stdout.contains("the child of"), "{ran:#?}");
    assert!(!ran.stderr.contains("the child of"), "{ran:#?}");
}

#[test]
fn a_test_that_fails_shows_its_own_children() {
    let ran = tests(&["--include-ignored"]);

    assert!(!ran.status.success());
    let (_, section) = ran.stdout.split_once("---- fails stdout ----").expect("it fails");
    let (section, _) = section.split_once("\nfailures:\n").expect("its section ends");
    for line in [
        "\nthe child of a test that fails, on stdout\n",
        "\nthe child of a test that fails, on stderr\n",
        "on purpose\n",
    ] {
        assert_eq!(section.matches(line).count(), 1, "{line:?} in {ran:#?}");
    }
    assert!(!section.contains("a test that passes"), "{ran:#?}");
    assert_eq!(ran.stdout.matches("the child of").count(), 2, "{ran:#?}");
    assert!(!ran.stderr.contains("the child of"), "{ran:#?}");
}

#[test]
fn a_test_that_fails_on_the_initial_thread_shows_its_children() {
    let ran = tests(&["--ignored", "--test-threads=1"]);

    let (_, section) = ran.stdout.split_once("---- fails stdout ----").expect("it fails");
    assert_eq!(section.matches("the child of a test that fails").count(), 2, "{ran:#?}");
    assert_eq!(ran.stdout.matches("the child of").count(), 2, "{ran:#?}");
}

#[test]
fn without_capture_everything_is_shown_where_it_was_written() {
    let ran = tests(&["--nocapture"]).successfully();

    assert!(ran.stdout.contains("the child of a test that passes, on stdout\n"), "{ran:#?}");
    assert!(ran.stderr.contains("the child of a test that passes, on stderr\n"), "{ran:#?}");
}
