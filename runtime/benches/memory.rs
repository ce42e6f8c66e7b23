//! What an idle child holds, an actor or not, and what it burns.
//!
//! The floor is the same binary, started by `Command`, that answers and then sleeps in its
//! constructor. Memory is the proportional set size: a page that several processes map is shared
//! out among them, so never more than one measured child lives at a time.

mod measure;
mod reference {
    pub(super) mod command;
}

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use measure::{Bench, Goal, Row};
use procession::__private::door::Lane;
use procession::{Actor, Mailbox, Reply, process};
use reference::command;

/// What a lane is called, and whether it is one of frames.
const CARRIERS: [(&str, bool); 2] = [("procession, ring", false), ("procession, frames", true)];

/// What an actor is called, and whether it is untrusted.
const ACTORS: [(&str, bool); 2] = [("procession, actor", false), ("procession, untrusted", true)];

#[process]
fn echo(mailbox: Mailbox<(u64, Reply<u64>)>) {
    mailbox.for_each(|(n, reply)| reply.send(n));
}

#[process]
fn sleep() {
    loop {
        thread::park();
    }
}

fn main() {
    let bench = Bench::from_args();
    idle(&bench);
    idle_actor(&bench);
    kept(&bench);
    burnt(&bench);
    burnt_by_actor(&bench);
}

fn idle(bench: &Bench) {
    let row = Row::new("memory (PSS) of an idle child", "KiB");
    let Some(mut group) = bench.group(15, [row]) else {
        return;
    };
    group.variant("Command, sleeping", [Goal::None], || {
        let mut child = command::start(7, Stdio::inherit(), true);
        assert_eq!(child.value(), 8);
        let pss = settled_pss(child.process.id());
        child.join();
        [pss]
    });
    group.variant("procession, sleeping", [Goal::AtMost(1.25)], || {
        let child = sleep::spawn().expect("starts");
        [settled_pss(child.pid())]
    });
    group.run();
}

/// What an actor holds that has nothing to do any more, beside children that never had. Only one of
/// them lives at a time, so they take turns within a round.
fn idle_actor(bench: &Bench) {
    let rows = [
        Row::new("memory (PSS) of an idle actor beyond an idle child", "KiB"),
        Row::new("memory (PSS) of an idle actor beyond Command, sleeping", "KiB"),
    ];
    let Some(mut group) = bench.group(5, rows) else {
        return;
    };
    for (name, untrusted) in ACTORS {
        group.variant(name, [Goal::Within(128.0), Goal::None], move || {
            let mut bare = command::start(7, Stdio::inherit(), true);
            assert_eq!(bare.value(), 8);
            let floor = settled_pss(bare.process.id());
            bare.join();
            let child = settled_pss(sleep::spawn().expect("starts").pid());
            let actor = actor(untrusted);
            ask(&actor);
            thread::sleep(Duration::from_secs(1));
            let held = settled_pss(actor.pid());
            [held - child, held - floor]
        });
    }
    group.run();
}

/// What a conversation leaves behind in a child.
fn kept(bench: &Bench) {
    let row = Row::new("memory (PSS) kept after 100,000 messages", "KiB");
    let Some(mut group) = bench.group(5, [row]) else {
        return;
    };
    for (name, frames) in CARRIERS {
        group.variant(name, [Goal::Within(64.0)], move || {
            let mut lane = Lane::open(frames).expect("starts");
            let before = settled_pss(lane.pid());
            talk(&mut lane);
            thread::sleep(Duration::from_secs(1));
            [pss(lane.pid()) as f64 - before]
        });
    }
    group.run();
}

/// What a child burns when nobody talks to it any more.
fn burnt(bench: &Bench) {
    let row = Row::new("CPU of a child that is idle for 10 s", "ms");
    let Some(mut group) = bench.group(1, [row]) else {
        return;
    };
    let idle = Duration::from_millis(bench.batch(10_000) as u64);
    for (name, frames) in CARRIERS {
        // A clock tick is 10 ms.
        group.variant(name, [Goal::Within(10.0)], move || {
            let mut lane = Lane::open(frames).expect("starts");
            talk(&mut lane);
            let busy = cpu_time(lane.pid());
            assert!(!busy.is_zero(), "it has talked");
            thread::sleep(idle);
            [(cpu_time(lane.pid()) - busy).as_secs_f64() * 1e3]
        });
    }
    group.run();
}

/// What an actor burns when nobody asks it any more.
fn burnt_by_actor(bench: &Bench) {
    let row = Row::new("CPU of an actor that is idle for 10 s", "ms");
    let Some(mut group) = bench.group(1, [row]) else {
        return;
    };
    let idle = Duration::from_millis(bench.batch(10_000) as u64);
    for (name, untrusted) in ACTORS {
        // A clock tick is 10 ms.
        group.variant(name, [Goal::Within(10.0)], move || {
            let actor = actor(untrusted);
            ask(&actor);
            let busy = cpu_time(actor.pid());
            assert!(!busy.is_zero(), "it has answered");
            thread::sleep(idle);
            [(cpu_time(actor.pid()) - busy).as_secs_f64() * 1e3]
        });
    }
    group.run();
}

fn actor(untrusted: bool) -> Actor<(u64, Reply<u64>)> {
    let builder = echo::builder();
    let builder = if untrusted { builder.untrusted() } else { builder };
    builder.spawn(()).expect("starts")
}

/// A hundred thousand messages to it, and as many answers.
fn ask(actor: &Actor<(u64, Reply<u64>)>) {
    for n in 0..100_000 {
        assert_eq!(actor.ask(|reply| (n, reply)).expect("it lives"), n);
    }
}

/// A hundred thousand messages, as many each way: both lanes are walked through.
fn talk(lane: &mut Lane) {
    for n in 0..50_000 {
        assert_eq!(lane.round_trip(n), n);
    }
}

/// The proportional set size in KiB, once three looks in a row agree: whoever was just started is
/// still busy becoming idle.
fn settled_pss(pid: u32) -> f64 {
    let (mut last, mut agree) = (pss(pid), 0);
    while agree < 3 {
        thread::sleep(Duration::from_millis(20));
        let now = pss(pid);
        agree = if now == last { agree + 1 } else { 0 };
        last = now;
    }
    last as f64
}

/// The proportional set size in KiB.
fn pss(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("the child lives");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    figure.expect("the kernel names the PSS").parse().expect("the PSS is a number")
}

/// The processor time of all threads of a child. `/proc` has it in clock ticks only.
fn cpu_time(pid: u32) -> Duration {
    let pid = libc::pid_t::try_from(pid).expect("a pid is one");
    let mut clock = 0;
    // SAFETY: the clock's number is written to where there is room for it.
    let code = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    assert_eq!(code, 0, "the child lives");
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is written to where there is room for it.
    let code = unsafe { libc::clock_gettime(clock, &raw mut time) };
    assert_eq!(code, 0, "the child lives");
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
