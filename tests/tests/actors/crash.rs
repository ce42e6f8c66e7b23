//! What becomes of messages and askers when an actor dies that nobody starts again.

use std::time::{Duration, Instant};

use procession::{AskError, ExitReason, Loss, Mailbox, Reply, Undelivered, process};
use procession_tests::{BOTH, LIMIT, Over, eventually, within};
use serde::{Deserialize, Serialize};

use super::work::{End, Job, added, builder, hold, letters_of, named, start};

const SOON: Duration = Duration::from_secs(5);

const ENDS: [End; 6] =
    [End::Killed, End::Abort, End::Fault, End::Panic, End::Exit(3), End::Exit(0)];

fn is_reason(reason: &ExitReason, end: End) -> bool {
    match (reason, end) {
        (ExitReason::Signaled { signal, .. }, End::Killed) => signal.number() == libc::SIGKILL,
        (ExitReason::Signaled { signal, .. }, End::Abort) => signal.number() == libc::SIGABRT,
        (ExitReason::Signaled { signal, .. }, End::Fault) => signal.number() == libc::SIGSEGV,
        (ExitReason::Panicked(report), End::Panic) => report.message() == "as it was told to",
        (ExitReason::Exited(code), End::Exit(given)) => *code == given,
        (ExitReason::Finished, End::Return) => true,
        _ => false,
    }
}

#[test]
fn the_suspect_and_the_untouched_are_letters_in_order() {
    for over in BOTH {
        for end in ENDS {
            let (actor, name) = named(over, &format!("letters-{end:?}"));
            let gate = hold(&actor);
            actor.tell(Job::Add(1)).unwrap();
            actor.tell(Job::End(end)).unwrap();
            (2..12).for_each(|n| actor.tell(Job::Add(n)).unwrap());
            gate.open();

            let reason = actor.wait();

            assert!(is_reason(&reason, end), "{end:?}: {reason}");
            let letters = letters_of(&name, 11);
            let suspect = &letters[0];
            assert!(
                matches!(suspect.decode::<Job>(), Ok(Job::End(same)) if same == end),
                "{suspect}"
            );
            let Loss::Crashed { pid, reason: told, .. } = suspect.loss() else {
                panic!("{suspect}")
            };
            assert_eq!((*pid, told), (actor.pid(), &reason));
            assert_eq!((suspect.incarnation(), suspect.attempt()), (1, 1));
            assert!(suspect.message_type().contains("Job"), "{suspect}");
            assert_eq!(added(&letters[1..]), (2..12).collect::<Vec<_>>());
            for letter in &letters[1..] {
                let ended = Undelivered::Ended(reason.clone());
                assert_eq!(*letter.loss(), Loss::NotDelivered(ended));
                assert_eq!((letter.incarnation(), letter.attempt()), (1, 0));
            }
        }
    }
}

#[test]
fn askers_hear_whether_their_message_was_touched() {
    for over in BOTH {
        for end in ENDS {
            let actor = start(over);
            let gate = hold(&actor);
            let address = actor.address();
            let touched = std::thread::spawn(move || {
                address.ask(|reply| Job::EndWith(end, reply)).unwrap_err().without_message()
            });
            eventually(LIMIT, || actor.waiting() == 2);
            let untouched: Vec<_> = (0..5)
                .map(|n| {
                    let address = actor.address();
                    std::thread::spawn(move || {
                        address.ask(|reply| Job::Echo(n, reply)).unwrap_err().without_message()
                    })
                })
                .collect();
            eventually(LIMIT, || actor.waiting() == 7);
            gate.open();

            within(SOON, move || {
                let error = touched.join().unwrap();
                let AskError::MaybeExecuted { reason, pid, .. } = &error else {
                    panic!("{end:?}: {error}")
                };
                assert!(is_reason(reason, end), "{end:?}: {error}");
                assert_eq!(*pid, actor.pid());
                for asker in untouched {
                    let error = asker.join().unwrap();
                    let AskError::NotDelivered { reason, .. } = &error else {
                        panic!("{end:?}: {error}")
                    };
                    let Undelivered::Ended(reason) = reason else { panic!("{error}") };
                    assert!(is_reason(reason, end), "{end:?}: {error}");
                }
            });
        }
    }
}

#[test]
fn later_senders_hear_how_it_ended() {
    for over in BOTH {
        for end in ENDS.into_iter().chain([End::Return]) {
            let actor = start(over);
            actor.tell(Job::End(end)).unwrap();
            let reason = actor.wait();
            let ended = Undelivered::Ended(reason.clone());

            let refused = actor.tell(Job::Add(1)).unwrap_err();
            assert_eq!(*refused.reason(), ended);
            assert!(matches!(refused.into_message(), Job::Add(1)));
            assert_eq!(*actor.try_tell(Job::Add(1)).unwrap_err().reason(), ended);
            let error = actor.ask(|reply| Job::Echo(2, reply)).unwrap_err();
            assert!(matches!(error, AskError::NotDelivered { reason, .. } if reason == ended));

            // As long as it is remembered, the address knows more than that there is nobody.
            let address = actor.address();
            drop(actor);
            assert_eq!(*address.tell(Job::Add(1)).unwrap_err().reason(), ended);
        }
    }
}

#[test]
fn who_waited_for_the_end_finds_all_settled() {
    for over in BOTH {
        for round in 0..20 {
            let (actor, name) = named(over, &format!("settled-{round}"));
            let gate = hold(&actor);
            actor.tell(Job::End(End::Killed)).unwrap();
            actor.tell(Job::Add(1)).unwrap();
            gate.open();
            actor.wait();

            let start = Instant::now();
            assert_eq!(letters_of(&name, 2).len(), 2);
            assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
            assert!(actor.tell(Job::Add(2)).is_err());
        }
    }
}

/// Is written and cannot be read.
#[derive(Serialize)]
struct Unreadable;

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("it is not to be read"))
    }
}

#[process]
fn unwilling(_unreadable: Unreadable, mailbox: Mailbox<Reply<u8>>) {
    mailbox.for_each(|reply| reply.send(1));
}

#[test]
fn an_actor_that_cannot_start_is_an_error_for_all_who_send() {
    for over in BOTH {
        let actor = builder::<unwilling>(over).spawn(Unreadable).unwrap();

        let error = within(LIMIT, {
            let address = actor.address();
            move || address.ask(|reply| reply).unwrap_err().without_message()
        });

        let AskError::NotDelivered { reason: Undelivered::Ended(reason), .. } = &error else {
            panic!("{error}")
        };
        assert!(matches!(reason, ExitReason::StartFailed(why) if why.contains("not to be read")));
        assert_eq!(actor.wait(), *reason);
    }
}

#[test]
fn what_waits_for_an_actor_that_is_killed_before_it_begins_is_not_touched() {
    for over in [Over::Usual, Over::Frames] {
        let (actor, name) = named(over, "early");
        (0..5).for_each(|n| actor.tell(Job::Add(n)).unwrap());
        actor.kill().unwrap();
        actor.wait();

        let letters = kept_letters(&name);
        // It may have got as far as handling some: the rest are there, in order.
        let first = 5 - letters.len() as u64;
        assert_eq!(added(&letters), (first..5).collect::<Vec<_>>());
    }
}

fn kept_letters(name: &str) -> Vec<procession::DeadLetter> {
    let mut reader = procession::dead_letters();
    std::iter::from_fn(|| reader.try_recv()).filter(|letter| letter.actor() == name).collect()
}
