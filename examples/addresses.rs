//! Addresses in messages: who knows whom is a matter of what is sent, not of who started whom.
//!
//! Three workers introduce themselves to a hub by sending it their own addresses. The hub plans a
//! way through them and sends it to the first; from there on the workers talk to each other, and
//! the last one answers the question that was asked of the hub.

use std::collections::BTreeMap;

use procession::{Address, Mailbox, Reply, process};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum ToHub {
    /// This is where I am. Whoever asked me to introduce myself gets the answer.
    Here { name: String, address: Address<ToWorker>, reply: Reply<String> },
    /// Have a number go by these workers, in this order.
    Plan { number: u64, way: Vec<String>, reply: Reply<Done> },
}

#[derive(Serialize, Deserialize)]
enum ToWorker {
    /// Introduce yourself to that hub, which answers.
    Introduce { hub: Address<ToHub>, reply: Reply<String> },
    /// Do your part, and pass it on to whom is next. The last one answers.
    Work { done: Done, next: Vec<Address<ToWorker>>, reply: Reply<Done> },
}

/// How far a number is, and who has had it.
#[derive(Serialize, Deserialize)]
struct Done {
    number: u64,
    by: Vec<String>,
}

#[process]
fn hub(mailbox: Mailbox<ToHub>) {
    let mut workers = BTreeMap::new();
    for message in mailbox {
        match message {
            ToHub::Here { name, address, reply } => {
                workers.insert(name.clone(), address);
                reply.send(format!("the hub knows {name}, one of {}", workers.len()));
            }
            ToHub::Plan { number, way, reply } => {
                let found = way.iter().filter_map(|name| workers.get(name).cloned());
                let mut next: Vec<_> = found.rev().collect();
                // Dropping the reply, if nobody is on the way, tells the asker so.
                if let Some(first) = next.pop() {
                    let done = Done { number, by: Vec::new() };
                    let _ = first.tell(ToWorker::Work { done, next, reply });
                }
            }
        }
    }
}

#[process]
fn worker(factor: u64, plus: u64, mailbox: Mailbox<ToWorker>) {
    let me = mailbox.context();
    for message in mailbox {
        match message {
            ToWorker::Introduce { hub, reply } => {
                let (name, address) = (me.name().to_owned(), me.address());
                let _ = hub.tell(ToHub::Here { name, address, reply });
            }
            ToWorker::Work { mut done, mut next, reply } => {
                done.number = done.number * factor + plus;
                done.by.push(me.name().to_owned());
                match next.pop() {
                    Some(sibling) => {
                        let _ = sibling.tell(ToWorker::Work { done, next, reply });
                    }
                    None => reply.send(done),
                }
            }
        }
    }
}

fn main() -> Result<(), procession::Error> {
    let hub = hub::spawn()?;
    let mut workers = Vec::new();
    for (name, factor, plus) in [("doubler", 2, 0), ("tripler", 3, 0), ("adder", 1, 1)] {
        let worker = worker::builder().name(name).spawn((factor, plus))?;
        let hub = hub.address();
        println!("{}", worker.ask(|reply| ToWorker::Introduce { hub, reply })?);
        workers.push(worker);
    }

    for way in [&["doubler", "adder", "tripler"][..], &["adder", "adder", "doubler"]] {
        let way = way.iter().map(|&name| name.to_owned()).collect();
        let Done { number, by } = hub.ask(|reply| ToHub::Plan { number: 5, way, reply })?;
        println!("5 became {number} by way of {}", by.join(", "));
    }
    Ok(())
}
