//! The handle and the keeper's thread.

#![cfg(test)]

use std::sync::Barrier;
use std::time::{Duration, Instant};

use super::fake::World;
use crate::outcome::ExitReason;
use crate::supervise::{ChildState, Supervisor, SupervisorBuilder, SupervisorEnd};
use crate::{Error, SuperviseError};

const SOON: Duration = Duration::from_secs(10);

fn supervisor(world: &World, ids: &[&str]) -> SupervisorBuilder {
    let builder = Supervisor::builder().name("tree").grace(Duration::from_millis(50));
    let backoff = Duration::from_millis(1)..Duration::from_millis(4);
    ids.iter().fold(builder.backoff(backoff), |builder, id| builder.child(world.spec(id)))
}

/// Waits until something is so.
fn eventually(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never was");
        std::thread::yield_now();
    }
}

#[test]
fn children_start_in_order_and_stop_in_reverse() {
    let world = World::default();
    let tree = supervisor(&world, &["a", "b"]).start().unwrap();
    assert_eq!(world.log(), ["a starts", "b starts"]);
    assert_eq!(tree.wait_timeout(Duration::ZERO), None);

    assert_eq!(tree.stop(SOON), SupervisorEnd::Stopped);

    let expected = ["b asked", "b given up: it finished", "a asked", "a given up: it finished"];
    assert_eq!(world.log(), expected);
    assert_eq!(tree.wait(), SupervisorEnd::Stopped);
    assert_eq!(tree.status().end, Some(SupervisorEnd::Stopped));
}

#[test]
fn dropping_it_stops_it_within_twice_the_grace() {
    let world = World::default();
    world.harden("a");
    world.harden("b");
    let tree = supervisor(&world, &["a", "b"]).start().unwrap();
    world.log();

    drop(tree);

    let log = world.log();
    let killed: Vec<_> = log.iter().filter(|line| line.ends_with("killed")).collect();
    assert_eq!(killed, ["b killed", "a killed"]);
}

#[test]
fn when_a_child_cannot_start_those_before_it_are_stopped_and_the_error_names_it() {
    let world = World::default();
    world.fail("c", 1);

    let error = supervisor(&world, &["a", "b", "c", "d"]).start().unwrap_err();

    assert!(matches!(&error, SuperviseError::Start { child, .. } if child == "c"), "{error:?}");
    assert_eq!(error.to_string(), "supervisor `tree` could not start its child `c`");
    let log = world.log();
    assert_eq!(log[..3], ["a starts", "b starts", "c fails"]);
    let asked: Vec<_> = log.iter().filter(|line| line.ends_with("asked")).collect();
    assert_eq!(asked, ["b asked", "a asked"]);
    assert!(!log.iter().any(|line| line.starts_with('d')), "{log:?}");
    assert!(matches!(Error::from(error), Error::Supervise(_)));
}

#[test]
fn two_children_of_one_id_are_an_error() {
    let world = World::default();
    let error = supervisor(&world, &["a", "b", "a"]).start().unwrap_err();
    assert!(matches!(&error, SuperviseError::DuplicateId { child, .. } if child == "a"));
    assert!(world.log().is_empty());

    let tree = supervisor(&world, &["a"]).start().unwrap();
    let error = tree.start_child(world.spec("a")).unwrap_err();
    assert_eq!(error.to_string(), "supervisor `tree` has a child `a` already");
}

#[test]
fn an_address_is_typed_and_one_that_is_not_there_says_so() {
    let world = World::default();
    let tree = supervisor(&world, &["a"]).start().unwrap();

    assert!(tree.address::<u32>("a").is_ok());

    let error = tree.address::<String>("a").unwrap_err();
    let expected = "child `a` of supervisor `tree` takes messages of type `u32`, \
                    not `alloc::string::String`";
    assert_eq!(error.to_string(), expected);
    let error = tree.address::<u32>("b").unwrap_err();
    assert!(matches!(error, SuperviseError::NoSuchChild { .. }), "{error:?}");
}

#[test]
fn children_come_and_go_while_it_runs() {
    let world = World::default();
    let tree = supervisor(&world, &[]).start().unwrap();
    tree.start_child(world.spec("a")).unwrap();
    world.fail("b", 1);
    let error = tree.start_child(world.spec("b")).unwrap_err();
    assert!(matches!(error, SuperviseError::Start { .. }), "{error:?}");
    tree.start_child(world.spec("b")).unwrap();

    assert_eq!(tree.stop_child("a", SOON).unwrap(), ExitReason::Finished);

    let status = tree.status();
    assert_eq!(status.children.len(), 1);
    assert_eq!(status.child("b").unwrap().state, ChildState::Running);
}

#[test]
fn giving_up_wakes_everyone_who_waits_and_stays_visible() {
    let world = World::default();
    let tree = supervisor(&world, &["a", "b"]).intensity(2, SOON).start().unwrap();
    let begun = Barrier::new(4);
    let end = std::thread::scope(|scope| {
        let wait = || {
            begun.wait();
            tree.wait()
        };
        let waiting = [scope.spawn(wait), scope.spawn(wait), scope.spawn(wait)];
        begun.wait();
        for _ in 0..3 {
            eventually(|| world.end("a", ExitReason::Exited(3)));
        }
        let ends = waiting.map(|waiting| waiting.join().unwrap());
        assert!(ends.iter().all(|end| *end == ends[0]));
        ends[0].clone()
    });

    assert_eq!(
        end.to_string(),
        "it gave up child `a` after 2 restarts: it exited with code 3 and no value"
    );
    assert_eq!(tree.stop(SOON), end);
    assert_eq!(tree.status().end, Some(end));
    assert_eq!(tree.status().child("b").unwrap().state, ChildState::Ended(ExitReason::Finished));
    let errors = [
        tree.address::<u32>("b").map(drop),
        tree.start_child(world.spec("c")),
        tree.stop_child("b", SOON).map(drop),
    ];
    for error in errors {
        assert!(matches!(error, Err(SuperviseError::Ended { .. })), "{error:?}");
    }
}

#[test]
fn a_mistake_of_ours_is_an_end_and_no_wait_for_ever() {
    let world = World::default();
    let tree = supervisor(&world, &["a", "b"]).start().unwrap();
    world.panic();

    world.end("a", ExitReason::Killed);

    assert!(matches!(tree.wait(), SupervisorEnd::Lost(_)));
    assert!(!world.is_running("b"));
    assert!(matches!(tree.stop_child("a", SOON), Err(SuperviseError::Ended { .. })));
}

#[test]
fn it_can_be_shared_and_sent_and_debug_shows_the_children() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let world = World::default();
    let tree = supervisor(&world, &["a"]).start().unwrap();

    is_shared(&tree);
    assert!(format!("{tree:?}").contains("Running"), "{tree:?}");
}
