//! `kill_tree` reaches whoever descends from a worker, programs of others included.

use std::process::{Command, Stdio};
use std::time::Duration;

use procession::{ExitReason, process};
use procession_tests::{BOTH, LIMIT, Place, end_of, eventually, marked, soon};

#[process]
fn start_commands(depth: u32, own_group: bool) {
    let mut commands: Vec<_> = (0..2)
        .map(|_| {
            let mut command = Command::new("sh");
            command.args(["-c", "sleep 1000 & sleep 1000 & wait"]).stdin(Stdio::null());
            if own_group {
                std::os::unix::process::CommandExt::process_group(&mut command, 0);
            }
            command.spawn().unwrap()
        })
        .collect();
    let below = (depth > 1).then(|| start_commands::spawn(depth - 1, own_group).unwrap());
    for command in &mut commands {
        let _ = command.wait();
    }
    drop(below);
}

fn mark(run: &str) -> (String, String) {
    let value = format!("{run}-{}", std::process::id());
    (format!("PROCESSION_TESTS_MARK={value}"), value)
}

/// How many processes one worker of `start_commands` is: itself, two shells, four sleeps.
const EACH: usize = 7;

#[test]
fn the_whole_tree_is_killed_commands_of_other_programs_included() {
    let place = Place::new();
    for over in BOTH {
        for own_group in [false, true] {
            let (entry, value) = mark(&format!("tree {over:?} {own_group}"));
            let builder = over.builder::<start_commands>().env("PROCESSION_TESTS_MARK", value);
            let child = builder.env("TMPDIR", place.path()).spawn((3, own_group)).unwrap();
            eventually(LIMIT, || marked(&entry).len() == 3 * EACH);

            child.kill_tree().unwrap();

            assert_eq!(end_of(&child), ExitReason::Killed);
            let none = || marked(&entry).is_empty();
            assert!(soon(Duration::from_secs(2), none), "{over:?}: {:?}", marked(&entry));
        }
    }
}

#[test]
fn killing_a_tree_that_shares_our_group_spares_us() {
    let (entry, value) = mark("shared tree");
    let place = Place::new();
    let builder = start_commands::builder().env("PROCESSION_TESTS_MARK", value);
    let child = builder.env("TMPDIR", place.path()).share_group(true).spawn((2, false)).unwrap();
    eventually(LIMIT, || marked(&entry).len() == 2 * EACH);

    child.kill_tree().unwrap();

    assert_eq!(end_of(&child), ExitReason::Killed);
    eventually(Duration::from_secs(2), || marked(&entry).is_empty());
}

#[process]
fn multiply(_unused: ()) {
    // Each turn a new process, which starts the next one and ends: a moving target.
    let script = "f() { sh -c \"$0\" \"$0\" & sleep 0.01; }; f";
    let run = || {
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh -c 'sleep 0.01' & sleep 0.02"]).stdin(Stdio::null());
        shell.status().unwrap();
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    run();
                }
            });
        }
    });
}

#[test]
fn a_tree_that_grows_while_it_is_killed_is_killed() {
    for round in 0..10 {
        let (entry, value) = mark(&format!("growing {round}"));
        let builder = multiply::builder().env("PROCESSION_TESTS_MARK", value);
        let child = builder.spawn(()).unwrap();
        eventually(LIMIT, || marked(&entry).len() > 5);

        child.kill_tree().unwrap();

        assert_eq!(end_of(&child), ExitReason::Killed);
        let none = || marked(&entry).is_empty();
        assert!(soon(Duration::from_secs(2), none), "{:?}", marked(&entry));
    }
}

#[test]
fn killing_the_tree_of_a_process_that_has_ended_is_nothing() {
    let child = start_nothing::spawn(4).unwrap();
    assert_eq!(end_of(&child), ExitReason::Finished);
    child.kill_tree().unwrap();
    assert_eq!(child.join().unwrap(), 4);
}

#[process]
fn start_nothing(n: u32) -> u32 {
    n
}
