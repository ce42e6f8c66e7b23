//! An actor that crashes again and again while others go on sending to it.
//!
//! Two threads and a process send it jobs. Some jobs are poison: a write to where no memory is, an
//! abort, a loop without end. The actor dies of each, and its supervisor puts another process in its
//! place. At the end every job is accounted for: done, a dead letter, or refused.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use procession::{Address, ExitReason, Loss, Mailbox, Reply, Supervisor, dead_letters, process};
use serde::{Deserialize, Serialize};

/// How many jobs each client sends.
const JOBS: u64 = 1000;

/// What the actor takes.
#[derive(Serialize, Deserialize)]
enum Message {
    /// A job, and what doing it does to the process.
    Job(u64, Effect),
    /// Answered when it is its turn: then all that its sender sent before has been dealt with.
    Finish(Reply<()>),
}

#[derive(Serialize, Deserialize)]
enum Effect {
    Nothing,
    WildWrite,
    Abort,
    Loop,
}

#[process]
fn fragile(done: Address<u64>, mailbox: Mailbox<Message>) {
    for message in mailbox {
        match message {
            Message::Job(number, Effect::Nothing) => {
                done.tell(number).expect("the ledger lives as long as the program");
            }
            Message::Job(_, Effect::WildWrite) => wild_write(),
            Message::Job(_, Effect::Abort) => std::process::abort(),
            Message::Job(_, Effect::Loop) => loop {
                std::hint::spin_loop();
            },
            Message::Finish(reply) => reply.send(()),
        }
    }
}

/// Does what no Rust should: writes to where no memory is.
fn wild_write() {
    let wild = std::ptr::without_provenance_mut::<u64>(8);
    // SAFETY: there is none, which is the point. The first page of a process is never mapped, so
    // the processor refuses the write and the system ends the process with SIGSEGV.
    unsafe { wild.write_volatile(1) };
}

/// Keeps what was done where no crash of the worker reaches it.
#[process]
fn ledger(mailbox: Mailbox<u64>) -> Vec<u64> {
    mailbox.collect()
}

/// Sends its share of the jobs, and waits until they have been dealt with. Returns those that were
/// refused.
#[process]
fn client(index: u64, to: Address<Message>) -> Vec<u64> {
    let mut refused = Vec::new();
    for number in index * JOBS..(index + 1) * JOBS {
        let effect = match (number % JOBS, index) {
            (300 | 700, 0) => Effect::WildWrite,
            (300 | 700, 1) => Effect::Abort,
            (300 | 700, _) => Effect::Loop,
            _ => Effect::Nothing,
        };
        if to.tell(Message::Job(number, effect)).is_err() {
            refused.push(number);
        }
    }
    to.ask(Message::Finish).expect("it comes back after each crash");
    refused
}

fn main() -> Result<(), procession::Error> {
    let ledger = ledger::spawn()?;
    let tree = Supervisor::builder()
        .intensity(20, Duration::from_secs(60))
        .backoff(Duration::from_millis(1)..Duration::from_millis(20))
        .child(fragile::spec(ledger.address()).deadline(Duration::from_secs(1)))
        .start()?;
    let address = tree.address("fragile")?;

    // A process and two threads, side by side: `client` is still a plain function.
    let elsewhere = client::spawn(2, address.clone())?;
    let here = [0, 1].map(|index| {
        let address = address.clone();
        thread::spawn(move || client(index, address))
    });
    let mut refused = elsewhere.join()?;
    for thread in here {
        refused.extend(thread.join().expect("a client does not panic"));
    }
    let processes = tree.status().child("fragile").map_or(0, |child| child.incarnation);

    // Nobody is there any more to do these.
    tree.stop(Duration::from_secs(5));
    let late = 3 * JOBS..3 * JOBS + 3;
    for number in late.clone() {
        let sent = address.tell(Message::Job(number, Effect::Nothing));
        refused.extend(sent.is_err().then_some(number));
    }

    ledger.drain();
    let done = ledger.join()?;
    let (dead, reasons) = dead();
    println!("{processes} processes, one after the other:");
    for (reason, count) in reasons {
        println!("  {count} ended by {reason}");
    }
    let (sent, all) = (late.end, done.len() + dead.len() + refused.len());
    println!(
        "sent {sent} = done {} + dead letters {} + refused {}",
        done.len(),
        dead.len(),
        refused.len()
    );
    let different: BTreeSet<u64> = done.iter().chain(&dead).chain(&refused).copied().collect();
    println!("lost: {}", sent - different.len() as u64);
    println!("twice: {}", all - different.len());
    println!("out of order: {}", out_of_order(&done));
    Ok(())
}

/// The jobs that became dead letters, and how often the process that had one in hand ended how.
fn dead() -> (Vec<u64>, BTreeMap<String, u32>) {
    let (mut jobs, mut reasons) = (Vec::new(), BTreeMap::new());
    let mut letters = dead_letters();
    while let Some(letter) = letters.try_recv() {
        if let Ok(Message::Job(number, _)) = letter.decode() {
            jobs.push(number);
        }
        let reason = match letter.loss() {
            Loss::Crashed { reason: ExitReason::Signaled { signal, .. }, .. } => signal.to_string(),
            Loss::Crashed { reason: ExitReason::TimedOut(_), .. } => "its deadline".to_owned(),
            other => other.to_string(),
        };
        *reasons.entry(reason).or_default() += 1;
    }
    (jobs, reasons)
}

/// How many jobs were done after a later one of the same client.
fn out_of_order(done: &[u64]) -> usize {
    let mut last = BTreeMap::new();
    let overtaken = |job: &&u64| last.insert(*job / JOBS, **job).is_some_and(|last| last > **job);
    done.iter().filter(overtaken).count()
}
