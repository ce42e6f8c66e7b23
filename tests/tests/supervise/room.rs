//! Who waits for room while an actor crashes, which makes some.

use std::time::Duration;

use procession::{Address, Mailbox, Reply, Supervisor, process};
use procession_tests::{BOTH, LIMIT, Over, within};
use serde::{Deserialize, Serialize};

use super::quick;

#[derive(Serialize, Deserialize)]
enum Load {
    /// Says who has it in hand, and has it there for ever.
    Stuck(#[serde(with = "procession::bytes")] Vec<u8>, Reply<u32>),
    Add(#[serde(with = "procession::bytes")] Vec<u8>),
    Sum(Reply<usize>),
}

#[process]
fn loaded(mailbox: Mailbox<Load>) {
    let mut sum = 0;
    for message in mailbox {
        match message {
            Load::Stuck(_, reply) => {
                reply.send(std::process::id());
                loop {
                    std::thread::park();
                }
            }
            Load::Add(bytes) => sum += bytes.len(),
            Load::Sum(reply) => reply.send(sum),
        }
    }
}

/// From a process that is not the one whose mailbox it is.
#[process]
fn tell_from_afar(to: Address<Load>, len: usize) {
    to.tell(Load::Add(vec![1; len])).unwrap();
}

/// An actor of which one more message of this size has to wait, and the process to kill.
fn full(over: Over, bound: usize, in_hand: usize) -> (Supervisor, Address<Load>, i32) {
    let spec = loaded::spec().id("loaded").mailbox(bound).with(|builder| match over {
        Over::Usual => builder,
        Over::Frames => builder.untrusted(),
    });
    let tree = quick().child(spec).start().unwrap();
    let address: Address<Load> = tree.address("loaded").unwrap();
    let pid = address.ask(|reply| Load::Stuck(vec![0; in_hand], reply)).unwrap();
    (tree, address, pid.cast_signed())
}

fn kill(pid: i32) {
    // SAFETY: the call touches no memory.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

#[track_caller]
fn sum(address: Address<Load>) -> usize {
    within(LIMIT / 3, move || address.ask(Load::Sum).unwrap())
}

#[test]
fn a_crash_makes_room_for_a_sender_that_waits() {
    for over in BOTH {
        let (_tree, address, pid) = full(over, 1, 0);
        let other = address.clone();
        let sender = std::thread::spawn(move || other.tell(Load::Add(vec![1; 7])));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!sender.is_finished());

        kill(pid);

        within(LIMIT / 3, || sender.join().unwrap()).unwrap();
        assert_eq!(sum(address), 7);
    }
}

#[test]
fn a_crash_makes_room_for_a_large_message_behind_a_large_one() {
    for over in BOTH {
        let (_tree, address, pid) = full(over, 1_000, 16 << 20);
        let other = address.clone();
        let sender = std::thread::spawn(move || other.tell(Load::Add(vec![1; 20_000])));
        std::thread::sleep(Duration::from_millis(50));

        kill(pid);

        within(LIMIT / 3, || sender.join().unwrap()).unwrap();
        assert_eq!(sum(address), 20_000);
    }
}

#[test]
fn a_crash_makes_room_for_what_came_from_afar() {
    for over in BOTH {
        let (_tree, address, pid) = full(over, 1, 0);
        tell_from_afar::spawn(address.clone(), 7).unwrap().join().unwrap();

        kill(pid);

        assert_eq!(sum(address), 7);
    }
}
