//! Supervisors of real processes: who comes back, with what in the mailbox, and how all of it ends.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod retries;
mod room;
mod starts;
mod structs;
mod wild;

use std::time::{Duration, Instant};

use procession::{
    Address, ChildState, ExitReason, Mailbox, Reply, Restart, SuperviseError, Supervisor,
    SupervisorBuilder, SupervisorEnd, process,
};
use procession_tests::{
    LIMIT, alone, eventually, is_gone, settled_descriptors, threads_of, within,
};
use serde::{Deserialize, Serialize};

procession_tests::leaves_nothing_behind!();

#[derive(Serialize, Deserialize)]
enum Count {
    Add(i64),
    Get(Reply<i64>),
    Pid(Reply<u32>),
    Leave(i32),
    Abort,
    Hang,
}

#[process]
fn counter(start: i64, mailbox: Mailbox<Count>) {
    let mut total = start;
    for message in mailbox {
        match message {
            Count::Add(n) => total += n,
            Count::Get(reply) => reply.send(total),
            Count::Pid(reply) => reply.send(std::process::id()),
            Count::Leave(code) => procession::exit(code),
            Count::Abort => std::process::abort(),
            Count::Hang => loop {
                std::thread::park();
            },
        }
    }
}

#[process]
fn doomed(code: i32, _mailbox: Mailbox<()>) {
    procession::exit(code)
}

/// Ends when it is asked to, but only after this time.
#[process]
fn slow(time: Duration, _mailbox: Mailbox<()>) {
    procession::stopping().wait();
    std::thread::sleep(time);
}

fn quick() -> SupervisorBuilder {
    let backoff = Duration::from_millis(1)..Duration::from_millis(20);
    Supervisor::builder().intensity(1_000, Duration::from_secs(60)).backoff(backoff)
}

fn pid(tree: &Supervisor, id: &str) -> Option<u32> {
    tree.status().child(id).and_then(|child| child.pid)
}

#[test]
fn an_address_stays_valid_and_what_waits_is_handled_after_the_crash() {
    let tree = quick().child(counter::spec(10).id("hits")).start().unwrap();
    let hits: Address<Count> = tree.address("hits").unwrap();
    let before = hits.ask(Count::Pid).unwrap();

    hits.tell(Count::Abort).unwrap();
    for _ in 0..100 {
        hits.tell(Count::Add(1)).unwrap();
    }

    assert_eq!(hits.ask(Count::Get).unwrap(), 110);
    assert_ne!(hits.ask(Count::Pid).unwrap(), before);
    let status = tree.status();
    let child = status.child("hits").unwrap();
    assert_eq!((child.incarnation, child.restarts), (2, 1));
    assert!(matches!(child.last_exit, Some(ExitReason::Signaled { .. })), "{child:?}");
}

#[test]
fn a_process_that_somebody_kills_is_replaced_every_time() {
    let tree = quick().child(counter::spec(0).id("hits")).start().unwrap();
    let hits: Address<Count> = tree.address("hits").unwrap();

    for round in 1..=20 {
        let pid = hits.ask(Count::Pid).unwrap();
        // SAFETY: the call touches no memory.
        unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) };
        eventually(LIMIT, || tree.status().child("hits").unwrap().incarnation == round + 1);
    }

    assert_eq!(hits.ask(Count::Get).unwrap(), 0);
}

#[test]
fn a_handler_that_takes_too_long_is_killed_and_the_next_message_is_handled() {
    let limit = Duration::from_millis(100);
    let spec = counter::spec(1).id("hits").deadline(limit);
    let tree = quick().child(spec).start().unwrap();
    let hits: Address<Count> = tree.address("hits").unwrap();

    hits.tell(Count::Hang).unwrap();

    assert_eq!(hits.ask(Count::Get).unwrap(), 1);
    let last = tree.status().child("hits").unwrap().last_exit.clone();
    assert_eq!(last, Some(ExitReason::TimedOut(limit)));
}

#[test]
fn who_comes_back_is_a_matter_of_the_policy() {
    let end = |restart, code| {
        let tree = quick().child(counter::spec(0).id("a").restart(restart)).start().unwrap();
        let a: Address<Count> = tree.address("a").unwrap();
        a.tell(Count::Leave(code)).unwrap();
        let mut state = None;
        eventually(LIMIT, || {
            let status = tree.status();
            let child = status.child("a").unwrap();
            state = Some(child.state.clone());
            child.last_exit.is_some() && !matches!(child.state, ChildState::Waiting { .. })
        });
        (state.unwrap(), tree.status().child("a").unwrap().incarnation)
    };

    assert_eq!(end(Restart::Permanent, 0), (ChildState::Running, 2));
    assert_eq!(end(Restart::Transient, 3), (ChildState::Running, 2));
    assert_eq!(end(Restart::Transient, 0), (ChildState::Ended(ExitReason::Exited(0)), 1));
    assert_eq!(end(Restart::Temporary, 3), (ChildState::Ended(ExitReason::Exited(3)), 1));
}

#[test]
fn a_child_that_is_given_up_ends_the_supervisor_which_says_so() {
    let tree = quick()
        .intensity(3, Duration::from_secs(60))
        .child(counter::spec(0).id("other"))
        .child(doomed::spec(7).id("doomed"))
        .start()
        .unwrap();
    let other = pid(&tree, "other").unwrap();

    let end = tree.wait_timeout(LIMIT).unwrap();

    let SupervisorEnd::GivenUp { child, restarts, reason, .. } = &end else { panic!("{end}") };
    assert_eq!((child.as_str(), *restarts), ("doomed", 3));
    assert_eq!(*reason, ExitReason::Exited(7));
    assert!(is_gone(other));
    assert_eq!(tree.status().child("doomed").unwrap().incarnation, 4);
}

#[test]
fn who_sends_to_a_child_that_was_given_up_hears_why_and_does_not_hang() {
    let tree = quick().intensity(0, LIMIT).child(counter::spec(0).id("a")).start().unwrap();
    let a: Address<Count> = tree.address("a").unwrap();
    a.tell(Count::Leave(7)).unwrap();
    tree.wait_timeout(LIMIT).unwrap();

    let error = within(LIMIT, move || a.ask(Count::Get).unwrap_err());

    assert!(error.to_string().contains("code 7"), "{error}");
}

#[test]
fn all_are_reaped_when_stop_returns_the_deaf_ones_as_well() {
    let tree = quick()
        .child(slow::spec(Duration::ZERO).id("first"))
        .child(slow::spec(LIMIT).id("deaf"))
        .child(slow::spec(Duration::ZERO).id("last"))
        .start()
        .unwrap();
    let pids: Vec<u32> = tree.status().children.iter().filter_map(|child| child.pid).collect();
    assert_eq!(pids.len(), 3);
    let begun = Instant::now();

    assert_eq!(tree.stop(Duration::from_millis(300)), SupervisorEnd::Stopped);

    assert!(begun.elapsed() < LIMIT / 3);
    assert!(pids.into_iter().all(is_gone));
    let status = tree.status();
    assert_eq!(status.child("deaf").unwrap().state, ChildState::Ended(ExitReason::Stopped));
    assert_eq!(status.child("first").unwrap().state, ChildState::Ended(ExitReason::Finished));
}

#[test]
fn dropping_a_supervisor_leaves_no_process() {
    let tree = quick().child(counter::spec(0).id("a")).start().unwrap();
    let pid = pid(&tree, "a").unwrap();

    drop(tree);

    assert!(is_gone(pid));
}

#[test]
fn children_that_come_and_go_leave_nothing_behind() {
    let tree = quick().start().unwrap();
    for _ in 0..20 {
        tree.start_child(counter::spec(0).id("a")).unwrap();
        let a: Address<Count> = tree.address("a").unwrap();
        a.tell(Count::Add(1)).unwrap();
        let reason = tree.stop_child("a", LIMIT).unwrap();
        assert!(matches!(reason, ExitReason::Finished | ExitReason::Stopped), "{reason}");
        assert!(within(LIMIT, move || a.ask(Count::Get)).is_err());
    }
    assert!(tree.status().children.is_empty());
}

#[test]
fn an_address_of_another_type_names_both() {
    let tree = quick().child(counter::spec(0).id("hits")).start().unwrap();

    let error = tree.address::<String>("hits").unwrap_err();

    assert!(matches!(error, SuperviseError::OtherMessage { .. }), "{error:?}");
    assert!(error.to_string().contains("Count") && error.to_string().contains("String"));
}

#[test]
fn trees_that_were_dropped_leave_no_descriptor_and_no_thread() {
    alone!({
        let (own, tree) = (std::process::id(), || {
            let tree = quick().child(counter::spec(3).id("hits")).start().unwrap();
            assert_eq!(tree.address("hits").unwrap().ask(Count::Get).unwrap(), 3);
        });
        tree();
        eventually(LIMIT, || procession::children().is_empty());
        let (descriptors, threads) = (settled_descriptors(own), threads_of(own));

        (0..50).for_each(|_| tree());

        eventually(LIMIT, || procession::children().is_empty());
        eventually(LIMIT, || settled_descriptors(own) <= descriptors);
        eventually(LIMIT, || threads_of(own) <= threads);
    });
}
