//! What an idle child holds, and what it burns.
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
use procession::process;
use reference::command;

#[process]
fn sleep() {
    loop {
        thread::park();
    }
}

fn main() {
    let bench = Bench::from_args();
    idle(&bench);
}

fn idle(bench: &Bench) {
    let row = Row { name: "memory (PSS) of an idle child", unit: "KiB" };
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
