//! How long it takes to start a child, get one number back and see it gone.
//!
//! The floor is `Command` of this same binary, leaving from a constructor as our workers do: what
//! the OS charges for any child. The distance to it is what we charge.

mod measure;
mod reference {
    pub(super) mod command;
}

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use measure::{Bench, Goal, Row};
use procession::{Output, process};
use reference::command;

/// What follows a child (its memory given back, the next start made ready) is nobody else's to pay:
/// each start begins after a rest.
const REST: Duration = Duration::from_millis(2);

const MANY: u64 = 100;

#[process]
fn answer(n: u64) -> u64 {
    n + 1
}

fn main() {
    let bench = Bench::from_args();
    one(&bench);
    many(&bench);
}

fn one(bench: &Bench) {
    let rows = [Row::new("cold start, to the value", "us"), Row::new("cold start, joined", "us")];
    let Some(mut group) = bench.group(150, rows) else {
        return;
    };
    group.variant("Command", [Goal::None; 2], || command(Stdio::inherit));
    group.variant("procession", [Goal::AtMost(1.4), Goal::AtMost(1.5)], || ours(Output::Lines));
    group.variant("procession, joined at once", [Goal::None, Goal::AtMost(1.5)], ours_at_once);
    // Without the pipes that keep the last lines, as the first variant has none for its stderr.
    group.variant("procession, inherited output", [Goal::None; 2], || ours(Output::Inherit));
    group.variant("Command, stderr null", [Goal::None; 2], || command(Stdio::null));
    group.variant("Command, stderr piped", [Goal::None; 2], || command(Stdio::piped));
    group.run();
}

fn command(stderr: fn() -> Stdio) -> [f64; 2] {
    thread::sleep(REST);
    let begun = Instant::now();
    let mut child = command::start(7, stderr(), false);
    assert_eq!(child.value(), 8);
    let value = begun.elapsed();
    child.join();
    [value, begun.elapsed()].map(|time| time.as_secs_f64() * 1e6)
}

fn ours(output: Output) -> [f64; 2] {
    thread::sleep(REST);
    let begun = Instant::now();
    let builder = answer::builder().stdout(output).stderr(output);
    let (value, ending) = builder.spawn(7).expect("starts").value().expect("answers");
    assert_eq!(value, 8);
    let value = begun.elapsed();
    ending.join().expect("ends well");
    [value, begun.elapsed()].map(|time| time.as_secs_f64() * 1e6)
}

/// Who wants to know both at once gets the value when the child is reaped: both rows have the same
/// figure.
fn ours_at_once() -> [f64; 2] {
    thread::sleep(REST);
    let begun = Instant::now();
    assert_eq!(answer::spawn(7).expect("starts").join().expect("answers"), 8);
    [begun.elapsed().as_secs_f64() * 1e6; 2]
}

fn many(bench: &Bench) {
    let row = Row::new("100 children, started, answered, joined", "ms");
    let Some(mut group) = bench.group(20, [row]) else {
        return;
    };
    group.variant("Command", [Goal::None], || commands(Stdio::inherit));
    group.variant("procession", [Goal::AtMost(2.0)], ours_many);
    group.variant("Command, stderr null", [Goal::None], || commands(Stdio::null));
    group.variant("Command, stderr piped", [Goal::None], || commands(Stdio::piped));
    group.run();
}

fn commands(stderr: fn() -> Stdio) -> [f64; 1] {
    thread::sleep(REST);
    let begun = Instant::now();
    let mut children: Vec<_> = (0..MANY).map(|n| command::start(n, stderr(), false)).collect();
    for (n, child) in (0..MANY).zip(&mut children) {
        assert_eq!(child.value(), n + 1);
    }
    for child in children {
        child.join();
    }
    [begun.elapsed().as_secs_f64() * 1e3]
}

fn ours_many() -> [f64; 1] {
    thread::sleep(REST);
    let begun = Instant::now();
    let start = |n| answer::spawn(n).expect("starts");
    let children: Vec<_> = (0..MANY).map(start).collect();
    for (n, child) in (0..MANY).zip(children) {
        assert_eq!(child.join().expect("answers"), n + 1);
    }
    [begun.elapsed().as_secs_f64() * 1e3]
}
