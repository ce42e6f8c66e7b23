//! How long a number takes there and back over a lane, and how many small messages go one way.
//!
//! The floor is a bare ring in shared memory; bare ipc-channel is the ceiling of whatever goes
//! through a socket, and what one-way messages are held against. All children stay while their
//! row is measured.

mod measure;
mod reference {
    pub(super) mod channel;
    pub(super) mod ring;
}

use measure::messages::{holes, one_ways, round_trips};
use measure::place::Place;
use measure::{Bench, Goal, Row};
use procession::__private::door::{Forty, Lane, Mode};
use reference::channel::Channel;
use reference::ring::Ring;

fn main() {
    let bench = Bench::from_args();
    round_trip(&bench, "round trip of a u64, one core", Place::OneCore);
    round_trip(&bench, "round trip of a u64, two cores", Place::TwoCores);
    round_trip(&bench, "round trip of a u64, anywhere", Place::Anywhere);
    pauses(&bench);
    one_way(&bench, "one way, 40 bytes, one core", Place::OneCore);
    one_way(&bench, "one way, 40 bytes, two cores", Place::TwoCores);
    one_way(&bench, "one way, 40 bytes, anywhere", Place::Anywhere);
}

fn round_trip(bench: &Bench, name: &'static str, place: Place) {
    let Some(mut group) = bench.group(60, [Row::new(name, "us")]) else {
        return;
    };
    if !place.exists() {
        return;
    }
    // Anywhere, chance decides the ratio: nothing to hold anybody to.
    let goal = match place {
        Place::Anywhere => Goal::None,
        Place::OneCore | Place::TwoCores => Goal::AtMost(1.5),
    };
    let trips = bench.batch(1_000);
    let mut ring = Ring::echo();
    place.put(ring.child.id());
    group.variant("bare ring", [Goal::None], move || round_trips(trips, |n| ring.round_trip(n)));
    for (name, frames, goal) in
        [("procession, ring", false, goal), ("procession, frames", true, Goal::None)]
    {
        let mut lane = Lane::open(frames).expect("starts");
        place.put(lane.pid());
        group.variant(name, [goal], move || round_trips(trips, |n| lane.round_trip(n)));
    }
    let mut channel = Channel::echo();
    place.put(channel.child.id());
    group.variant("bare ipc-channel", [Goal::None], move || {
        round_trips(trips, |n| channel.round_trip(n))
    });
    group.run();
}

/// Nobody sleeps while a conversation is hot.
fn pauses(bench: &Bench) {
    let rows = [Row::new("round trips over 40 us, two cores", "of 1,000")];
    let Some(mut group) = bench.group(60, rows) else {
        return;
    };
    if !Place::TwoCores.exists() {
        return;
    }
    let trips = bench.batch(1_000);
    let mut ring = Ring::echo();
    Place::TwoCores.put(ring.child.id());
    group.variant("bare ring", [Goal::None], move || holes(trips, |n| ring.round_trip(n)));
    let mut lane = Lane::open(false).expect("starts");
    Place::TwoCores.put(lane.pid());
    group.variant("procession, ring", [Goal::Within(1.0)], move || {
        holes(trips, |n| lane.round_trip(n))
    });
    group.run();
}

fn one_way(bench: &Bench, name: &'static str, place: Place) {
    let Some(mut group) = bench.group(40, [Row::new(name, "M/s")]) else {
        return;
    };
    if !place.exists() {
        return;
    }
    let count = bench.batch(50_000);
    let mut channel = Channel::sink();
    place.put(channel.child.id());
    group.variant("bare ipc-channel", [Goal::None], move || {
        one_ways(count, &mut channel, |channel, n| channel.send([n; 5]), Channel::sync)
    });
    for (name, frames, goal) in
        [("procession, ring", false, Goal::AtLeast(8.0)), ("procession, frames", true, Goal::None)]
    {
        let mut lane = Lane::open(frames).expect("starts");
        lane.mode(Mode::Take);
        place.put(lane.pid());
        group.variant(name, [goal], move || {
            one_ways(
                count,
                &mut lane,
                |lane, n| lane.send(&Forty([n; 5])),
                |lane| {
                    // Answered when all before it was taken; the door does not count.
                    lane.mode(Mode::Take);
                    count as u64
                },
            )
        });
    }
    let mut ring = Ring::sink();
    place.put(ring.child.id());
    group.variant("bare ring", [Goal::None], move || {
        one_ways(count, &mut ring, |ring, n| ring.send([n; 5]), Ring::sync)
    });
    group.run();
}
