//! An actor in two spellings: a function with a mailbox, and a struct with methods.

use procession::{Address, Mailbox, Reply, process};
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

struct Counter {
    total: i64,
}

#[process]
impl Counter {
    fn new(start: i64) -> Self {
        Counter { total: start }
    }

    fn add(&mut self, n: i64) -> i64 {
        self.total += n;
        self.total
    }

    fn total(&self) -> i64 {
        self.total
    }
}

fn main() -> Result<(), procession::Error> {
    let counter = counter::spawn(10)?; // Actor<Count>: owns the process
    counter.tell(Count::Add(5))?;
    let total: i64 = counter.ask(Count::Get)?;
    println!("the function counts {total}");
    let address: Address<Count> = counter.address(); // plain data: send it anywhere
    address.tell(Count::Add(-1))?;
    println!("and then {}", address.ask(Count::Get)?);

    let counter = Counter::spawn(10)?;
    counter.add(5)?; // runs there, waits for the answer
    counter.tell().add(5)?; // does not wait
    println!("the struct counts {}", counter.total()?);
    Ok(())
}
