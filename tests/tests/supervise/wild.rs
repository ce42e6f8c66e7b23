//! A process that writes over the memory of its mailbox, and what comes after it.

use procession::{Address, ChildState, ExitReason, Mailbox, Reply, process};
use procession_tests::{LIMIT, Over, eventually, not_tested, within};
use serde::{Deserialize, Serialize};

use super::quick;

#[derive(Serialize, Deserialize)]
enum Order {
    /// Writes this word all over what it may write of its mailbox's memory, and aborts.
    Spoil(u64, Reply<bool>),
    /// Writes where the messages lie.
    Forge(Reply<bool>),
    Add(u64),
    Seen(Reply<Vec<u64>>),
}

/// Where the two sides say how far they are, and where the messages begin, if it is in a ring.
fn mailbox_in_memory() -> Option<(usize, usize)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let parsed: Vec<_> = maps
        .lines()
        .map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let (start, end) = fields.next().unwrap().split_once('-').unwrap();
            let number = |text| usize::from_str_radix(text, 16).unwrap();
            (number(start)..number(end), fields.next().unwrap())
        })
        .collect();
    parsed.windows(2).find_map(|pair| {
        let ((control, may), (data, may_there)) = (&pair[0], &pair[1]);
        let is_it = *may == "rw-s" && *may_there == "r--s" && control.end == data.start;
        (is_it && control.len() == 4096).then_some((control.start, data.start))
    })
}

fn write_over(start: usize, len: usize, word: u64) {
    for at in (start..start + len).step_by(8) {
        // SAFETY: there is none, which is what is tested: it is mapped, and this process ends.
        unsafe { (at as *mut u64).write_volatile(word) };
    }
}

#[process]
fn wild(mailbox: Mailbox<Order>) {
    let mut seen = Vec::new();
    for order in mailbox {
        match order {
            Order::Spoil(word, reply) => {
                let place = mailbox_in_memory();
                reply.send(place.is_some());
                if let Some((control, _)) = place {
                    write_over(control, 4096, word);
                }
                std::process::abort();
            }
            Order::Forge(reply) => {
                let place = mailbox_in_memory();
                reply.send(place.is_some());
                if let Some((_, data)) = place {
                    write_over(data, 4096, 0);
                }
            }
            Order::Add(n) => seen.push(n),
            Order::Seen(reply) => reply.send(seen.clone()),
        }
    }
}

#[test]
fn what_a_process_wrote_over_its_mailbox_does_not_harm_the_next_one() {
    for (round, word) in [1, 8, 0, u64::MAX, 1 << 40].into_iter().enumerate() {
        let tree = quick().child(wild::spec().id("wild")).start().unwrap();
        let address: Address<Order> = tree.address("wild").unwrap();

        assert_eq!(
            address.ask(|reply| Order::Spoil(word, reply)).unwrap(),
            !Over::Usual.is_frames()
        );
        eventually(LIMIT, || {
            let status = tree.status();
            let child = status.child("wild").unwrap();
            child.incarnation == 2 && child.state == ChildState::Running
        });
        address.tell(Order::Add(round as u64)).unwrap();

        let other = address.clone();
        let seen = within(LIMIT / 3, move || other.ask(Order::Seen).unwrap());
        assert_eq!(seen, [round as u64]);
        let status = tree.status();
        let child = status.child("wild").unwrap();
        assert_eq!((child.incarnation, &child.state), (2, &ChildState::Running), "{word:#x}");
    }
}

#[test]
fn who_writes_over_the_messages_in_its_mailbox_dies_of_it_and_they_are_whole() {
    if Over::Usual.is_frames() {
        not_tested("in frames nothing is shared that could be written over");
        return;
    }
    let tree = quick().child(wild::spec().id("wild")).start().unwrap();
    let address: Address<Order> = tree.address("wild").unwrap();

    assert!(address.ask(Order::Forge).unwrap());
    (0..100).for_each(|n| address.tell(Order::Add(n)).unwrap());

    assert_eq!(address.ask(Order::Seen).unwrap(), (0..100).collect::<Vec<_>>());
    let last = tree.status().child("wild").unwrap().last_exit.clone();
    let Some(ExitReason::Signaled { signal, .. }) = last else { panic!("{last:?}") };
    assert_eq!(signal.number(), libc::SIGSEGV);
}
