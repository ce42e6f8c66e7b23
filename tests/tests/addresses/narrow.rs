//! A process on the way that lets nothing large through.

use procession::{Address, AskError, Mailbox, Reply, Undelivered, mailbox, process};
use procession_tests::{BOTH, LIMIT, Over, within};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum Work {
    /// An answer of so many bytes.
    Make(usize, Reply<Parts>),
    /// Asks there with so many bytes.
    Send(Address<Question>, usize, Reply<String>),
}

#[derive(Debug, Serialize, Deserialize)]
struct Parts(#[serde(with = "procession::bytes")] Vec<u8>);

#[derive(Serialize, Deserialize)]
struct Question(Parts, Reply<usize>);

#[process]
fn maker(mailbox: Mailbox<Work>) {
    for work in mailbox {
        match work {
            Work::Make(len, reply) => reply.send(Parts(vec![1; len])),
            Work::Send(to, len, reply) => {
                let parts = Parts(vec![1; len]);
                reply.send(match to.ask(|reply| Question(parts, reply)) {
                    Ok(len) => format!("{len} bytes"),
                    Err(AskError::NotDelivered { reason: Undelivered::Decode(why), .. }) => why,
                    Err(error) => format!("unexpected: {error:?}"),
                });
            }
        }
    }
}

/// Says where its child is.
#[process]
fn narrow(frames: bool, mailbox: Mailbox<Reply<Address<Work>>>) {
    let over = if frames { maker::builder().untrusted() } else { maker::builder() };
    let below = over.spawn(()).unwrap();
    mailbox.for_each(|reply| reply.send(below.address()));
}

#[test]
fn who_asks_for_more_than_a_process_on_the_way_lets_through_hears_so_at_once() {
    for over in BOTH {
        let builder = narrow::builder().max_message(1 << 20);
        let between = builder.spawn(over == Over::Frames).unwrap();
        let below = between.ask(|reply| reply).unwrap();

        let other = below.clone();
        let error = within(LIMIT / 3, move || other.ask(|r| Work::Make(5 << 20, r)).unwrap_err());

        assert!(matches!(error, AskError::Undeliverable { .. }), "{error:?}");
        assert!(error.to_string().contains("max_message"), "{error}");
        assert_eq!(below.ask(|r| Work::Make(1 << 19, r)).unwrap().0.len(), 1 << 19);
    }
}

#[test]
fn who_sends_more_than_a_process_on_the_way_lets_through_hears_why() {
    for over in BOTH {
        let builder = narrow::builder().max_message(1 << 20);
        let between = builder.spawn(over == Over::Frames).unwrap();
        let below = between.ask(|reply| reply).unwrap();
        let (address, taken) = mailbox::<Question>();
        let answering = std::thread::spawn(move || {
            taken.for_each(|Question(parts, reply)| reply.send(parts.0.len()));
        });
        let told = |len| below.ask(|reply| Work::Send(address.address(), len, reply)).unwrap();

        assert!(told(5 << 20).contains("max_message"), "{}", told(5 << 20));
        assert_eq!(told(1 << 19), format!("{} bytes", 1 << 19));
        drop(address);
        answering.join().unwrap();
    }
}
