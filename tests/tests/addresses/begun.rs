//! Asks by futures of an actor in another process: in which order they get there, and whom they hold up.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use procession::{Address, AskError, Mailbox, Reply, Undelivered, process};
use procession_tests::{BOTH, LIMIT, Over, within};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum Line {
    Add(u64),
    AddAndCount(u64, Reply<usize>),
    Seen(Reply<Vec<u64>>),
    Never(Reply<()>),
}

#[process]
fn list(mailbox: Mailbox<Line>) {
    let mut seen = Vec::new();
    for line in mailbox {
        match line {
            Line::Add(n) => seen.push(n),
            Line::AddAndCount(n, reply) => {
                seen.push(n);
                reply.send(seen.len());
            }
            Line::Seen(reply) => reply.send(seen.clone()),
            Line::Never(_reply) => loop {
                std::thread::park();
            },
        }
    }
}

type Counted = Pin<Box<dyn Future<Output = Result<usize, AskError<Line>>>>>;

fn begin(to: &Address<Line>, n: u64) -> (Counted, Poll<Result<usize, AskError<Line>>>) {
    let mut ask: Counted = Box::pin(to.ask_async(move |reply| Line::AddAndCount(n, reply)));
    let first = ask.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    (ask, first)
}

/// Begins asks, sends something else in between, and says what was seen in the end.
#[process]
fn begin_and_tell(to: Address<Line>, from: u64) -> Vec<u64> {
    let mut asks = Vec::new();
    for n in from..from + 40 {
        match n % 8 {
            7 => to.tell(Line::Add(n)).unwrap(),
            _ => match begin(&to, n) {
                (ask, Poll::Pending) => asks.push(ask),
                // It was that quick.
                (_, Poll::Ready(counted)) => assert!(counted.is_ok()),
            },
        }
    }
    for ask in asks {
        pollster::block_on(ask).unwrap();
    }
    to.ask(Line::Seen).unwrap()
}

#[test]
fn asks_by_futures_from_elsewhere_get_there_in_the_order_in_which_they_were_begun() {
    for over in BOTH {
        let builder = list::builder().mailbox(4);
        let builder = if over == Over::Frames { builder.untrusted() } else { builder };
        let actor = builder.spawn(()).unwrap();
        for round in 1..=10 {
            let child = begin_and_tell::spawn(actor.address(), 40 * (round - 1)).unwrap();

            let seen = procession_tests::value_of(child).unwrap();

            assert_eq!(seen, (0..40 * round).collect::<Vec<_>>());
        }
    }
}

/// How many asks of the one are waited for until the next is refused, and whether the other is
/// asked nevertheless.
#[process]
fn ask_both(stuck: Address<Line>, other: Address<Line>) -> (usize, usize) {
    let mut asks = Vec::new();
    loop {
        match begin(&stuck, 1) {
            (ask, Poll::Pending) => asks.push(ask),
            (_, Poll::Ready(Err(AskError::NotDelivered { reason, .. }))) => {
                assert_eq!(reason, Undelivered::Full);
                break;
            }
            (_, Poll::Ready(told)) => panic!("{told:?}"),
        }
    }
    let answer = pollster::block_on(other.ask_async(|reply| Line::AddAndCount(2, reply)));
    (asks.len(), answer.unwrap())
}

#[test]
fn an_actor_that_takes_nothing_does_not_keep_futures_from_asking_another() {
    let stuck = list::builder().mailbox(1).spawn(()).unwrap();
    let address = stuck.address();
    let asking = std::thread::spawn(move || address.ask(Line::Never).unwrap_err());
    procession_tests::eventually(LIMIT, || stuck.waiting() == 1);
    let other = list::spawn().unwrap();

    let child = ask_both::spawn(stuck.address(), other.address()).unwrap();

    let (waiting, counted) = within(LIMIT / 2, move || procession_tests::value_of(child).unwrap());
    assert!(waiting >= 64, "{waiting}");
    assert_eq!(counted, 1);
    stuck.kill().unwrap();
    asking.join().unwrap();
}
