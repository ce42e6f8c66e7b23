//! Many processes that tell to each other as fast as they can.

use std::time::Duration;

use procession::{Actor, Address, Mailbox, Reply, process};
use procession_tests::within;
use serde::{Deserialize, Serialize};

use crate::cast::{BOTH, Carrier};

const LIMIT: Duration = Duration::from_secs(120);

#[derive(Serialize, Deserialize)]
enum Talk {
    /// Tell all of these so many, from now on, and say when that is done.
    Begin(Vec<Address<Talk>>, u64, Reply<u64>),
    /// The `n`th of a speaker.
    Word(u32, u64),
    Heard(Reply<(u64, bool)>),
}

/// Hears what others tell while it tells others.
#[process]
fn speaker(number: u32, mailbox: Mailbox<Talk>) {
    let (mut heard, mut in_order) = (0, true);
    let mut last = std::collections::HashMap::new();
    for talk in mailbox {
        match talk {
            Talk::Begin(others, count, reply) => drop(std::thread::spawn(move || {
                let mut told = 0;
                for n in 0..count {
                    for other in &others {
                        told += u64::from(other.tell(Talk::Word(number, n)).is_ok());
                    }
                }
                reply.send(told);
            })),
            Talk::Word(from, n) => {
                heard += 1;
                in_order &= last.insert(from, n).is_none_or(|last| last < n);
            }
            Talk::Heard(reply) => reply.send((heard, in_order)),
        }
    }
}

fn speakers(carrier: Carrier, count: u32, bound: usize) -> Vec<Actor<Talk>> {
    let spawn = |n| carrier.builder::<speaker>().mailbox(bound).spawn(n).unwrap();
    (0..count).map(spawn).collect()
}

/// Has everyone begin at once, and waits for all to have heard everything.
fn talk(begin: &[(Address<Talk>, Vec<Address<Talk>>)], count: u64) {
    let told: Vec<_> = begin
        .iter()
        .map(|(speaker, others)| {
            let (speaker, others) = (speaker.clone(), others.clone());
            let expected = count * others.len() as u64;
            let begin = move || {
                speaker.ask_timeout(|reply| Talk::Begin(others, count, reply), LIMIT).unwrap()
            };
            (std::thread::spawn(begin), expected)
        })
        .collect();
    for (told, expected) in told {
        assert_eq!(told.join().unwrap(), expected);
    }
    for (speaker, _) in begin {
        let tell = |(_, others): &(_, Vec<Address<Talk>>)| {
            others.iter().filter(|&other| other == speaker).count() as u64
        };
        let expected: u64 = begin.iter().map(tell).sum::<u64>() * count;
        procession_tests::eventually(LIMIT, || {
            let (heard, in_order) = speaker.ask(Talk::Heard).unwrap();
            assert!(in_order);
            heard == expected
        });
    }
}

#[test]
fn two_who_flood_each_other_do_not_lock_up() {
    for carrier in BOTH {
        for bound in [1, 1024] {
            let two = speakers(carrier, 2, bound);
            let [a, b] = [two[0].address(), two[1].address()];

            talk(&[(a.clone(), vec![b.clone()]), (b, vec![a])], 1_500);
        }
    }
}

#[test]
fn three_in_a_ring_do_not_lock_up() {
    for carrier in BOTH {
        let three = speakers(carrier, 3, 2);
        let next = |n: usize| (three[n].address(), vec![three[(n + 1) % 3].address()]);

        talk(&[next(0), next(1), next(2)], 1_500);
    }
}

/// A parent and its child, a child and its grandparent: up and down the same edges.
#[process]
fn family(carrier: Carrier, depth: u32, mailbox: Mailbox<Family>) {
    let below =
        (depth > 0).then(|| carrier.builder::<family>().spawn((carrier, depth - 1)).unwrap());
    let own = carrier.builder::<speaker>().mailbox(2).spawn(depth).unwrap();
    for question in mailbox {
        let Family::All(reply) = question;
        let mut all = vec![own.address()];
        all.extend(below.iter().flat_map(|below| below.ask(Family::All).unwrap()));
        reply.send(all);
    }
}

#[derive(Serialize, Deserialize)]
enum Family {
    All(Reply<Vec<Address<Talk>>>),
}

#[test]
fn a_family_of_five_generations_talks_all_to_all() {
    for carrier in BOTH {
        let family = carrier.builder::<family>().spawn((carrier, 3)).unwrap();
        let mut all = family.ask(Family::All).unwrap();
        let own = speakers(carrier, 1, 2);
        all.push(own[0].address());
        // The number of the one here is that of the last one there.
        let begin: Vec<_> = all[..4].iter().map(|speaker| (speaker.clone(), all.clone())).collect();

        talk(&begin, 150);
    }
}

#[derive(Serialize, Deserialize)]
enum Hall {
    Open(u64, Reply<Vec<Address<u64>>>),
    Tell(Vec<Address<u64>>, Reply<u64>),
    Heard(Reply<u64>),
}

/// Has many mailboxes of its own, each with a thread that reads it.
#[process]
fn hall(mailbox: Mailbox<Hall>) {
    let heard = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let mut open = Vec::new();
    for order in mailbox {
        match order {
            Hall::Open(count, reply) => {
                for _ in 0..count {
                    let (address, mailbox) = procession::mailbox::<u64>();
                    let heard = std::sync::Arc::clone(&heard);
                    std::thread::spawn(move || {
                        mailbox.for_each(|n| {
                            heard.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
                        });
                    });
                    open.push(address);
                }
                reply.send(open.iter().map(|address| address.address()).collect());
            }
            Hall::Tell(to, reply) => drop(std::thread::spawn(move || {
                reply.send(to.iter().filter(|to| to.tell(1).is_ok()).count() as u64);
            })),
            Hall::Heard(reply) => {
                reply.send(heard.load(std::sync::atomic::Ordering::Relaxed));
            }
        }
    }
}

#[test]
fn twenty_processes_with_twenty_mailboxes_each_talk_all_to_all() {
    for carrier in BOTH {
        let halls: Vec<_> = (0..20).map(|_| carrier.builder::<hall>().spawn(()).unwrap()).collect();
        let all: Vec<_> = halls
            .iter()
            .flat_map(|hall| hall.ask(|reply| Hall::Open(20, reply)).unwrap())
            .collect();

        let rounds: Vec<_> = halls
            .iter()
            .map(|hall| {
                let (hall, all) = (hall.address(), all.clone());
                let tell = move || {
                    let twice = [all.clone(), all].concat();
                    hall.ask_timeout(|reply| Hall::Tell(twice, reply), LIMIT).unwrap()
                };
                std::thread::spawn(tell)
            })
            .collect();
        for round in rounds {
            assert_eq!(within(LIMIT, || round.join().unwrap()), 800);
        }

        for hall in &halls {
            procession_tests::eventually(LIMIT, || hall.ask(Hall::Heard).unwrap() == 20 * 20 * 2);
        }
    }
}
