//! `#[process]` on a function with a mailbox, from its user's side: what can be annotated, and
//! what comes of it.

use procession::{Actor, ActorProcess, Address, Mailbox, Reply, Supervisor, process};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum Count {
    Add(i64),
    Get(Reply<i64>),
}

#[process]
fn counter(start: i64, mailbox: Mailbox<Count>) {
    let mut total = start;
    for message in mailbox {
        match message {
            Count::Add(n) => total += n,
            Count::Get(reply) => reply.send(total),
        }
    }
}

type Inbox = Mailbox<Reply<String>>;

#[process(handle = Between, deadline = "500ms")]
fn between(left: String, #[mailbox] mut inbox: Inbox, _: u8, right: String) -> usize {
    inbox.by_ref().for_each(|reply| reply.send(format!("{left}{right}")));
    left.len()
}

#[process]
fn alone(mailbox: procession::Mailbox<Reply<u8>>) {
    mailbox.for_each(|reply| reply.send(1));
}

#[process]
fn conditional(#[cfg(false)] a: Missing, #[cfg(true)] mailbox: Mailbox<Reply<u8>>, b: u8) {
    mailbox.for_each(|reply| reply.send(b));
}

#[process]
fn r#loop(r#type: u8, _: Mailbox<Vec<u8>>) -> u8 {
    r#type
}

fn start<P>(input: P::Input) -> Actor<P::Message, P::Output>
where
    P: ActorProcess,
{
    P::builder().spawn(input).expect("it starts")
}

#[test]
fn a_mailbox_makes_an_actor_of_a_function() {
    let counter: Actor<Count> = counter::spawn(10).unwrap();

    counter.tell(Count::Add(5)).unwrap();

    let address: Address<Count> = counter.address();
    assert_eq!(address.ask(Count::Get).unwrap(), 15);
    counter.drain();
    counter.join().unwrap();
}

#[test]
fn the_mailbox_stands_anywhere_and_is_no_argument() {
    let actor = start::<Between>(("a".into(), 0, "b".into()));
    assert_eq!(actor.ask(|reply| reply).unwrap(), "ab");
    actor.drain();
    assert_eq!(actor.join().unwrap(), 1);

    assert_eq!(start::<alone>(()).ask(|reply| reply).unwrap(), 1);
    assert_eq!(start::<conditional>(7).ask(|reply| reply).unwrap(), 7);
    assert_eq!(r#loop::spawn(3).unwrap().join().unwrap(), 3);
}

#[test]
fn a_deadline_is_part_of_the_type() {
    let millis = std::time::Duration::from_millis;

    assert_eq!(Between::DEADLINE, Some(millis(500)));
    assert_eq!(counter::DEADLINE, None);
}

#[test]
fn a_spec_takes_the_same_arguments() {
    let tree = Supervisor::builder()
        .child(counter::spec(3).id("counter"))
        .child(Between::spec("a".into(), 0, "b".into()).id("between"))
        .start()
        .unwrap();
    let counter: Address<Count> = tree.address("counter").unwrap();
    assert_eq!(counter.ask(Count::Get).unwrap(), 3);
    let between: Address<Reply<String>> = tree.address("between").unwrap();
    assert_eq!(between.ask(|reply| reply).unwrap(), "ab");
}
