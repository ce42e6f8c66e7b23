//! Restarts that fail half-way: for a moment there is a process, which never hears what to do.

use procession::{Address, Mailbox, Reply, process};
use procession_tests::{LIMIT, Over, alone, eventually, not_tested};
use serde::{Deserialize, Serialize};

use super::quick;

#[derive(Serialize, Deserialize)]
enum Scale {
    Weigh(Reply<usize>),
    Pid(Reply<u32>),
}

#[process]
fn scale(weight: Vec<u8>, mailbox: Mailbox<Scale>) {
    for message in mailbox {
        match message {
            Scale::Weigh(reply) => reply.send(weight.len()),
            Scale::Pid(reply) => reply.send(std::process::id()),
        }
    }
}

/// Regions of shared memory are files: this is how long they may be.
fn limit_files(most: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the pointer is to a local variable of the right type.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
}

/// Who asked was told that the process had died that had the message in hand, which none had; and what
/// the next process answered was lost with the one before.
#[test]
fn what_was_asked_meanwhile_is_answered_by_the_first_process_that_can_begin() {
    if Over::Usual.is_frames() {
        return not_tested("what is sent in frames needs no region");
    }
    alone!({
        let weight = 5 << 20;
        let spec = scale::spec(vec![1; weight]).id("scale");
        let tree = quick().child(spec).start().unwrap();
        let address: Address<Scale> = tree.address("scale").unwrap();
        let restarts = || tree.status().child("scale").unwrap().restarts;

        for _ in 0..5 {
            let (pid, before) = (address.ask(Scale::Pid).unwrap(), restarts());
            limit_files(1 << 20);
            // SAFETY: the call touches no memory.
            unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) };
            eventually(LIMIT, || restarts() > before + 1);
            let asking = address.clone();
            let asker = std::thread::spawn(move || asking.ask(Scale::Weigh));
            let asked = restarts();
            eventually(LIMIT, || restarts() > asked + 5);
            limit_files(libc::RLIM_INFINITY);
            assert_eq!(asker.join().unwrap().unwrap(), weight);
        }
    });
}
