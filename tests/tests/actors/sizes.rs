//! Messages and answers of all sizes.

use procession::{AskError, EncodeError, Mailbox, Reply, Undelivered, process};
use procession_tests::{BOTH, LIMIT, eventually, within};
use serde::{Deserialize, Serialize};

use super::work::{builder, letters_of};

#[derive(Serialize, Deserialize)]
enum Load {
    /// Its length and the sum of some of its bytes.
    Weigh(#[serde(with = "procession::bytes")] Vec<u8>, Reply<(usize, u64)>),
    Add(#[serde(with = "procession::bytes")] Vec<u8>),
    Total(Reply<(usize, u64)>),
    Make(usize, Reply<Vec<u8>>),
}

/// Looks at some of the bytes, the last one included.
fn weigh(bytes: &[u8]) -> (usize, u64) {
    let some = bytes.iter().rev().step_by(1 + bytes.len() / 1_000);
    (bytes.len(), some.map(|&byte| u64::from(byte)).sum())
}

fn bytes(len: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..251).collect();
    let mut bytes = period.repeat(len / 251 + 1);
    bytes.truncate(len);
    bytes
}

#[process]
fn scales(mailbox: Mailbox<Load>) {
    let (mut count, mut sum) = (0, 0);
    for load in mailbox {
        match load {
            Load::Weigh(bytes, reply) => reply.send(weigh(&bytes)),
            Load::Add(bytes) => {
                count += bytes.len();
                sum += weigh(&bytes).1;
            }
            Load::Total(reply) => reply.send((count, sum)),
            Load::Make(len, reply) => reply.send(bytes(len)),
        }
    }
}

#[test]
fn messages_of_every_size_arrive_whole() {
    for over in BOTH {
        let actor = builder::<scales>(over).spawn(()).unwrap();
        for len in [0, 1, 15_000, 16_000, 17_000, 65_536, 70_000, 1 << 20, 5 << 20, 300_000] {
            let bytes = bytes(len);
            let weight = weigh(&bytes);

            assert_eq!(actor.ask(|reply| Load::Weigh(bytes, reply)).unwrap(), weight);
        }
    }
}

#[test]
fn a_message_of_200_megabytes_arrives() {
    for over in BOTH {
        let actor = builder::<scales>(over).spawn(()).unwrap();
        let bytes = bytes(200 << 20);
        let weight = weigh(&bytes);

        assert_eq!(actor.ask(|reply| Load::Weigh(bytes, reply)).unwrap(), weight);
    }
}

#[test]
fn an_answer_of_100_megabytes_arrives() {
    for over in BOTH {
        let actor = builder::<scales>(over).spawn(()).unwrap();

        let answer = actor.ask(|reply| Load::Make(100 << 20, reply)).unwrap();

        assert_eq!(answer.len(), 100 << 20);
        assert_eq!(answer[answer.len() - 1], (((100 << 20) - 1) % 251) as u8);
    }
}

#[test]
fn thousands_of_large_messages_and_answers_arrive() {
    for over in BOTH {
        let actor = builder::<scales>(over).spawn(()).unwrap();
        let one = bytes(100 << 10);
        let weight = weigh(&one);

        (0..3_000).for_each(|_| actor.tell(Load::Add(one.clone())).unwrap());
        assert_eq!(actor.ask(Load::Total).unwrap(), (3_000 * weight.0, 3_000 * weight.1));

        for _ in 0..500 {
            assert_eq!(actor.ask(|reply| Load::Make(100 << 10, reply)).unwrap(), one);
        }
    }
}

#[test]
fn large_messages_from_many_threads_do_not_mix() {
    for over in BOTH {
        let actor = builder::<scales>(over).spawn(()).unwrap();
        let threads: Vec<_> = (1..=8)
            .map(|n: u8| {
                let address = actor.address();
                std::thread::spawn(move || {
                    for round in 0..30 {
                        let len = usize::from(n) * 40_000 + round;
                        let bytes = vec![n; len];
                        let weight = weigh(&bytes);
                        let answer = address.ask(|reply| Load::Weigh(bytes, reply)).unwrap();
                        assert_eq!(answer, weight);
                    }
                })
            })
            .collect();
        within(LIMIT, || threads.into_iter().for_each(|thread| thread.join().unwrap()));
    }
}

#[test]
fn what_is_larger_than_the_limit_comes_back_and_the_actor_goes_on() {
    for over in BOTH {
        let actor = builder::<scales>(over).max_message(100_000).spawn(()).unwrap();

        let refused = actor.tell(Load::Add(bytes(200_000))).unwrap_err();
        let too_large = matches!(
            refused.reason(),
            Undelivered::Encode(EncodeError::TooLarge { limit: 100_000, .. })
        );
        assert!(too_large, "{refused}");
        assert!(matches!(refused.into_message(), Load::Add(bytes) if bytes.len() == 200_000));

        let error = actor.ask(|reply| Load::Make(200_000, reply)).unwrap_err();
        assert!(matches!(error, AskError::Undeliverable { .. }), "{error}");
        assert!(error.to_string().contains("100000"), "{error}");

        assert_eq!(actor.ask(|reply| Load::Make(50_000, reply)).unwrap().len(), 50_000);
    }
}

#[test]
fn a_large_message_that_nobody_handles_is_a_whole_letter() {
    for over in BOTH {
        let name = format!("heavy-{over:?}");
        let actor = builder::<scales>(over).name(&name).spawn(()).unwrap();
        actor.ask(Load::Total).unwrap();
        eventually(LIMIT, || actor.waiting() == 0);
        // SAFETY: the call touches no memory.
        unsafe { libc::kill(actor.pid().cast_signed(), libc::SIGSTOP) };
        for n in 0..3 {
            actor.tell(Load::Add(bytes(200_000 + n))).unwrap();
        }

        actor.kill().unwrap();

        for (n, letter) in letters_of(&name, 3).iter().enumerate() {
            let Load::Add(found) = letter.decode().unwrap() else { panic!("{letter}") };
            assert!(found == bytes(200_000 + n), "{} bytes", found.len());
        }
    }
}
