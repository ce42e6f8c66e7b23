//! Mailboxes of this very process: an actor's function as the plain function that it is.

use std::time::{Duration, Instant};

use procession::{Address, AskError, ExitReason, Mailbox, Reply, Undelivered, mailbox, process};
use procession_tests::{BOTH, LIMIT, Over, within};
use serde::{Deserialize, Serialize};

use super::work::{Job, builder, worker};

#[test]
fn a_function_is_called_with_what_was_told() {
    let (address, mailbox) = mailbox();
    (1..=4).for_each(|n| address.tell(Job::Add(n)).unwrap());
    drop(address);

    assert_eq!(worker(mailbox), 10);
}

#[test]
fn a_thread_serves_and_others_ask() {
    let (address, mailbox) = mailbox();
    let serving = std::thread::spawn(move || worker(mailbox));

    std::thread::scope(|scope| {
        for thread in 0..5 {
            let address = address.address();
            scope.spawn(move || {
                for n in 0..100 {
                    let n = thread * 1_000 + n;
                    assert_eq!(address.ask(|reply| Job::Echo(n, reply)).unwrap(), n);
                }
            });
        }
    });
    address.tell(Job::Add(3)).unwrap();
    let answer = pollster::block_on(address.ask_async(Job::Seen)).unwrap();
    assert_eq!(answer, [3]);
    drop(address);

    assert_eq!(within(LIMIT, || serving.join()).unwrap(), 3);
}

#[test]
fn it_is_bounded_and_gives_back_what_does_not_fit() {
    let (address, mut mailbox) = mailbox::<u32>();
    let told = (0..).find(|&n| address.try_tell(n).is_err()).unwrap();
    assert_eq!(told, 1024);
    assert_eq!(*address.try_tell(5).unwrap_err().reason(), Undelivered::Full);

    let other = address.address();
    let sender = std::thread::spawn(move || other.tell(9).unwrap());
    std::thread::sleep(Duration::from_millis(20));
    assert!(!sender.is_finished());
    assert_eq!(mailbox.recv(), Ok(0));
    // What was taken is done when the next one is asked for.
    assert_eq!(mailbox.recv(), Ok(1));
    within(LIMIT, || sender.join()).unwrap();
    drop(address);
    assert_eq!(mailbox.last(), Some(9));
}

#[test]
fn a_large_message_that_waits_gets_in_when_the_one_in_hand_is_done() {
    // However the mailbox is asked for the next one: what it had in hand is done by that.
    let next: [fn(&mut Mailbox<Vec<u8>>); 3] = [
        |mailbox| drop(mailbox.recv().unwrap()),
        |mailbox| drop(mailbox.recv_timeout(LIMIT).unwrap()),
        |mailbox| assert!(mailbox.try_recv().is_err()),
    ];
    for next in next {
        let (address, mut mailbox) = mailbox();
        address.tell(vec![0; 16 << 20]).unwrap();
        assert_eq!(mailbox.recv().unwrap().len(), 16 << 20);
        let other = address.address();
        let sender = std::thread::spawn(move || other.tell(vec![0; 20_000]));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!sender.is_finished());

        let asked = std::thread::spawn(move || {
            next(&mut mailbox);
            mailbox
        });

        within(LIMIT / 3, || sender.join().unwrap()).unwrap();
        drop(within(LIMIT / 3, || asked.join()).unwrap());
    }
}

#[test]
fn who_asks_a_mailbox_that_is_dropped_hears_so() {
    let (address, mut taken) = mailbox();
    let other = address.address();
    let in_hand = std::thread::spawn(move || other.ask(|reply| Job::Echo(1, reply)));
    let Ok(Job::Echo(1, reply)) = taken.recv() else { panic!("it was asked for an echo") };
    let other = address.address();
    let waits = std::thread::spawn(move || other.ask(|reply| Job::Echo(2, reply)));
    while address.try_tell(Job::Add(1)).is_ok() {}

    drop(taken);
    let error = within(LIMIT, || waits.join()).unwrap();
    if let Err(error) = error {
        let finished = Undelivered::Ended(ExitReason::Finished);
        assert!(matches!(error, AskError::NotDelivered { reason, .. } if reason == finished));
    }
    // The right to answer outlives the mailbox.
    reply.send(1);
    assert_eq!(within(LIMIT, || in_hand.join()).unwrap().unwrap(), 1);

    let refused = address.tell(Job::Add(1)).unwrap_err();
    assert_eq!(*refused.reason(), Undelivered::Ended(ExitReason::Finished));
}

#[test]
fn rights_are_dropped_and_kept_as_in_a_process() {
    let (address, mailbox) = mailbox();
    let serving = std::thread::spawn(move || worker(mailbox));
    let other = address.address();
    let kept = std::thread::spawn(move || other.ask(Job::Keep));
    while !kept.is_finished() {
        address.tell(Job::DropKept).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }

    let error = kept.join().unwrap().unwrap_err();
    assert!(matches!(error, AskError::NoReply { .. }), "{error}");
    drop(address);
    serving.join().unwrap();
}

#[derive(Serialize, Deserialize)]
enum News {
    Number(u64),
    Question(u64, Reply<u64>),
}

/// Tells its parent, and asks it.
#[process]
fn child_of_a_mailbox(to: Address<News>, count: u64) -> u64 {
    (0..count).for_each(|n| to.tell(News::Number(n)).unwrap());
    (0..10).map(|n| to.ask(|reply| News::Question(n, reply)).unwrap()).sum()
}

#[test]
fn a_child_tells_and_asks_a_mailbox_of_its_parent() {
    for over in BOTH {
        let (address, mut mailbox) = mailbox();
        let child = over.builder::<child_of_a_mailbox>().spawn((address.address(), 500)).unwrap();

        let mut numbers = Vec::new();
        let mut asked = 0;
        while asked < 10 {
            match mailbox.recv_timeout(LIMIT).unwrap() {
                News::Number(n) => numbers.push(n),
                News::Question(n, reply) => {
                    asked += 1;
                    reply.send(2 * n);
                }
            }
        }

        assert_eq!(numbers, (0..500).collect::<Vec<_>>());
        assert_eq!(procession_tests::value_of(child).unwrap(), 90);
    }
}

/// Asks its parent what that never answers.
#[process]
fn curious(to: Address<News>) -> String {
    let start = Instant::now();
    let error = to.ask(|reply| News::Question(1, reply)).unwrap_err();
    format!("{} {error}", start.elapsed() < Duration::from_secs(10))
}

#[test]
fn a_child_hears_when_a_thread_of_its_parent_panics_with_its_question() {
    for over in BOTH {
        let (address, mut mailbox) = mailbox();
        let child = over.builder::<curious>().spawn(address.address()).unwrap();

        let thread = std::thread::spawn(move || {
            let News::Question(_, _reply) = mailbox.recv().unwrap() else { return };
            panic!("with the question in hand");
        });
        assert!(thread.join().is_err());

        let told = procession_tests::value_of(child).unwrap();
        assert!(told.starts_with("true") && told.contains("dropped the right"), "{told}");
    }
}

/// Has its own actor send the right to answer to a mailbox of this process, which answers.
#[process]
fn with_its_own(over: bool, mailbox: Mailbox<(u64, Reply<u64>)>) {
    let over = if over { Over::Frames } else { Over::Usual };
    let child = builder::<worker>(over).spawn(()).unwrap();
    for (n, reply) in mailbox {
        let (address, mut inside) = procession::mailbox();
        child.tell(Job::Pass(address.address(), n, reply)).unwrap();
        let Ok(Job::Echo(n, reply)) = inside.recv_timeout(LIMIT) else { panic!("no echo") };
        let asking = address.address();
        let asked = std::thread::spawn(move || asking.ask(|reply| Job::Echo(n, reply)).unwrap());
        let Ok(Job::Echo(n, own)) = inside.recv_timeout(LIMIT) else { panic!("no echo") };
        own.send(n);
        reply.send(asked.join().unwrap());
    }
}

#[test]
fn a_mailbox_inside_an_actor_is_served_like_any_other() {
    for over in BOTH {
        for below in BOTH {
            let actor = builder::<with_its_own>(over).spawn(below == Over::Frames).unwrap();
            for n in 0..20 {
                assert_eq!(actor.ask(|reply| (n, reply)).unwrap(), n);
            }
        }
    }
}
