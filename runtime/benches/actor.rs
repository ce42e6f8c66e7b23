//! What an actor costs: an ask, a tell, and a crash until the next message is handled.
//!
//! The floor is the bare ring in shared memory. All children stay while their row is measured. The
//! package in `rivals` builds this file with actors of other libraries beside ours.

mod measure;
#[cfg(rivals)]
#[path = "rivals/in_process.rs"]
mod rivals;
mod reference {
    pub(super) mod channel;
    pub(super) mod ring;
}

use std::time::{Duration, Instant};

use measure::messages::{one_ways, round_trips};
use measure::place::Place;
use measure::{Bench, Goal, Row};
use procession::{Actor, Mailbox, Reply, Supervisor, process};
use reference::channel::Channel;
use reference::ring::Ring;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// Forty bytes.
#[derive(Serialize, Deserialize)]
struct Forty([f64; 5]);

#[derive(Serialize, Deserialize)]
enum Told {
    Forty(Forty),
    Count(Reply<u64>),
}

#[process]
fn echo(mailbox: Mailbox<(u64, Reply<u64>)>) {
    mailbox.for_each(|(n, reply)| reply.send(n));
}

#[process]
fn sink(mailbox: Mailbox<Told>) {
    let mut count = 0;
    for message in mailbox {
        match message {
            Told::Forty(forty) => {
                std::hint::black_box(forty.0);
                count += 1;
            }
            Told::Count(reply) => reply.send(std::mem::take(&mut count)),
        }
    }
}

#[process]
fn nothing(n: u64) -> u64 {
    n
}

fn main() {
    let bench = Bench::from_args();
    ask(&bench, "ask of a u64, one core", Place::OneCore);
    ask(&bench, "ask of a u64, two cores", Place::TwoCores);
    ask(&bench, "ask of a u64, anywhere", Place::Anywhere);
    tell(&bench, "tell of 40 bytes, one core", Place::OneCore);
    tell(&bench, "tell of 40 bytes, two cores", Place::TwoCores);
    tell(&bench, "tell of 40 bytes, anywhere", Place::Anywhere);
    crash(&bench);
}

fn ask(bench: &Bench, name: &'static str, place: Place) {
    let Some(mut group) = bench.group(60, [Row::new(name, "us")]) else {
        return;
    };
    if !place.exists() {
        return;
    }
    // Anywhere, chance decides the ratio: nothing to hold anybody to.
    let goal = match place {
        Place::Anywhere => Goal::None,
        Place::OneCore | Place::TwoCores => Goal::AtMost(2.0),
    };
    let trips = bench.batch(1_000);
    let mut ring = Ring::echo();
    place.put(ring.child.id());
    group.variant("bare ring", [Goal::None], move || round_trips(trips, |n| ring.round_trip(n)));
    let near = echo::spawn().expect("starts");
    place.put(near.pid());
    group.variant("procession, ask", [goal], move || round_trips(trips, |n| asked(&near, n)));
    let frames = echo::builder().untrusted().spawn(()).expect("starts");
    place.put(frames.pid());
    group.variant("procession, ask, untrusted", [Goal::None], move || {
        round_trips(trips, |n| asked(&frames, n))
    });
    let mut channel = Channel::echo();
    place.put(channel.child.id());
    group.variant("bare ipc-channel", [Goal::None], move || {
        round_trips(trips, |n| channel.round_trip(n))
    });
    group.race("procession, ask", "bare ipc-channel");
    #[cfg(rivals)]
    rivals::ask(&mut group, trips, place);
    group.run();
}

fn asked(actor: &Actor<(u64, Reply<u64>)>, n: u64) -> u64 {
    actor.ask(|reply| (n, reply)).expect("it lives")
}

fn tell(bench: &Bench, name: &'static str, place: Place) {
    let Some(mut group) = bench.group(40, [Row::new(name, "M/s")]) else {
        return;
    };
    if !place.exists() {
        return;
    }
    let count = bench.batch(50_000);
    let mut ring = Ring::sink();
    place.put(ring.child.id());
    group.variant("bare ring", [Goal::None], move || {
        one_ways(count, &mut ring, |ring, n| ring.send([n; 5]), Ring::sync)
    });
    for (name, untrusted, goal) in [
        ("procession, tell", false, Goal::AtLeast(0.35)),
        ("procession, tell, untrusted", true, Goal::None),
    ] {
        let builder = sink::builder();
        let builder = if untrusted { builder.untrusted() } else { builder };
        let mut actor = builder.spawn(()).expect("starts");
        place.put(actor.pid());
        let count = if untrusted { count.div_ceil(10) } else { count };
        group.variant(name, [goal], move || {
            one_ways(
                count,
                &mut actor,
                |actor, n| actor.tell(Told::Forty(Forty([n; 5]))).expect("it lives"),
                |actor| actor.ask(Told::Count).expect("it lives"),
            )
        });
    }
    let mut channel = Channel::sink();
    place.put(channel.child.id());
    group.variant("bare ipc-channel", [Goal::None], move || {
        one_ways(count, &mut channel, |channel, n| channel.send([n; 5]), Channel::sync)
    });
    #[cfg(rivals)]
    rivals::tell(&mut group, count, place);
    group.run();
}

/// From the death of a supervised actor until the next message is handled, held against a start.
fn crash(bench: &Bench) {
    let rows = [Row::new("death to the next message handled", "us")];
    let Some(mut group) = bench.group(100, rows) else {
        return;
    };
    group.variant("cold start, joined", [Goal::None], || {
        let begun = Instant::now();
        assert_eq!(nothing::call(7).expect("starts"), 7);
        [begun.elapsed().as_secs_f64() * 1e6]
    });
    group.variant("first restart", [Goal::AtMost(2.0)], || {
        let tree = Supervisor::builder().child(echo::spec().id("echo")).start().expect("starts");
        let address = tree.address::<(u64, Reply<u64>)>("echo").expect("it is there");
        assert_eq!(address.ask(|reply| (1, reply)).expect("it lives"), 1);
        let pid = tree.status().child("echo").and_then(|child| child.pid).expect("it runs");
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("it is a pid");
        let begun = Instant::now();
        kill_process(pid, Signal::KILL).expect("it lives");
        // Behind the one that may still be taken by the dying.
        while address.ask_timeout(|reply| (2, reply), Duration::from_secs(10)).is_err() {}
        [begun.elapsed().as_secs_f64() * 1e6]
    });
    group.run();
}
