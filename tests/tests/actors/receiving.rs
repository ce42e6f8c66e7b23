//! All ways of taking messages, in a process and in this one.

use std::time::{Duration, Instant};

use procession::{Mailbox, RecvTimeoutError, Reply, TryRecvError, process};
use procession_tests::{BOTH, LIMIT, within};
use serde::{Deserialize, Serialize};

use super::work::{Gate, builder};

const SHORT: Duration = Duration::from_millis(30);

/// Takes its messages in every way there is, and says what it found.
#[process]
fn taker(gate: Option<Gate>, mut mailbox: Mailbox<u32>) -> Vec<String> {
    let mut found = Vec::new();
    found.push(format!("{:?}", mailbox.recv()));
    if let Some(gate) = gate {
        gate.pass();
    }
    // What was told may still be on its way.
    let tried = std::iter::repeat_with(|| mailbox.try_recv()).find(Result::is_ok);
    found.push(format!("{:?}", tried.unwrap()));
    found.push(format!("{:?}", mailbox.recv_timeout(LIMIT)));
    found.push(format!("{:?}", batches(&mut mailbox, 2)));
    found.push(format!("{:?}", mailbox.recv_batch(0).unwrap().collect::<Vec<_>>()));
    found.push(format!("{:?}", batches(&mut mailbox, 3)));
    found.push(format!("{:?}", mailbox.next()));
    found.push(format!("{:?}", mailbox.recv()));
    found.push(format!("{:?}", mailbox.try_recv()));
    found.push(format!("{:?}", mailbox.recv_timeout(LIMIT)));
    found.push(format!("{}", mailbox.recv_batch(3).is_err()));
    found
}

/// So many messages, in as few batches as possible.
fn batches(mailbox: &mut Mailbox<u32>, count: usize) -> Vec<u32> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(mailbox.recv_batch(count - all.len()).unwrap());
    }
    all
}

fn all_found() -> Vec<String> {
    let found = ["Ok(1)", "Ok(2)", "Ok(3)", "[4, 5]", "[]", "[6, 7, 8]", "None", "Err(RecvError)"];
    let ends = [format!("{:?}", Err::<u32, _>(TryRecvError::Closed))];
    let more = [format!("{:?}", Err::<u32, _>(RecvTimeoutError::Closed)), "true".to_owned()];
    found.into_iter().map(str::to_owned).chain(ends).chain(more).collect()
}

#[test]
fn every_way_of_taking_finds_the_next_message() {
    for over in BOTH {
        let gate = Gate::closed();
        let actor = builder::<taker>(over).spawn(Some(gate.clone())).unwrap();
        (1..=8).for_each(|n| actor.tell(n).unwrap());
        actor.drain();
        gate.open();

        assert_eq!(within(LIMIT, || actor.join()).unwrap(), all_found());
    }
}

#[test]
fn a_mailbox_of_this_process_does_the_same() {
    let (address, mailbox) = procession::mailbox();
    (1..=8).for_each(|n| address.tell(n).unwrap());
    drop(address);

    assert_eq!(taker(None, mailbox), all_found());
}

#[derive(Serialize, Deserialize)]
enum Wait {
    For(Duration, Reply<(bool, Duration)>),
    Try(Reply<bool>),
}

/// Waits for a message that does not come.
#[process]
fn waiter(mut mailbox: Mailbox<Wait>) {
    while let Ok(message) = mailbox.recv() {
        match message {
            Wait::For(limit, reply) => {
                let start = Instant::now();
                let timed_out = RecvTimeoutError::TimedOut(limit);
                let is_late = mailbox.recv_timeout(limit).is_err_and(|error| error == timed_out);
                reply.send((is_late, start.elapsed()));
            }
            Wait::Try(reply) => {
                reply.send(mailbox.try_recv().is_err_and(|error| error == TryRecvError::Empty));
            }
        }
    }
}

#[test]
fn waiting_ends_in_time() {
    for over in BOTH {
        let actor = builder::<waiter>(over).spawn(()).unwrap();

        let (is_late, after) = actor.ask(|reply| Wait::For(SHORT, reply)).unwrap();
        assert!(is_late && after >= SHORT && after < SHORT * 50, "{is_late} {after:?}");
        assert!(actor.ask(|reply| Wait::For(Duration::ZERO, reply)).unwrap().0);
        assert!(actor.ask(Wait::Try).unwrap());
    }
}

/// Takes a batch, and ends in the middle of it.
#[process]
fn batcher(gate: Gate, mut mailbox: Mailbox<u64>) {
    gate.pass();
    while let Ok(batch) = mailbox.recv_batch(100) {
        for n in batch {
            if n == 3 {
                std::process::abort();
            }
        }
    }
}

#[test]
fn of_a_batch_only_the_message_in_hand_is_in_doubt() {
    for over in BOTH {
        let gate = Gate::closed();
        let name = format!("batcher-{over:?}");
        let actor = builder::<batcher>(over).name(&name).spawn(gate.clone()).unwrap();
        (1..=6).for_each(|n| actor.tell(n).unwrap());
        gate.open();
        actor.wait();

        let letters = super::work::letters_of(&name, 4);
        let numbers: Vec<u64> = letters.iter().map(|letter| letter.decode().unwrap()).collect();
        assert_eq!(numbers, [3, 4, 5, 6]);
        let attempts: Vec<u32> = letters.iter().map(|letter| letter.attempt()).collect();
        assert_eq!(attempts, [1, 0, 0, 0]);
    }
}

/// Ends as soon as it is asked to stop.
#[process]
fn sleeper(mut mailbox: Mailbox<()>) -> u32 {
    let mut taken = 0;
    while mailbox.recv_timeout(LIMIT).is_ok() {
        taken += 1;
    }
    taken
}

#[test]
fn whoever_waits_for_a_message_hears_of_the_stop_and_of_the_drain() {
    for over in BOTH {
        let actor = builder::<sleeper>(over).spawn(()).unwrap();
        actor.tell(()).unwrap();
        procession_tests::eventually(LIMIT, || actor.waiting() == 0);
        let start = Instant::now();
        actor.stop(LIMIT).unwrap();
        assert_eq!(actor.join().unwrap(), 1);

        let actor = builder::<sleeper>(over).spawn(()).unwrap();
        actor.drain();
        assert_eq!(actor.join().unwrap(), 0);
        assert!(start.elapsed() < LIMIT / 2, "{:?}", start.elapsed());
    }
}
