//! Where addresses may go, and what gets through from there.

use std::time::Duration;

use procession::{Address, Mailbox, Reply, Supervisor, process};
use procession_tests::LIMIT;
use serde::{Deserialize, Serialize};

use crate::cast::{BOTH, Carrier, Heard, Job, Note, Orders, ask, keeps};

#[process]
fn give_back(address: Address<Note>) -> (Address<Note>, u64) {
    let answer = address.ask(|reply| Note::Echo(1, reply)).unwrap();
    (address, answer)
}

#[process]
fn give_back_as_json(text: String) -> String {
    let address: Address<Note> = serde_json::from_str(&text).unwrap();
    address.tell(Note::Number { from: 1, n: 1, load: Vec::new() }).unwrap();
    serde_json::to_string(&address).unwrap()
}

#[test]
fn an_address_goes_into_arguments_results_and_json_and_stays_equal() {
    for carrier in BOTH {
        let keeper = carrier.keeper();
        let address = keeper.address();

        let child = carrier.plain().builder::<give_back>().spawn(address.clone()).unwrap();
        let (back, answer) = child.join().unwrap();
        let text = serde_json::to_string(&back).unwrap();
        let text = carrier.plain().builder::<give_back_as_json>().spawn(text).unwrap().join();
        let back: Address<Note> = serde_json::from_str(&text.unwrap()).unwrap();

        assert_eq!(answer, 1);
        assert_eq!(back, address);
        assert_eq!(back.name(), address.name());
        assert_eq!(back.to_string(), address.to_string());
        keeps(&back, 1);
    }
}

#[test]
fn siblings_tell_and_ask_each_other() {
    for carrier in BOTH {
        let (keeper, office) = (carrier.keeper(), carrier.office());

        assert_eq!(office.tells(&keeper.address(), 100, 10), Ok(100));
        assert_eq!(office.asks(&keeper.address()), Heard::Answer(42));
        keeps(&keeper.address(), 100);
    }
}

#[test]
fn a_future_asks_over_any_distance() {
    for carrier in BOTH {
        let (keeper, office) = (carrier.keeper(), carrier.office());
        let cousin = office.open(carrier).hire(carrier);

        for to in [keeper.address(), office.hire(carrier), cousin] {
            let heard = office.ask(|reply| Job::AskAsync(to, reply)).unwrap();

            assert_eq!(heard, Heard::Answer(42));
        }
    }
}

#[test]
fn cousins_three_levels_down_reach_each_other_and_everyone_above() {
    for carrier in BOTH {
        let (left, right) = (carrier.office(), carrier.office());
        let (lefter, righter) = (left.open(carrier), right.open(carrier));
        let (leftmost, rightmost) = (lefter.open(carrier), righter.open(carrier));
        let keepers: Vec<_> = [&lefter, &leftmost, &righter, &rightmost]
            .map(|office| office.hire(carrier))
            .into_iter()
            .chain([left.hire(carrier), right.hire(carrier)])
            .collect();

        for office in [left.place(), right.place(), lefter, righter, leftmost, rightmost] {
            for keeper in &keepers {
                assert_eq!(office.asks(keeper), Heard::Answer(42));
                assert_eq!(office.tells(keeper, 40, 10), Ok(40));
            }
        }
        for keeper in &keepers {
            // Of six senders that all say they are the same one, so the order says nothing.
            let (count, _) = keeper.ask(Note::Count).unwrap();
            assert_eq!(count, 6 * 40);
            assert_eq!(ask(keeper, LIMIT), Heard::Answer(42));
        }
    }
}

#[test]
fn a_child_reaches_a_mailbox_inside_its_parent() {
    for carrier in BOTH {
        let office = carrier.office();
        let (address, mut mailbox) = procession::mailbox::<Note>();
        let to = address.address();

        let telling = std::thread::spawn({
            let place = office.place();
            let to = to.clone();
            move || (place.tells(&to, 3_000, 10), place.asks(&to))
        });
        for expected in 0..3_000 {
            let note = mailbox.recv_timeout(LIMIT).unwrap();
            assert!(matches!(note, Note::Number { n, .. } if n == expected));
        }
        let Ok(Note::Echo(n, reply)) = mailbox.recv_timeout(LIMIT) else { panic!() };
        reply.send(n + 1);

        assert_eq!(telling.join().unwrap(), (Ok(3_000), Heard::Answer(43)));
    }
}

#[test]
fn a_grandchild_reaches_a_mailbox_inside_its_grandparent() {
    for carrier in BOTH {
        let office = carrier.office();
        let below = office.open(carrier);
        let (address, mailbox) = procession::mailbox::<Note>();
        let to = address.address();
        let reader = std::thread::spawn(move || crate::cast::keeper(mailbox));

        assert_eq!(below.tells(&to, 500, 10), Ok(500));
        assert_eq!(below.asks(&to), Heard::Answer(42));
        keeps(&to, 500);
        drop(address);
        reader.join().unwrap();
    }
}

#[test]
fn a_reply_is_answered_by_whoever_it_was_moved_to() {
    for carrier in BOTH {
        let (near, office) = (carrier.keeper(), carrier.office());
        let far = office.hire(carrier);
        let farther = office.open(carrier).hire(carrier);
        let all = [near.address(), far, farther];

        for to in &all {
            for by in &all {
                if to == by {
                    continue;
                }
                let from_here = to.ask_timeout(|reply| Note::PassOn(by.clone(), reply), LIMIT);
                assert_eq!(Heard::from(from_here), Heard::Answer(7), "{to} by {by}");

                let (to, by) = (to.clone(), by.clone());
                let from_there = office.ask(|reply| Job::AskAround(to, by, reply)).unwrap();
                assert_eq!(from_there, Heard::Answer(7));
            }
        }
    }
}

#[test]
fn ten_thousand_messages_of_a_sender_come_in_order_through_two_routers() {
    for carrier in BOTH {
        let (left, right) = (carrier.office(), carrier.office());
        let keeper = right.hire(carrier);
        let sender = left.open(carrier);

        assert_eq!(sender.tells(&keeper, 10_000, 20), Ok(10_000));

        keeps(&keeper, 10_000);
    }
}

#[test]
fn several_senders_to_one_actor_keep_an_order_each() {
    for carrier in BOTH {
        let keeper = carrier.builder::<crate::cast::keeper>().mailbox(3).spawn(()).unwrap();
        let offices: Vec<_> = (0..4).map(|_| carrier.office()).collect();
        let to = keeper.address();

        let tells: Vec<_> = (0..)
            .zip(&offices)
            .map(|(from, office)| {
                let (place, to) = (office.place(), to.clone());
                std::thread::spawn(move || {
                    place.ask(|reply| Job::Tell(to, from, 0..1_500, 5, reply)).unwrap()
                })
            })
            .collect();
        assert_eq!(crate::cast::tell(&to, 9, 0..1_500, 5), Ok(1_500));

        for tell in tells {
            assert_eq!(tell.join().unwrap(), Ok(1_500));
        }
        keeps(&to, 5 * 1_500);
    }
}

#[derive(Serialize, Deserialize)]
enum Line {
    Number(u64),
    Abort,
    Seen(Reply<Vec<u64>>),
}

/// Tells somebody else what it has seen, since it does not live long.
#[process]
fn mortal(to: Address<Note>, mailbox: Mailbox<Line>) {
    for line in mailbox {
        match line {
            Line::Number(n) => to.tell(Note::Number { from: 0, n, load: Vec::new() }).unwrap(),
            Line::Abort => std::process::abort(),
            Line::Seen(reply) => reply.send(Vec::new()),
        }
    }
}

#[process]
fn send_lines(to: Address<Line>, count: u64, abort_every: u64) {
    for n in 0..count {
        to.tell(Line::Number(n)).unwrap();
        if n % abort_every == 0 {
            to.tell(Line::Abort).unwrap();
        }
    }
}

#[test]
fn the_order_of_a_sender_elsewhere_holds_across_restarts() {
    for carrier in BOTH {
        let keeper = carrier.keeper();
        let spec = mortal::spec(keeper.address()).id("mortal");
        let spec = spec.with(|builder| match carrier {
            Carrier::Usual => builder,
            Carrier::Frames => builder.untrusted(),
        });
        let backoff = Duration::from_millis(1)..Duration::from_millis(5);
        let tree = Supervisor::builder()
            .intensity(1_000, Duration::from_secs(60))
            .backoff(backoff)
            .child(spec)
            .start()
            .unwrap();
        let to: Address<Line> = tree.address("mortal").unwrap();

        let lines = carrier.plain().builder::<send_lines>().spawn((to.clone(), 5_000, 500));
        lines.unwrap().join().unwrap();
        to.ask(Line::Seen).unwrap();

        keeps(&keeper.address(), 5_000);
        assert_eq!(tree.status().child("mortal").unwrap().restarts, 10);
    }
}

#[process]
fn first_and_last(addresses: Vec<Address<Note>>) -> usize {
    addresses[0].tell(Note::Number { from: 0, n: 0, load: Vec::new() }).unwrap();
    addresses.iter().for_each(|address| assert_eq!(*address, addresses[0]));
    procession_tests::descriptors(std::process::id()).len()
}

#[test]
fn a_thousand_addresses_in_a_message_cost_no_descriptors() {
    for carrier in BOTH {
        let keeper = carrier.keeper();
        let ask = |count| {
            let addresses = vec![keeper.address(); count];
            let child = carrier.plain().builder::<first_and_last>().spawn(addresses).unwrap();
            child.join().unwrap()
        };

        // A large message has a region of its own, whatever is in it.
        let (many, one) = (ask(1_000), ask(1));
        assert!(many <= one + 2, "{many} instead of {one}");
    }
}

#[test]
fn fifty_megabytes_go_through_two_routers() {
    for carrier in BOTH {
        let (left, right) = (carrier.office(), carrier.office());
        let keeper = right.hire(carrier);
        let sender = left.open(carrier);

        assert_eq!(sender.tells(&keeper, 2, 50 << 20), Ok(2));

        keeps(&keeper, 2);
    }
}
