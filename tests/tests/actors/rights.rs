//! The right to answer where it does not belong: in arguments, results and JSON, or twice.

use procession::{Address, AskError, Mailbox, Reply, process};
use procession_tests::{BOTH, LIMIT, Over, within};
use serde::{Deserialize, Serialize};

use super::replies::{SOON, asking};
use super::work::builder;

#[process]
fn takes_it(_reply: Reply<u8>) {}

/// Tries to send the right in other ways.
#[process]
fn smuggler(mut mailbox: Mailbox<Reply<u8>>) -> Vec<String> {
    let Ok(reply) = mailbox.recv() else { return Vec::new() };
    let json = serde_json::to_string(&reply).unwrap_err();
    let argument = takes_it::spawn(reply).unwrap_err();
    let argument = std::error::Error::source(&argument).unwrap().to_string();
    vec![json.to_string(), argument]
}

#[test]
fn a_right_travels_in_messages_only() {
    for over in BOTH {
        let actor = builder::<smuggler>(over).spawn(()).unwrap();

        let error = actor.ask(|reply| reply).unwrap_err();

        // The argument that was not sent dropped it.
        assert!(matches!(error, AskError::NoReply { .. }), "{error}");
        for words in actor.join().unwrap() {
            assert!(words.contains("travels only in messages"), "{words}");
        }
    }
}

/// Returns the right, which cannot be.
#[process]
fn returns_it(mailbox: Mailbox<Reply<u8>>) -> Option<Reply<u8>> {
    let mut mailbox = mailbox;
    mailbox.recv().ok()
}

#[test]
fn a_right_is_no_result() {
    for over in BOTH {
        let actor = builder::<returns_it>(over).spawn(()).unwrap();

        let error = within(SOON, {
            let address = actor.address();
            move || address.ask(|reply| reply).unwrap_err()
        });

        let told = matches!(error, AskError::NoReply { .. } | AskError::MaybeExecuted { .. });
        assert!(told, "{error}");
        let error = actor.join().unwrap_err();
        assert!(error.to_string().contains("travels only in messages"), "{error}");
    }
}

#[derive(Serialize, Deserialize)]
struct Two(Reply<u64>, Reply<u64>);

#[process]
fn two_rights(mailbox: Mailbox<Two>) {
    mailbox.for_each(|Two(first, second)| {
        second.send(2);
        first.send(1);
    });
}

#[test]
fn a_right_that_was_not_used_in_an_ask_tells_nobody() {
    // One ask has one right; a message is given the right of another by passing it on.
    for over in BOTH {
        let pair = builder::<two_rights>(over).spawn(()).unwrap();
        let joined = builder::<joining>(over).spawn(pair.address()).unwrap();
        let first = asking(&joined.address(), |reply| reply);
        let second = asking(&joined.address(), |reply| reply);

        let mut answers = [first.join().unwrap().unwrap(), second.join().unwrap().unwrap()];
        answers.sort_unstable();
        assert_eq!(answers, [1, 2]);
    }
}

/// Waits for two askers, and sends both rights in one message.
#[process]
fn joining(to: Address<Two>, mut mailbox: Mailbox<Reply<u64>>) {
    while let (Ok(first), Ok(second)) = (mailbox.recv(), mailbox.recv()) {
        to.tell(Two(first, second)).unwrap();
    }
}

#[derive(Serialize)]
struct Trap(bool);

impl<'de> Deserialize<'de> for Trap {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let set = bool::deserialize(deserializer)?;
        assert!(!set, "it is set");
        Ok(Trap(set))
    }
}

#[derive(Serialize, Deserialize)]
struct Trapped(Reply<u64>, Trap);

#[process]
fn survives_traps(mut mailbox: Mailbox<Trapped>) {
    loop {
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| mailbox.recv())) {
            Ok(Ok(Trapped(reply, _))) => reply.send(1),
            Ok(Err(_)) => return,
            Err(_) => {}
        }
    }
}

#[test]
fn an_asker_hears_when_reading_its_message_panics_and_that_is_caught() {
    for over in BOTH {
        let builder = survives_traps::builder();
        let builder = if over == Over::Frames { builder.untrusted() } else { builder };
        let actor = builder.spawn(()).unwrap();
        for _ in 0..3 {
            let error = actor.ask_timeout(|reply| Trapped(reply, Trap(true)), LIMIT).unwrap_err();
            assert!(!matches!(error, AskError::TimedOut { .. }), "{over:?}: {error}");
            assert_eq!(actor.ask(|reply| Trapped(reply, Trap(false))).unwrap(), 1, "{over:?}");
        }
    }
}
