//! Answers and ends as futures, under executors that know nothing of them.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use procession::{AskError, ExitReason, Reply, Undelivered, process};
use procession_tests::{BOTH, LIMIT, eventually, within};

use super::work::{End, Job, builder, hold, start, worker};

#[process]
fn square(n: u64) -> u64 {
    n * n
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// What is awaited in every executor.
async fn ask_and_join() {
    for over in BOTH {
        let actor = start(over);
        for n in 0..20 {
            assert_eq!(actor.ask_async(|reply| Job::Echo(n, reply)).await.unwrap(), n);
        }
        actor.tell(Job::Add(7)).unwrap();
        let address = actor.address();
        assert_eq!(address.ask_async(Job::Seen).await.unwrap(), [7]);
        actor.drain();
        assert_eq!(actor.await.unwrap(), 7);

        let error = address.ask_async(Job::Pid).await.unwrap_err();
        assert!(matches!(error, AskError::NotDelivered { .. }), "{error}");
        assert_eq!(over.builder::<square>().spawn(5).unwrap().await.unwrap(), 25);
    }
}

#[test]
fn a_plain_executor_will_do() {
    within(LIMIT, || pollster::block_on(ask_and_join()));
}

#[test]
fn smol_will_do() {
    within(LIMIT, || smol::block_on(ask_and_join()));
}

#[test]
fn tokio_will_do_with_one_thread_and_with_more() {
    within(LIMIT, || {
        let one = tokio::runtime::Builder::new_current_thread().build().unwrap();
        one.block_on(ask_and_join());
        let more = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
        more.block_on(async { tokio::spawn(ask_and_join()).await.unwrap() });
    });
}

#[test]
fn many_are_outstanding_at_once() {
    for over in BOTH {
        let actor = start(over);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();

        within(LIMIT, move || {
            runtime.block_on(async {
                for _ in 0..5 {
                    let asks: Vec<_> = (0..50)
                        .map(|n| tokio::spawn(actor.ask_async(move |reply| Job::Echo(n, reply))))
                        .collect();
                    for (n, ask) in asks.into_iter().enumerate() {
                        assert_eq!(ask.await.unwrap().unwrap(), n as u64);
                    }
                }
            });
        });
    }
}

#[test]
fn many_deferred_answers_come_to_whom_they_are_for() {
    for over in BOTH {
        let actor = start(over);
        within(LIMIT, move || {
            smol::block_on(async {
                let kept: Vec<_> =
                    (0..50).map(|_| smol::spawn(actor.ask_async(Job::Keep))).collect();
                while actor.ask_async(Job::Kept).await.unwrap() < 50 {}
                actor.tell(Job::AnswerKept(3)).unwrap();
                for ask in kept {
                    assert_eq!(ask.await.unwrap(), 3);
                }
            });
        });
    }
}

#[test]
fn nothing_is_sent_before_the_first_look() {
    let actor = start(BOTH[0]);

    drop(actor.ask_async(|_: Reply<u64>| panic!("it is not made")));

    assert_eq!(actor.waiting(), 0);
}

#[test]
fn a_future_that_is_dropped_half_way_disturbs_nobody() {
    for over in BOTH {
        let actor = start(over);
        for n in 0..200 {
            let mut ask = Box::pin(actor.ask_async(move |reply| Job::Echo(n, reply)));
            let _ = poll_once(ask.as_mut());
            drop(ask);
        }
        for _ in 0..20 {
            let mut ask = Box::pin(actor.ask_async(Job::Keep));
            assert!(poll_once(ask.as_mut()).is_pending());
        }
        actor.tell(Job::AnswerKept(1)).unwrap();

        assert_eq!(actor.ask(|reply| Job::Echo(4, reply)).unwrap(), 4);
        let ask = actor.ask_async(|reply| Job::Echo(5, reply));
        assert_eq!(within(LIMIT, || pollster::block_on(ask)).unwrap(), 5);
    }
}

#[test]
fn dropping_the_future_of_an_end_kills() {
    for over in BOTH {
        let actor = start(over);
        let pid = actor.pid();
        let mut end = Box::pin(actor.into_future());
        assert!(poll_once(end.as_mut()).is_pending());

        drop(end);

        eventually(LIMIT, || procession_tests::is_gone(pid));
    }
}

#[test]
fn a_full_mailbox_is_waited_for_and_then_refused() {
    for over in BOTH {
        let actor = builder::<worker>(over).mailbox(1).spawn(()).unwrap();
        let gate = hold(&actor);
        let mut asks: Vec<_> =
            (0..100).map(|n| Box::pin(actor.ask_async(move |reply| Job::Echo(n, reply)))).collect();

        let mut refused = 0;
        asks.retain_mut(|ask| match poll_once(ask.as_mut()) {
            Poll::Pending => true,
            Poll::Ready(Err(AskError::NotDelivered { reason: Undelivered::Full, .. })) => {
                refused += 1;
                false
            }
            Poll::Ready(other) => panic!("{other:?}"),
        });
        assert!((30..=36).contains(&refused), "{refused}");
        gate.open();

        within(LIMIT, move || {
            for (n, ask) in asks.into_iter().enumerate() {
                assert_eq!(pollster::block_on(ask).unwrap(), n as u64);
            }
        });
    }
}

#[test]
fn what_is_told_after_a_future_was_begun_is_handled_after_it() {
    for over in BOTH {
        for told in [true, false] {
            let actor = builder::<worker>(over).mailbox(1).spawn(()).unwrap();
            let gate = hold(&actor);
            let mut first: Vec<_> = (0..10)
                .map(|n| Box::pin(actor.ask_async(move |reply| Job::AddAndSee(n, reply))))
                .collect();
            assert!(first.iter_mut().all(|ask| poll_once(ask.as_mut()).is_pending()));
            let address = actor.address();
            let last = std::thread::spawn(move || match told {
                true => address.tell(Job::Add(99)).unwrap(),
                false => drop(address.ask(|reply| Job::AddAndSee(99, reply)).unwrap()),
            });
            // Waits for room, behind them; where it does not yet, it is later still.
            std::thread::sleep(Duration::from_millis(20));
            gate.open();

            within(LIMIT / 3, move || {
                for (n, ask) in (1..).zip(first) {
                    assert_eq!(pollster::block_on(ask).unwrap(), (0..n).collect::<Vec<_>>());
                }
                last.join().unwrap();
                let all: Vec<_> = (0..10).chain([99]).collect();
                assert_eq!(actor.ask(Job::Seen).unwrap(), all);
            });
        }
    }
}

#[test]
fn who_does_not_wait_does_not_overtake_what_waits_for_a_future() {
    for over in BOTH {
        for _ in 0..20 {
            let actor = builder::<worker>(over).mailbox(1).spawn(()).unwrap();
            let gate = hold(&actor);
            let mut asks: Vec<_> =
                (0..10).map(|n| Box::pin(actor.ask_async(move |r| Job::AddAndSee(n, r)))).collect();
            assert!(asks.iter_mut().all(|ask| poll_once(ask.as_mut()).is_pending()));

            gate.open();
            while actor.try_tell(Job::Add(99)).is_err() {}

            let all: Vec<_> = (0..10).chain([99]).collect();
            assert_eq!(actor.ask(Job::Seen).unwrap(), all);
        }
    }
}

#[test]
fn a_future_hears_of_a_death_at_once() {
    for over in BOTH {
        let actor = start(over);
        let mut kept = pin!(actor.ask_async(Job::Keep));
        assert!(poll_once(kept.as_mut()).is_pending());
        eventually(LIMIT, || actor.ask(Job::Kept).unwrap() == 1);
        let gate = hold(&actor);
        let mut waits = pin!(actor.ask_async(|reply| Job::Echo(1, reply)));
        assert!(poll_once(waits.as_mut()).is_pending());
        let start = Instant::now();

        actor.kill().unwrap();

        let error = pollster::block_on(kept).unwrap_err();
        assert!(matches!(error, AskError::MaybeExecuted { reason: ExitReason::Killed, .. }));
        let error = pollster::block_on(waits).unwrap_err();
        assert!(matches!(error, AskError::NotDelivered { .. }), "{error}");
        assert!(start.elapsed() < LIMIT / 3, "{:?}", start.elapsed());
        gate.open();
    }
}

#[test]
fn a_crash_is_the_end_of_a_future_too() {
    for over in BOTH {
        let actor = start(over);
        actor.tell(Job::End(End::Abort)).unwrap();

        let error = within(LIMIT, || pollster::block_on(actor.into_future())).unwrap_err();

        assert!(matches!(error.reason(), ExitReason::Signaled { .. }), "{error}");
    }
}

#[test]
fn a_future_waits_as_long_as_it_is_told_and_no_longer() {
    let limit = Duration::from_millis(300);
    let actors = BOTH.map(start);
    let begun = Instant::now();
    let asks =
        actors.each_ref().map(|actor| smol::spawn(actor.ask_async_timeout(Job::Keep, limit)));

    for ask in asks {
        let error = within(LIMIT, || smol::block_on(ask)).unwrap_err();
        assert!(matches!(error, AskError::TimedOut { after, .. } if after == limit), "{error}");
    }
    assert!(begun.elapsed() >= limit);
}

#[test]
fn the_timeout_of_an_executor_is_in_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for over in BOTH {
        let actor = start(over);
        let late = Duration::from_secs(2);
        let start = Instant::now();
        let ended = runtime.block_on(async {
            tokio::time::timeout(late / 40, actor.ask_async(|reply| Job::Late(late, reply))).await
        });

        assert!(ended.is_err());
        assert!(start.elapsed() < late, "{:?}", start.elapsed());
        assert_eq!(actor.ask(|reply| Job::Echo(1, reply)).unwrap(), 1);
    }
}

#[test]
fn threads_and_futures_ask_the_same_actor() {
    for over in BOTH {
        let actor = start(over);
        within(LIMIT, move || {
            std::thread::scope(|scope| {
                let outstanding = smol::spawn(actor.ask_async(Job::Keep));
                for thread in 0..4 {
                    let address = actor.address();
                    scope.spawn(move || {
                        for n in 0..300 {
                            let n = thread * 1_000 + n;
                            let answer = if n % 3 == 0 {
                                pollster::block_on(
                                    address.ask_async(move |reply| Job::Echo(n, reply)),
                                )
                            } else {
                                address.ask(|reply| Job::Echo(n, reply))
                            };
                            assert_eq!(answer.unwrap(), n);
                        }
                    });
                }
                eventually(LIMIT, || actor.ask(Job::Kept).unwrap() == 1);
                actor.tell(Job::AnswerKept(8)).unwrap();
                assert_eq!(smol::block_on(outstanding).unwrap(), 8);
            });
        });
    }
}
