//! Telling: in order, bounded, and what is not sent comes back.

use std::time::{Duration, Instant};

use procession::{EncodeError, Mailbox, Reply, Undelivered, process};
use procession_tests::{BOTH, LIMIT, within};
use serde::{Deserialize, Serialize};

use super::work::{Job, added, builder, hold, letters_of, named, start, worker};

const SOON: Duration = Duration::from_secs(5);

#[test]
fn what_one_sender_tells_is_handled_in_order() {
    for over in BOTH {
        let actor = start(over);

        (0..10_000).for_each(|n| actor.tell(Job::Add(n)).unwrap());

        assert_eq!(actor.ask(Job::Seen).unwrap(), (0..10_000).collect::<Vec<_>>());
    }
}

#[test]
fn each_of_many_senders_keeps_its_order() {
    for over in BOTH {
        let actor = start(over);

        std::thread::scope(|scope| {
            for sender in 0..10 {
                let address = actor.address();
                scope.spawn(move || {
                    (0..500).for_each(|n| address.tell(Job::Add(sender * 1000 + n)).unwrap());
                });
            }
        });

        let seen = actor.ask(Job::Seen).unwrap();
        assert_eq!(seen.len(), 5_000);
        for sender in 0..10 {
            let own = seen.iter().filter(|&&n| n / 1000 == sender).map(|n| n % 1000);
            assert!(own.eq(0..500), "of sender {sender}");
        }
    }
}

/// Not `Debug`, so that errors cannot ask for it.
#[derive(Serialize, Deserialize)]
struct Plain(u32);

#[process]
fn stuck(mailbox: Mailbox<Plain>) {
    mailbox.for_each(|_| std::thread::park());
}

#[test]
fn a_full_mailbox_gives_the_message_back() {
    for over in BOTH {
        let actor = builder::<stuck>(over).mailbox(3).spawn(()).unwrap();
        (0..3).for_each(|n| actor.try_tell(Plain(n)).unwrap());

        let refused = actor.try_tell(Plain(7)).unwrap_err();

        assert_eq!(*refused.reason(), Undelivered::Full);
        assert_eq!(refused.actor(), "stuck");
        assert!(refused.to_string().contains("full"), "{refused}");
        assert_eq!(refused.into_message().0, 7);
        assert_eq!(actor.waiting(), 3);
    }
}

#[test]
fn a_ring_that_is_full_before_the_bound_says_so_too() {
    let actor = builder::<worker>(BOTH[0]).spawn(()).unwrap();
    let gate = hold(&actor);
    let told = (0..).find(|&n| actor.try_tell(Job::Add(n)).is_err()).unwrap();
    gate.open();
    assert_eq!(actor.ask(Job::Seen).unwrap().len() as u64, told);
}

#[test]
fn a_sender_that_gives_up_does_so_in_time_and_has_its_message() {
    for over in BOTH {
        let actor = builder::<stuck>(over).mailbox(1).spawn(()).unwrap();
        actor.tell(Plain(0)).unwrap();
        let limit = Duration::from_millis(100);

        let start = Instant::now();
        let refused = actor.tell_timeout(Plain(9), limit).unwrap_err();

        assert!(start.elapsed() >= limit && start.elapsed() < SOON, "{:?}", start.elapsed());
        assert_eq!(*refused.reason(), Undelivered::TimedOut(limit));
        assert_eq!(refused.into_message().0, 9);
    }
}

#[test]
fn a_sender_that_waits_goes_on_as_soon_as_there_is_room() {
    for over in BOTH {
        let actor = builder::<worker>(over).mailbox(2).spawn(()).unwrap();
        let gate = hold(&actor);
        actor.tell(Job::Add(1)).unwrap();
        let address = actor.address();
        let sender = std::thread::spawn(move || {
            address.tell(Job::Add(2)).unwrap();
            Instant::now()
        });
        std::thread::sleep(Duration::from_millis(50));
        assert!(!sender.is_finished());

        let opened = Instant::now();
        gate.open();

        // Nothing else is sent meanwhile that could wake it.
        let sent = within(LIMIT, || sender.join().unwrap());
        let late = sent.saturating_duration_since(opened);
        assert!(late < SOON, "{late:?}");
        assert_eq!(actor.ask(Job::Seen).unwrap(), [1, 2]);
    }
}

#[test]
fn many_senders_wait_for_the_same_room_and_all_get_it() {
    for over in BOTH {
        let actor = builder::<worker>(over).mailbox(1).spawn(()).unwrap();
        let gate = hold(&actor);
        let senders: Vec<_> = (0..50)
            .map(|n| {
                let address = actor.address();
                std::thread::spawn(move || address.tell(Job::Add(n)).unwrap())
            })
            .collect();
        gate.open();

        within(LIMIT, move || {
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            let mut seen = actor.ask(Job::Seen).unwrap();
            seen.sort_unstable();
            assert_eq!(seen, (0..50).collect::<Vec<_>>());
        });
    }
}

#[test]
fn a_bound_of_one_is_enough() {
    for over in BOTH {
        let actor = builder::<worker>(over).mailbox(1).spawn(()).unwrap();

        (0..1_000).for_each(|n| actor.tell(Job::Add(n)).unwrap());

        assert_eq!(actor.ask(Job::Seen).unwrap(), (0..1_000).collect::<Vec<_>>());
    }
}

#[test]
fn senders_that_wait_hear_at_once_when_the_actor_dies() {
    for over in BOTH {
        let actor = builder::<stuck>(over).mailbox(1).spawn(()).unwrap();
        actor.tell(Plain(0)).unwrap();
        let senders: Vec<_> = (0..4)
            .map(|n| {
                let address = actor.address();
                std::thread::spawn(move || address.tell(Plain(n)).unwrap_err())
            })
            .collect();
        std::thread::sleep(Duration::from_millis(50));

        let killed = Instant::now();
        actor.kill().unwrap();

        for (n, sender) in senders.into_iter().enumerate() {
            let refused = sender.join().unwrap();
            let ended = Undelivered::Ended(procession::ExitReason::Killed);
            assert_eq!(*refused.reason(), ended);
            assert_eq!(refused.into_message().0 as usize, n);
        }
        assert!(killed.elapsed() < SOON, "{:?}", killed.elapsed());
    }
}

#[test]
fn senders_that_wait_hear_at_once_when_the_actor_is_drained() {
    for over in BOTH {
        let actor = builder::<worker>(over).mailbox(2).spawn(()).unwrap();
        let gate = hold(&actor);
        actor.tell(Job::Add(0)).unwrap();
        let address = actor.address();
        let sender = std::thread::spawn(move || address.tell(Job::Add(1)).unwrap_err());
        std::thread::sleep(Duration::from_millis(50));

        actor.drain();

        let refused = within(LIMIT / 3, || sender.join().unwrap());
        assert_eq!(*refused.reason(), Undelivered::Stopping);
        gate.open();
        assert_eq!(actor.join().unwrap(), 0);
    }
}

/// Reads and writes itself with difficulty.
#[derive(Debug, PartialEq, Eq)]
struct Moody(u32);

impl Serialize for Moody {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            13 => Err(serde::ser::Error::custom("thirteen is not written down")),
            n => n.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Moody {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            14 => Err(serde::de::Error::custom("fourteen is not read")),
            n => Ok(Moody(n)),
        }
    }
}

#[derive(Serialize, Deserialize)]
enum Mood {
    Tell(Moody),
    AskFirst(Moody, Reply<Moody>),
    AskLast(Reply<Moody>, Moody),
    Answer(u32, Reply<Moody>),
}

#[process]
fn moody(mailbox: Mailbox<Mood>) -> u32 {
    let mut sum = 0;
    for message in mailbox {
        match message {
            Mood::Tell(moody) => sum += moody.0,
            Mood::AskFirst(moody, reply) | Mood::AskLast(reply, moody) => reply.send(moody),
            Mood::Answer(n, reply) => reply.send(Moody(n)),
        }
    }
    sum
}

#[test]
fn a_message_that_cannot_be_encoded_comes_back_with_its_own_words() {
    for over in BOTH {
        let actor = builder::<moody>(over).spawn(()).unwrap();

        let refused = actor.tell(Mood::Tell(Moody(13))).unwrap_err();
        assert!(refused.to_string().contains("thirteen is not written down"), "{refused}");
        assert!(matches!(refused.reason(), Undelivered::Encode(EncodeError::Refused { .. })));
        assert!(matches!(refused.into_message(), Mood::Tell(Moody(13))));

        let error = actor.ask(|reply| Mood::AskLast(reply, Moody(13))).unwrap_err();
        assert!(error.to_string().contains("thirteen is not written down"), "{error}");
        assert!(matches!(error.into_message(), Some(Mood::AskLast(_, Moody(13)))));

        actor.tell(Mood::Tell(Moody(5))).unwrap();
        actor.drain();
        assert_eq!(actor.join().unwrap(), 5);
    }
}

#[test]
fn a_message_that_cannot_be_decoded_is_a_dead_letter_and_the_actor_goes_on() {
    for over in BOTH {
        let name = format!("undecodable-{over:?}");
        let actor = builder::<moody>(over).name(&name).spawn(()).unwrap();
        actor.tell(Mood::Tell(Moody(1))).unwrap();

        actor.tell(Mood::Tell(Moody(14))).unwrap();
        actor.tell(Mood::Tell(Moody(2))).unwrap();

        let letter = &letters_of(&name, 1)[0];
        assert!(letter.to_string().contains("fourteen is not read"), "{letter}");
        assert!(letter.message_type().contains("Mood"), "{letter}");
        assert_eq!((letter.incarnation(), letter.attempt()), (1, 0));
        actor.drain();
        assert_eq!(actor.join().unwrap(), 3);
    }
}

#[test]
fn who_asks_what_cannot_be_decoded_hears_so_at_once() {
    for over in BOTH {
        let actor = builder::<moody>(over).spawn(()).unwrap();
        for last in [false, true] {
            let message = |reply| match last {
                false => Mood::AskFirst(Moody(14), reply),
                true => Mood::AskLast(reply, Moody(14)),
            };

            let start = Instant::now();
            let error = actor.ask(message).unwrap_err();

            assert!(start.elapsed() < LIMIT / 3, "{:?}", start.elapsed());
            let procession::AskError::NotDelivered { reason, .. } = &error else {
                panic!("{error}")
            };
            assert!(
                matches!(reason, Undelivered::Decode(why) if why.contains("fourteen")),
                "{error}"
            );
        }
        assert_eq!(actor.ask(|reply| Mood::AskFirst(Moody(1), reply)).unwrap(), Moody(1));
    }
}

#[test]
fn an_answer_that_cannot_cross_is_told_with_its_own_words() {
    for over in BOTH {
        let actor = builder::<moody>(over).spawn(()).unwrap();
        for (n, words) in [(13, "thirteen is not written down"), (14, "fourteen is not read")] {
            let start = Instant::now();
            let error = actor.ask(|reply| Mood::Answer(n, reply)).unwrap_err();

            assert!(start.elapsed() < LIMIT / 3, "{:?}", start.elapsed());
            assert!(matches!(error, procession::AskError::Undeliverable { .. }), "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
        assert_eq!(actor.ask(|reply| Mood::Answer(1, reply)).unwrap(), Moody(1));
    }
}

#[test]
fn control_overtakes_a_thousand_messages() {
    for over in BOTH {
        let (actor, name) = named(over, "overtaken");
        actor.ask(Job::AwaitStop).unwrap();
        (0..1_000).for_each(|n| actor.tell(Job::Add(n)).unwrap());
        let start = Instant::now();

        let reason = actor.stop(LIMIT).unwrap();

        assert_eq!(reason, procession::ExitReason::Finished);
        assert!(start.elapsed() < LIMIT / 3, "{:?}", start.elapsed());
        assert_eq!(added(&letters_of(&name, 1_000)), (0..1_000).collect::<Vec<_>>());
    }
}
