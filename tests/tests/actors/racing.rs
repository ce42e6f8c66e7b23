//! Asks that race with ends: never a hang, always a typed error.

use std::time::{Duration, Instant};

use procession::{AskError, DeadLetter, Mailbox, Reply, Undelivered, process};
use procession_tests::{BOTH, LIMIT, within};

use super::work::{End, Job, builder, start};

#[track_caller]
fn is_typed<M>(error: &AskError<M>) {
    let typed = matches!(
        error,
        AskError::MaybeExecuted { .. }
            | AskError::NotDelivered { reason: Undelivered::Ended(_), .. }
            | AskError::NotDelivered { reason: Undelivered::Stopping, .. }
    );
    assert!(typed, "{error}");
}

#[test]
fn an_ask_that_races_with_a_death_always_ends() {
    for over in BOTH {
        within(LIMIT * 4, move || {
            for round in 0..200_u32 {
                let actor = start(over);
                if round % 2 == 0 {
                    actor.ask(Job::Pid).unwrap();
                }
                let askers: Vec<_> = (0..3)
                    .map(|_| {
                        let address = actor.address();
                        std::thread::spawn(move || {
                            let start = Instant::now();
                            let error = loop {
                                if let Err(error) = address.ask(|reply| Job::Echo(1, reply)) {
                                    break error;
                                }
                            };
                            is_typed(&error);
                            assert!(start.elapsed() < LIMIT / 2, "{error} {:?}", start.elapsed());
                        })
                    })
                    .collect();
                std::thread::sleep(Duration::from_micros(u64::from(round) * 20));
                match round % 4 {
                    0 => actor.kill().unwrap(),
                    1 => drop(actor.tell(Job::End(End::Abort))),
                    2 => actor.drain(),
                    _ => drop(actor),
                }
                askers.into_iter().for_each(|asker| asker.join().unwrap());
            }
        });
    }
}

/// Returns while askers wait.
#[process]
fn returning(after: u64, mailbox: Mailbox<Reply<u64>>) -> u64 {
    let mut kept = Vec::new();
    for reply in mailbox {
        kept.push(reply);
        if kept.len() as u64 == after {
            break;
        }
    }
    kept.into_iter().enumerate().filter(|(n, _)| n % 2 == 0).for_each(|(n, reply)| {
        reply.send(n as u64);
    });
    after
}

#[test]
fn askers_that_read_the_lane_while_the_actor_returns_hear_and_the_value_is_there() {
    for over in BOTH {
        within(LIMIT * 4, move || {
            for round in 0..100 {
                let after = 1 + round % 6;
                let actor = builder::<returning>(over).spawn(after).unwrap();
                let askers: Vec<_> = (0..after)
                    .map(|n| {
                        let address = actor.address();
                        std::thread::spawn(move || {
                            if n % 3 == 2 {
                                pollster::block_on(address.ask_async(|reply| reply))
                            } else {
                                address.ask(|reply| reply)
                            }
                        })
                    })
                    .collect();

                assert_eq!(actor.join().unwrap(), after);
                let mut answered = 0;
                for asker in askers {
                    match asker.join().unwrap() {
                        Ok(_) => answered += 1,
                        Err(AskError::NoReply { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                assert_eq!(answered, after.div_ceil(2));
            }
        });
    }
}

#[test]
fn senders_that_race_with_a_death_lose_nothing_unseen() {
    for over in BOTH {
        for round in 0..30_u64 {
            let (actor, name) = super::work::named(over, &format!("raced-{round}"));
            let senders: Vec<_> = (0..3)
                .map(|_| {
                    let address = actor.address();
                    std::thread::spawn(move || {
                        (0..200).take_while(|&n| address.tell(Job::Add(n)).is_ok()).count()
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(round % 10));
            let seen = actor.ask(Job::Seen).map_or(0, |seen| seen.len());
            actor.kill().unwrap();
            actor.wait();
            let told: usize = senders.into_iter().map(|sender| sender.join().unwrap()).sum();

            let mut reader = procession::dead_letters();
            let letters = std::iter::from_fn(|| reader.try_recv());
            let is_add = |letter: &DeadLetter| matches!(letter.decode(), Ok(Job::Add(_)));
            let lost = letters.filter(|letter| letter.actor() == name && is_add(letter)).count();
            // What is in no letter was handled.
            assert!(lost <= told - seen.min(told), "{lost} of {told}, {seen} seen");
        }
    }
}

#[test]
fn draining_and_telling_race_and_what_was_accepted_is_handled() {
    for over in BOTH {
        for round in 0..50 {
            let actor = start(over);
            let address = actor.address();
            let sender = std::thread::spawn(move || {
                (0..100_000).take_while(|&n| address.tell(Job::Add(n)).is_ok()).sum::<u64>()
            });
            std::thread::sleep(Duration::from_micros(round * 100));
            actor.drain();

            assert_eq!(within(LIMIT, || actor.join()).unwrap(), sender.join().unwrap());
        }
    }
}
