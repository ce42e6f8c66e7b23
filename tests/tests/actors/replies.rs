//! The right to answer: used later, elsewhere, once or never.

use std::time::{Duration, Instant};

use procession::{Actor, Address, AskError, ExitReason, Mailbox, Reply, Undelivered, process};
use procession_tests::{BOTH, LIMIT, Over, eventually, within};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::work::{End, Gate, Job, builder, hold, start};

pub(super) const SOON: Duration = Duration::from_secs(5);

/// Asks in a thread of its own.
pub(super) fn asking<M: Serialize + Send + 'static>(
    address: &Address<M>,
    message: impl FnOnce(Reply<u64>) -> M + Send + 'static,
) -> std::thread::JoinHandle<Result<u64, AskError<M>>> {
    let address = address.clone();
    std::thread::spawn(move || address.ask(message))
}

#[test]
fn an_ask_is_answered() {
    for over in BOTH {
        let actor = start(over);

        for n in 0..1_000 {
            assert_eq!(actor.ask(|reply| Job::Echo(n, reply)).unwrap(), n);
        }
        let pid = actor.ask_timeout(Job::Pid, SOON).unwrap();
        assert_eq!(pid, actor.pid());
    }
}

#[test]
fn answers_may_come_later() {
    for over in BOTH {
        let actor = start(over);
        let askers: Vec<_> = (0..20).map(|_| asking(&actor.address(), Job::Keep)).collect();
        // Others are answered meanwhile.
        eventually(LIMIT, || actor.ask(Job::Kept).unwrap() == 20);
        assert_eq!(actor.ask(|reply| Job::Echo(1, reply)).unwrap(), 1);

        actor.tell(Job::AnswerKept(7)).unwrap();

        askers.into_iter().for_each(|asker| assert_eq!(asker.join().unwrap().unwrap(), 7));
    }
}

#[derive(Serialize, Deserialize)]
enum Threads {
    Answer(u64, Reply<u64>),
    Panic(Reply<u64>),
    Catch(Reply<u64>),
    CatchAndWait(Gate, Reply<u64>),
}

#[process]
fn threads(mailbox: Mailbox<Threads>) {
    for message in mailbox {
        match message {
            Threads::Answer(n, reply) => {
                std::thread::spawn(move || reply.send(n));
            }
            Threads::Panic(reply) => {
                let _ = std::thread::spawn(move || {
                    let _reply = reply;
                    panic!("in a thread of its own");
                });
            }
            Threads::Catch(reply) => {
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                    let _reply = reply;
                    panic!("and caught");
                }));
            }
            Threads::CatchAndWait(gate, reply) => {
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                    let _reply = reply;
                    panic!("and caught");
                }));
                gate.pass();
            }
        }
    }
}

#[test]
fn any_thread_may_answer() {
    for over in BOTH {
        let actor = builder::<threads>(over).spawn(()).unwrap();

        for n in 0..100 {
            assert_eq!(actor.ask(|reply| Threads::Answer(n, reply)).unwrap(), n);
        }
    }
}

#[track_caller]
fn is_no_reply<M>(actor: &Actor<M>, message: impl FnOnce(Reply<u64>) -> M)
where
    M: Serialize + 'static,
{
    let start = Instant::now();
    let error = actor.ask(message).unwrap_err();
    assert!(matches!(error, AskError::NoReply { .. }), "{error}");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn a_panic_that_ends_no_process_is_no_reply() {
    for over in BOTH {
        let actor = builder::<threads>(over).spawn(()).unwrap();

        is_no_reply(&actor, Threads::Panic);
        is_no_reply(&actor, Threads::Catch);
        is_no_reply(&actor, Threads::Panic);

        assert_eq!(actor.ask(|reply| Threads::Answer(1, reply)).unwrap(), 1);
    }
}

#[test]
fn a_caught_panic_is_no_reply_as_soon_as_the_next_message_is_asked_for() {
    for over in BOTH {
        let actor = builder::<threads>(over).spawn(()).unwrap();
        let gate = Gate::closed();
        let held = gate.clone();
        let asker = asking(&actor.address(), |reply| Threads::CatchAndWait(held, reply));
        gate.open();

        let error = within(SOON, || asker.join()).unwrap().unwrap_err();
        assert!(matches!(error, AskError::NoReply { .. }), "{error}");
    }
}

#[test]
fn dropping_the_right_is_an_error_at_once() {
    for over in BOTH {
        let actor = start(over);
        let asker = asking(&actor.address(), Job::Keep);
        eventually(LIMIT, || actor.ask(Job::Kept).unwrap() == 1);
        actor.tell(Job::DropKept).unwrap();

        let error = within(SOON, || asker.join()).unwrap().unwrap_err();
        assert!(matches!(error, AskError::NoReply { .. }), "{error}");
        assert!(error.to_string().contains("worker"), "{error}");
    }
}

#[test]
fn a_panic_that_ends_the_process_is_told_with_its_words() {
    for over in BOTH {
        let actor = start(over);

        let error = actor.ask(|reply| Job::EndWith(End::Panic, reply)).unwrap_err();

        let AskError::MaybeExecuted { pid, reason, .. } = &error else { panic!("{error}") };
        assert_eq!(*pid, actor.pid());
        let ExitReason::Panicked(report) = reason else { panic!("{reason}") };
        assert_eq!(report.message(), "as it was told to");
    }
}

#[test]
fn a_right_may_go_to_a_sibling_which_answers() {
    for over in BOTH {
        for other in BOTH {
            let (actor, sibling) = (start(over), start(other));

            for n in 0..50 {
                let to = sibling.address();
                let start = Instant::now();
                assert_eq!(actor.ask(|reply| Job::Pass(to, n, reply)).unwrap(), n);
                assert!(start.elapsed() < SOON, "{over:?} {other:?}: {:?}", start.elapsed());
            }
        }
    }
}

#[test]
fn a_right_may_come_back_and_is_used_where_it_was_first() {
    for over in BOTH {
        let (actor, sibling) = (start(over), start(over));
        let way = || vec![actor.address(), sibling.address(), actor.address(), sibling.address()];

        for n in 0..50 {
            let start = Instant::now();
            let way_of_this = way();
            assert_eq!(actor.ask(|reply| Job::Relay(way_of_this, n, reply)).unwrap(), n);
            let way_of_this = way();
            let ask = actor.ask_async(move |reply| Job::Relay(way_of_this, n, reply));
            assert_eq!(pollster::block_on(ask).unwrap(), n);
            assert!(start.elapsed() < SOON, "{over:?}: {:?}", start.elapsed());
        }
    }
}

#[test]
fn rights_that_went_on_and_were_given_up_leave_nothing_to_wait_for() {
    for over in BOTH {
        let (actor, sibling) = (start(over), start(over));
        let gate = hold(&sibling);
        for n in 0..100 {
            let to = sibling.address();
            let limit = Duration::from_millis(1);
            let _ = actor.ask_timeout(|reply| Job::Pass(to, n, reply), limit).unwrap_err();
            let to = sibling.address();
            drop(asking_half_way(&actor, move |reply| Job::Pass(to, n, reply)));
        }
        gate.open();

        assert_eq!(sibling.ask(|reply| Job::Echo(1, reply)).unwrap(), 1);
        for n in 0..100 {
            assert_eq!(actor.ask(|reply| Job::Echo(n, reply)).unwrap(), n);
        }
    }
}

/// Begins to ask.
fn asking_half_way<M: Serialize + 'static, T: 'static, R: DeserializeOwned + 'static>(
    actor: &Actor<M, T>,
    message: impl FnOnce(Reply<R>) -> M + 'static,
) -> impl Future {
    let mut ask = Box::pin(actor.ask_async(message));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(ask.as_mut().poll(&mut context).is_pending());
    ask
}

#[test]
fn a_right_that_went_to_a_sibling_dies_with_it() {
    for over in BOTH {
        let (actor, sibling) = (start(over), start(over));
        // It is held while the right waits in its mailbox.
        let gate = hold(&sibling);
        let to = sibling.address();
        let asker = asking(&actor.address(), move |reply| Job::Pass(to, 1, reply));
        eventually(LIMIT, || sibling.waiting() == 2);

        sibling.kill().unwrap();

        let error = within(SOON, || asker.join()).unwrap().unwrap_err();
        let AskError::NotDelivered { reason, .. } = &error else { panic!("{error}") };
        assert_eq!(*reason, Undelivered::Ended(ExitReason::Killed));
        gate.open();
    }
}

/// Has a worker of its own answer.
#[process]
fn delegating(over: bool, mailbox: Mailbox<(u64, Reply<u64>)>) {
    let over = if over { Over::Frames } else { Over::Usual };
    let child = start(over);
    for (n, reply) in mailbox {
        child.tell(Job::Echo(n, reply)).unwrap();
    }
}

#[test]
fn a_right_may_go_to_a_child_of_the_actor_which_answers() {
    for over in BOTH {
        for below in BOTH {
            let spawned = builder::<delegating>(over).spawn(below == Over::Frames);
            let actor = spawned.unwrap();

            for n in 0..50 {
                let start = Instant::now();
                assert_eq!(actor.ask(|reply| (n, reply)).unwrap(), n);
                assert!(start.elapsed() < SOON, "{over:?} {below:?}: {:?}", start.elapsed());
            }
        }
    }
}

#[test]
fn a_message_that_is_not_sent_comes_back_with_its_right() {
    for over in BOTH {
        let first = builder::<keeper>(over).spawn(()).unwrap();
        // What comes back to it has its right, so that it can answer after all.
        let dead = start(over);
        let to = dead.address();
        dead.kill().unwrap();
        dead.wait();

        assert_eq!(first.ask(|reply| (to, reply)).unwrap(), 99);
    }
}

/// Sends the right to whom it cannot be sent, and answers then.
#[process]
fn keeper(mailbox: Mailbox<(Address<Job>, Reply<u64>)>) {
    for (to, reply) in mailbox {
        // The slot is asked for room first, so that what cannot be sent never leaves.
        let refused = to.tell(Job::Echo(1, reply)).unwrap_err();
        match refused.into_message() {
            Job::Echo(_, reply) => reply.send(99),
            _ => unreachable!(),
        }
    }
}

#[test]
fn who_asks_a_full_mailbox_can_use_the_message_again() {
    for over in BOTH {
        let actor = builder::<super::work::worker>(over).mailbox(1).spawn(()).unwrap();
        let gate = hold(&actor);

        let limit = Duration::from_millis(30);
        let error = actor.ask_timeout(|reply| Job::Echo(3, reply), limit).unwrap_err();

        let AskError::NotDelivered { reason, message, .. } = error else { panic!("{error}") };
        assert_eq!(reason, Undelivered::TimedOut(limit));
        assert!(matches!(message.map(|message| *message), Some(Job::Echo(3, _))));
        gate.open();
    }
}

#[test]
fn an_asker_gives_up_in_time() {
    for over in BOTH {
        let actor = start(over);
        let limit = Duration::from_millis(50);

        let start = Instant::now();
        let error = actor.ask_timeout(Job::Keep, limit).unwrap_err();

        assert!(start.elapsed() >= limit && start.elapsed() < SOON, "{:?}", start.elapsed());
        assert!(matches!(error, AskError::TimedOut { after, .. } if after == limit), "{error}");
    }
}

#[test]
fn thousands_of_late_answers_stop_nobody() {
    for over in BOTH {
        let actor = builder::<large>(over).spawn(()).unwrap();
        let limit = Duration::from_millis(100);

        for _ in 0..5 {
            std::thread::scope(|scope| {
                for _ in 0..40 {
                    // Most are taken in time, and none is answered in time.
                    let asker = || actor.ask_timeout(|reply| (false, reply), limit).unwrap_err();
                    scope.spawn(asker);
                }
            });
            for _ in 0..400 {
                drop(asking_half_way(&actor, |reply| (false, reply)));
            }
            let last = actor.ask(|reply| (true, reply)).unwrap();
            assert_eq!(last.len(), 2_000);
        }
    }
}

/// Keeps the rights to answer until it is told, and answers with more than a lane holds, if nobody reads
/// it.
#[process]
fn large(mailbox: Mailbox<(bool, Reply<Vec<u8>>)>) {
    let mut kept = Vec::new();
    for (now, reply) in mailbox {
        kept.push(reply);
        if now {
            kept.drain(..).for_each(|reply| reply.send(vec![1; 2_000]));
        }
    }
}

#[test]
fn all_askers_hear_at_once_when_the_actor_dies() {
    for over in BOTH {
        for end in [End::Killed, End::Abort, End::Panic, End::Exit(0)] {
            let actor = start(over);
            let askers: Vec<_> = (0..20).map(|_| asking(&actor.address(), Job::Keep)).collect();
            eventually(LIMIT, || actor.ask(Job::Kept).unwrap() == 20);

            actor.tell(Job::End(end)).unwrap();

            within(SOON, move || {
                for asker in askers {
                    let error = asker.join().unwrap().unwrap_err();
                    let told = matches!(error, AskError::MaybeExecuted { .. });
                    assert!(told, "{end:?} {error}");
                }
            });
            let _ = actor.wait();
        }
    }
}
