//! Messages that are tried again after the process that had them in hand has died.

use procession::{Address, AskError, Loss, Mailbox, Reply, dead_letters, process};
use procession_tests::{BOTH, LIMIT, Over, eventually, within};
use serde::{Deserialize, Serialize};

use super::quick;

#[derive(Debug, Serialize, Deserialize)]
enum Step {
    Add(u64),
    Abort,
    AbortAsked(Reply<()>),
    Seen(Reply<Vec<u64>>),
}

#[process]
fn stepper(mailbox: Mailbox<Step>) {
    let mut seen = Vec::new();
    for step in mailbox {
        match step {
            Step::Add(n) => seen.push(n),
            Step::Abort | Step::AbortAsked(_) => std::process::abort(),
            Step::Seen(reply) => reply.send(seen.clone()),
        }
    }
}

#[test]
fn a_message_that_always_crashes_is_tried_so_often_and_then_a_letter_and_the_order_is_kept() {
    for over in BOTH {
        for retries in [0, 2] {
            let name = format!("retried-{over:?}-{retries}");
            let spec = stepper::spec().id(&name).retry(retries).with(|builder| match over {
                Over::Usual => builder,
                Over::Frames => builder.untrusted(),
            });
            let tree = quick().child(spec).start().unwrap();
            let address: Address<Step> = tree.address(&name).unwrap();

            address.tell(Step::Abort).unwrap();
            (0..20).for_each(|n| address.tell(Step::Add(n)).unwrap());

            let other = address.clone();
            let seen = within(LIMIT, move || other.ask(Step::Seen).unwrap());
            assert_eq!(seen, (0..20).collect::<Vec<_>>());
            let mut reader = dead_letters();
            let letters = std::iter::from_fn(|| reader.try_recv());
            let letters: Vec<_> = letters.filter(|letter| letter.actor() == name).collect();
            assert_eq!(letters.len(), 1, "{letters:?}");
            assert!(matches!(letters[0].decode::<Step>(), Ok(Step::Abort)));
            assert!(matches!(letters[0].loss(), Loss::Crashed { .. }));
            let tries = retries + 1;
            assert_eq!((letters[0].incarnation(), letters[0].attempt()), (tries, tries));

            let error = within(LIMIT, move || address.ask(Step::AbortAsked).unwrap_err());
            assert!(matches!(error, AskError::MaybeExecuted { .. }), "{error:?}");
            // The last try, and no earlier one, is what the asker hears of.
            let incarnation = tree.status().child(&name).unwrap().incarnation;
            assert!(incarnation >= 2 * tries, "{incarnation}");
        }
    }
}

#[test]
fn how_many_messages_wait_is_seen() {
    for over in BOTH {
        let name = format!("waiting-{over:?}");
        let spec = stepper::spec().id(&name).with(|builder| match over {
            Over::Usual => builder,
            Over::Frames => builder.untrusted(),
        });
        let tree = quick().child(spec).start().unwrap();
        let address: Address<Step> = tree.address(&name).unwrap();
        address.ask(Step::Seen).unwrap();
        let child = || tree.status().child(&name).unwrap().clone();
        let pid = child().pid.unwrap().try_into().unwrap();
        // SAFETY: the call touches no memory.
        unsafe { libc::kill(pid, libc::SIGSTOP) };

        (0..5).for_each(|n| address.tell(Step::Add(n)).unwrap());
        assert!((5..=6).contains(&child().waiting), "the ask may not be known to be done");

        // SAFETY: the call touches no memory.
        unsafe { libc::kill(pid, libc::SIGCONT) };
        address.ask(Step::Seen).unwrap();
        eventually(LIMIT, || child().waiting <= 1);
        tree.stop(LIMIT);
        assert_eq!(child().waiting, 0);
    }
}

/// Answers at this attempt.
#[process]
fn persistent(mailbox: Mailbox<(u32, Reply<u32>)>) {
    for (until, reply) in mailbox {
        if procession::attempt() < until {
            std::process::abort();
        }
        reply.send(procession::attempt());
    }
}

#[test]
fn whoever_handles_a_message_knows_at_which_attempt() {
    for over in BOTH {
        let name = format!("persistent-{over:?}");
        let spec = persistent::spec().id(&name).retry(5).with(|builder| match over {
            Over::Usual => builder,
            Over::Frames => builder.untrusted(),
        });
        let tree = quick().child(spec).start().unwrap();
        let address: Address<(u32, Reply<u32>)> = tree.address(&name).unwrap();
        let ask = |until| address.ask(|reply| (until, reply)).unwrap();

        // It is the message's, not the process's: what comes next is new.
        assert_eq!([1, 4, 1, 2, 3, 1, 1].map(ask), [1, 4, 1, 2, 3, 1, 1]);
        // What waits behind it is new as well, though its process is another one than it was sent to.
        let [first, second] = [2, 1].map(|until| address.ask_async(move |reply| (until, reply)));
        let both = smol::future::zip(first, second);
        let (first, second) = pollster::block_on(both);
        assert_eq!((first.unwrap(), second.unwrap()), (2, 1));
    }
    assert_eq!(procession::attempt(), 1);
}
