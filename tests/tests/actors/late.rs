//! Asks whose time is up before the actor comes to them.

use std::time::{Duration, Instant};

use procession::{
    Actor, Address, AskError, DeadLetter, Loss, Mailbox, Reply, Undelivered, mailbox, process,
};
use procession_tests::{BOTH, LIMIT, within};

use super::work::{Job, builder, hold, letters_of, named, start, worker};

const LITTLE: Duration = Duration::from_millis(50);

#[track_caller]
fn is_late<T, M>(answer: Result<T, AskError<M>>) {
    assert!(matches!(answer, Err(AskError::TimedOut { .. })), "{:?}", answer.err());
}

/// Has it handle what waits: nothing of it but the 2 that is added now, and these letters say why.
#[track_caller]
fn handles_none_of_these(actor: &Actor<Job, u64>, name: &str, count: usize) {
    actor.tell(Job::Add(2)).unwrap();
    assert_eq!(actor.ask(Job::Seen).unwrap(), [2]);
    let expired = |letter: DeadLetter| {
        assert_eq!(*letter.loss(), Loss::NotDelivered(Undelivered::Expired), "{letter}");
        assert!(matches!(letter.decode(), Ok(Job::AddAndSee(1, _))), "{letter}");
    };
    letters_of(name, count).into_iter().for_each(expired);
}

#[test]
fn an_ask_that_is_too_late_is_not_handled() {
    for over in BOTH {
        let (actor, name) = named(over, "late");
        let gate = hold(&actor);

        is_late(actor.ask_timeout(|reply| Job::AddAndSee(1, reply), LITTLE));
        let ask = actor.ask_async_timeout(|reply| Job::AddAndSee(1, reply), LITTLE);
        is_late(pollster::block_on(ask));
        gate.open();

        handles_none_of_these(&actor, &name, 2);
    }
}

/// Asks until the message is there and nobody comes to it.
#[process]
fn ask_in_vain(to: Address<Job>) -> u32 {
    let mut limit = Duration::from_millis(200);
    for round in 1.. {
        match to.ask_timeout(|reply| Job::AddAndSee(1, reply), limit) {
            Err(AskError::TimedOut { .. }) => return round,
            // It took too long to get there.
            Err(AskError::NotDelivered { reason: Undelivered::TimedOut(_), .. }) => limit *= 2,
            other => panic!("{other:?}"),
        }
    }
    0
}

#[test]
fn one_from_another_process_is_not_handled_either() {
    for over in BOTH {
        let (actor, name) = named(over, "late-from-afar");
        let gate = hold(&actor);

        let rounds = ask_in_vain::call(actor.address()).unwrap();
        assert!(rounds > 0);
        gate.open();

        handles_none_of_these(&actor, &name, 1);
    }
}

#[test]
fn nor_is_one_in_a_mailbox_of_this_process() {
    let (address, mailbox) = mailbox();
    is_late(address.ask_timeout(|reply| Job::AddAndSee(1, reply), LITTLE));
    address.tell(Job::Add(3)).unwrap();
    drop(address);

    assert_eq!(worker(mailbox), 3);
}

#[test]
fn a_message_with_a_right_that_was_handed_on_is_handled_however_late() {
    for over in BOTH {
        let actor = start(over);
        let (desk, mut asks) = mailbox::<Reply<Vec<u64>>>();
        let address = desk.address();
        let asker = std::thread::spawn(move || address.ask_timeout(|reply| reply, 10 * LITTLE));
        let reply = asks.recv().unwrap();
        is_late(within(LIMIT, || asker.join().unwrap()));

        actor.tell(Job::AddAndSee(5, reply)).unwrap();

        assert_eq!(actor.ask(Job::Seen).unwrap(), [5]);
    }
}

#[test]
fn a_message_that_is_told_after_an_ask_with_it_was_refused_is_handled() {
    for over in BOTH {
        let (actor, name) = named(over, "told-after");
        actor.drain();
        let refused = actor.ask_timeout(|reply| Job::AddAndSee(5, reply), LITTLE).unwrap_err();
        std::thread::sleep(2 * LITTLE);

        let other = start(over);
        other.tell(refused.into_message().unwrap()).unwrap();

        assert_eq!(other.ask(Job::Seen).unwrap(), [5]);
        letters_of(&name, 0);
    }
}

#[process]
fn time_left(mailbox: Mailbox<Reply<Duration>>) {
    let left = |reply: &Reply<_>| reply.deadline().saturating_duration_since(Instant::now());
    mailbox.for_each(|reply| {
        let left = left(&reply);
        reply.send(left);
    });
}

#[test]
fn who_answers_knows_how_long_the_asker_waits() {
    for over in BOTH {
        let actor = builder::<time_left>(over).spawn(()).unwrap();
        let asked = |limit| actor.ask_timeout(|reply| reply, limit).unwrap();

        let left = asked(LIMIT);
        assert!((LIMIT / 2..=LIMIT).contains(&left), "{left:?}");
        let year = Duration::from_secs(365 * 24 * 3600);
        assert!(asked(Duration::MAX) > year);
        let usual = actor.ask(|reply| reply).unwrap();
        assert!(usual <= Duration::from_secs(30), "{usual:?}");
    }
}

#[test]
fn a_deadline_may_be_in_the_past() {
    let (desk, mut asks) = mailbox::<Reply<u64>>();
    let address = desk.address();
    let asker = std::thread::spawn(move || address.ask_timeout(|reply| reply, 10 * LITTLE));
    let reply = asks.recv().unwrap();
    is_late(within(LIMIT, || asker.join().unwrap()));

    assert!(reply.deadline() <= Instant::now());
    assert!(reply.deadline().elapsed() < LIMIT);
}
