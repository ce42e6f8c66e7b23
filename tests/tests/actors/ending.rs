//! How actors are ended by those who hold them.

use std::time::{Duration, Instant};

use procession::{AskError, ExitReason, Loss, Mailbox, Reply, Undelivered, process};
use procession_tests::{BOTH, LIMIT, eventually, is_gone, within};

use super::work::{End, Job, added, builder, hold, letters_of, named, start};

#[test]
fn stopping_ends_the_mailbox_at_once_and_the_rest_are_letters() {
    for over in BOTH {
        let (actor, name) = named(over, "stopped");
        actor.tell(Job::Add(5)).unwrap();
        let gate = hold(&actor);
        (0..100).for_each(|n| actor.tell(Job::Add(n)).unwrap());

        let (reason, value) = std::thread::scope(|scope| {
            let stopped = scope.spawn(|| actor.stop(LIMIT).unwrap());
            std::thread::sleep(Duration::from_millis(100));
            gate.open();
            (stopped.join().unwrap(), 5)
        });

        assert_eq!(reason, ExitReason::Finished);
        let letters = letters_of(&name, 100);
        assert_eq!(added(&letters), (0..100).collect::<Vec<_>>());
        let ended = Loss::NotDelivered(Undelivered::Ended(ExitReason::Finished));
        assert!(letters.iter().all(|letter| *letter.loss() == ended), "{letters:?}");
        assert_eq!(actor.join().unwrap(), value);
    }
}

#[process]
fn deaf(mailbox: Mailbox<Reply<()>>) {
    mailbox.for_each(|reply| {
        reply.send(());
        loop {
            std::thread::park();
        }
    });
}

#[test]
fn stopping_one_that_does_not_hear_takes_the_grace_and_no_more() {
    for over in BOTH {
        let name = format!("deaf-{over:?}");
        let actor = builder::<deaf>(over).name(&name).spawn(()).unwrap();
        actor.ask(|reply| reply).unwrap();
        assert!(actor.ask_timeout(|reply| reply, Duration::ZERO).is_err());
        let start = Instant::now();

        let reason = actor.stop(Duration::from_millis(100)).unwrap();

        assert_eq!(reason, ExitReason::Stopped);
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        letters_of(&name, 2);
    }
}

#[test]
fn draining_handles_the_rest_and_gives_the_value() {
    for over in BOTH {
        let actor = start(over);
        let gate = hold(&actor);
        (0..500).for_each(|n| actor.tell(Job::Add(n)).unwrap());

        actor.drain();

        assert_eq!(*actor.tell(Job::Add(1)).unwrap_err().reason(), Undelivered::Stopping);
        let error = actor.ask(|reply| Job::Echo(1, reply)).unwrap_err();
        let stopping =
            matches!(error, AskError::NotDelivered { reason: Undelivered::Stopping, .. });
        assert!(stopping, "{error}");
        actor.drain();
        gate.open();
        assert_eq!(within(LIMIT, || actor.join()).unwrap(), (0..500).sum::<u64>());
    }
}

#[test]
fn draining_before_it_has_begun_loses_nothing() {
    for over in BOTH {
        for round in 0..20 {
            let actor = start(over);
            (0..round).for_each(|n| actor.tell(Job::Add(n)).unwrap());
            actor.drain();
            assert_eq!(within(LIMIT, || actor.join()).unwrap(), (0..round).sum::<u64>());
        }
    }
}

#[test]
fn dropping_the_handle_kills() {
    for over in BOTH {
        let (actor, name) = named(over, "dropped");
        let gate = hold(&actor);
        actor.tell(Job::Add(1)).unwrap();
        let (pid, address) = (actor.pid(), actor.address());

        drop(actor);

        eventually(LIMIT, || is_gone(pid));
        let letters = letters_of(&name, 2);
        assert_eq!(added(&letters[1..]), [1]);
        eventually(LIMIT, || address.tell(Job::Add(1)).is_err());
        let reason = address.tell(Job::Add(2)).unwrap_err();
        assert_eq!(*reason.reason(), Undelivered::Ended(ExitReason::Killed));
        gate.open();
    }
}

#[test]
fn a_detached_actor_goes_on_and_is_told_by_its_address() {
    for over in BOTH {
        let actor = start(over);
        let address = actor.address();
        let pid = actor.pid();

        actor.detach();

        address.tell(Job::Add(4)).unwrap();
        assert_eq!(address.ask(Job::Seen).unwrap(), [4]);
        assert!(!is_gone(pid));
        address.tell(Job::End(End::Return)).unwrap();
        eventually(LIMIT, || address.tell(Job::Add(1)).is_err());
        eventually(LIMIT, || is_gone(pid));
    }
}

#[process]
fn talkative(mailbox: Mailbox<String>) -> usize {
    let mut count = 0;
    for line in mailbox {
        eprintln!("{line}");
        count += 1;
    }
    count
}

#[test]
fn its_process_is_a_child_like_any_other() {
    for over in BOTH {
        let actor = builder::<talkative>(over).name("talker").spawn(()).unwrap();
        assert_eq!(actor.name(), "talker");
        assert!(actor.is_alive());
        assert_eq!(actor.exit_reason(), None);
        assert_eq!(actor.wait_timeout(Duration::from_millis(10)), None);
        actor.tell("a line of its own".to_owned()).unwrap();
        actor.drain();

        assert_eq!(actor.wait_timeout(LIMIT), Some(ExitReason::Finished));

        assert!(actor.output_tail().stderr.contains("a line of its own"));
        assert_eq!(actor.wait(), ExitReason::Finished);
        assert_eq!(actor.join().unwrap(), 1);
    }
}

#[test]
fn joining_one_that_crashed_says_how() {
    for over in BOTH {
        let actor = start(over);
        actor.tell(Job::End(End::Panic)).unwrap();

        let error = within(LIMIT, || actor.join()).unwrap_err();

        assert!(error.to_string().contains("as it was told to"), "{error}");
    }
}

#[process]
fn hurried(mut mailbox: Mailbox<u64>) -> u64 {
    mailbox.recv().unwrap_or(0)
}

#[test]
fn what_a_function_that_returns_has_left_is_a_letter() {
    for over in BOTH {
        let name = format!("hurried-{over:?}");
        let actor = builder::<hurried>(over).name(&name).spawn(()).unwrap();
        let told = (1..=10).take_while(|&n| actor.tell(n).is_ok()).count();

        assert_eq!(actor.wait(), ExitReason::Finished);

        let letters = letters_of(&name, told - 1);
        let numbers: Vec<u64> = letters.iter().map(|letter| letter.decode().unwrap()).collect();
        assert_eq!(numbers, (2..=told as u64).collect::<Vec<_>>());
        assert_eq!(actor.join().unwrap(), 1);
    }
}

#[process]
fn uninterested(_: Mailbox<u64>) -> u8 {
    7
}

#[test]
fn a_function_that_takes_nothing_ends_as_well() {
    for over in BOTH {
        let actor = builder::<uninterested>(over).spawn(()).unwrap();
        assert_eq!(within(LIMIT, || actor.join()).unwrap(), 7);
    }
}
