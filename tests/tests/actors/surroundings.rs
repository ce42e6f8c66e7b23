//! Actors among threads, forks and other actors, and what one costs that does nothing.

use std::time::Duration;

use procession::{Actor, AskError, ExitReason, Mailbox, Reply, Undelivered, process};
use procession_tests::{
    BOTH, LIMIT, Over, alone, eventually, in_a_fork, is_gone, threads_of, within,
};
use serde::{Deserialize, Serialize};

use super::work::{End, Job, builder, start, worker};

#[test]
fn ten_threads_and_a_hundred_askers_use_ten_actors() {
    for over in BOTH {
        let actors: Vec<_> = (0..10).map(|_| start(over)).collect();
        let addresses: Vec<_> = actors.iter().map(Actor::address).collect();

        let threads: Vec<_> = (0..100)
            .map(|asker| {
                let addresses = addresses.clone();
                std::thread::spawn(move || {
                    for round in 0..20 {
                        let n = asker * 100 + round;
                        let to = &addresses[(asker + round) as usize % 10];
                        to.tell(Job::Add(1)).unwrap();
                        assert_eq!(to.ask(|reply| Job::Echo(n, reply)).unwrap(), n);
                    }
                })
            })
            .collect();
        within(LIMIT * 2, || threads.into_iter().for_each(|thread| thread.join().unwrap()));

        let mut sum = 0;
        for actor in actors {
            actor.drain();
            sum += actor.join().unwrap();
        }
        assert_eq!(sum, 2_000);
    }
}

#[test]
fn an_actor_outlives_the_thread_that_started_it() {
    for over in BOTH {
        let actor = std::thread::spawn(move || start(over)).join().unwrap();
        std::thread::sleep(Duration::from_millis(50));

        assert_eq!(actor.ask(|reply| Job::Echo(3, reply)).unwrap(), 3);
    }
}

#[derive(Serialize, Deserialize)]
enum Tree {
    Depth(Reply<u32>),
    Pids(Reply<Vec<u32>>),
}

/// Has an actor of its own, which has one of its own.
#[process]
fn nested(left: u32, over: bool, mailbox: Mailbox<Tree>) {
    let below = (left > 0).then(|| {
        let over = if over { Over::Frames } else { Over::Usual };
        builder::<nested>(over).spawn((left - 1, over == Over::Usual)).unwrap()
    });
    for message in mailbox {
        match message {
            Tree::Depth(reply) => {
                let deeper = below.as_ref().map(|below| below.ask(Tree::Depth).unwrap());
                reply.send(deeper.unwrap_or(0) + 1);
            }
            Tree::Pids(reply) => {
                let mut pids = below.as_ref().map(|below| below.ask(Tree::Pids).unwrap());
                pids.get_or_insert_default().push(std::process::id());
                reply.send(pids.unwrap_or_default());
            }
        }
    }
}

#[test]
fn actors_have_actors_of_their_own() {
    for over in BOTH {
        let actor = builder::<nested>(over).spawn((4, over == Over::Usual)).unwrap();
        assert_eq!(actor.ask(Tree::Depth).unwrap(), 5);
        let pids = actor.ask(Tree::Pids).unwrap();
        assert_eq!(pids.len(), 5);

        drop(actor);

        eventually(LIMIT, || pids.iter().all(|&pid| is_gone(pid)));
    }
}

/// User and system time of a process, in ticks.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn an_idle_actor_uses_no_time() {
    for over in BOTH {
        let actor = start(over);
        for n in 0..100 {
            assert_eq!(actor.ask(|reply| Job::Echo(n, reply)).unwrap(), n);
        }
        let before = ticks(actor.pid());

        std::thread::sleep(Duration::from_secs(3));

        let used = ticks(actor.pid()) - before;
        assert!(used <= 1, "{used} ticks");
    }
}

#[test]
fn an_actor_that_was_used_leaves_no_thread() {
    alone!({
        let (square, warm) = (start(BOTH[0]), std::process::id());
        square.ask(Job::Pid).unwrap();
        pollster::block_on(square.ask_async(Job::Pid)).unwrap();
        drop(square);
        eventually(LIMIT, || procession::children().is_empty());
        std::thread::sleep(Duration::from_millis(200));
        let before = threads_of(warm);
        for over in BOTH {
            for _ in 0..5 {
                let actor = start(over);
                pollster::block_on(actor.ask_async(Job::Pid)).unwrap();
                let _ = actor.ask_timeout(Job::Keep, Duration::ZERO);
                actor.drain();
                actor.join().unwrap();
            }
        }
        eventually(LIMIT, || threads_of(warm) <= before);
    });
}

#[test]
fn in_a_fork_every_call_is_an_error_and_drops_do_nothing() {
    alone!({
        for over in BOTH {
            let actor = start(over);
            actor.tell(Job::Add(1)).unwrap();
            let (address, mut inside) = procession::mailbox::<u32>();
            address.tell(1).unwrap();
            let watch = procession::monitor(&actor.address());
            let mut all = Some((actor, address, watch));
            assert!(in_a_fork(|| {
                let (actor, address, watch) = all.take().unwrap();
                let refused = actor.tell(Job::Add(2)).unwrap_err();
                assert_eq!(*refused.reason(), Undelivered::Forked);
                assert!(actor.try_tell(Job::Add(2)).is_err());
                let error = actor.ask(Job::Seen).unwrap_err();
                let forked =
                    matches!(error, AskError::NotDelivered { reason: Undelivered::Forked, .. });
                assert!(forked, "{error}");
                assert!(pollster::block_on(actor.ask_async(Job::Seen)).is_err());
                actor.drain();
                drop(actor);
                assert_eq!(*address.tell(3).unwrap_err().reason(), Undelivered::Forked);
                drop(address);
                let ExitReason::Lost(why) = watch.recv().reason().clone() else {
                    panic!("{over:?}")
                };
                assert_eq!(why, Undelivered::Forked.to_string());
            }));
            let (actor, address, watch) = all.take().unwrap();
            assert_eq!(actor.ask(Job::Seen).unwrap(), [1]);
            address.tell(2).unwrap();
            assert_eq!((inside.recv(), inside.recv()), (Ok(1), Ok(2)));
            actor.kill().unwrap();
            assert_eq!(*watch.recv().reason(), ExitReason::Killed);
        }
    });
}

#[test]
fn a_fork_while_others_send_hangs_nowhere() {
    alone!({
        for over in BOTH {
            let actor = start(over);
            let stop = std::sync::atomic::AtomicBool::new(false);
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                            actor.ask(|reply| Job::Echo(1, reply)).unwrap();
                            actor.tell(Job::Add(1)).unwrap();
                        }
                    });
                }
                for _ in 0..30 {
                    let address = actor.address();
                    assert!(in_a_fork(|| {
                        assert!(actor.tell(Job::Add(2)).is_err());
                        assert!(actor.ask(Job::Seen).is_err());
                        assert!(address.ask(Job::Seen).is_err());
                        assert!(pollster::block_on(address.ask_async(Job::Seen)).is_err());
                        actor.drain();
                        let _ = actor.waiting();
                    }));
                }
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
            });
        }
    });
}

/// Forks with a right to answer in hand, and more messages behind.
#[process]
fn forking(mut mailbox: Mailbox<(u64, Reply<u64>)>) {
    while let Ok((n, reply)) = mailbox.recv() {
        // SAFETY: this thread alone goes on in the fork, which leaves by `_exit`.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let nothing = mailbox.try_recv().is_err();
            reply.send(1_000);
            let nothing = nothing && mailbox.recv_timeout(Duration::from_millis(1)).is_err();
            drop(mailbox);
            // SAFETY: the call takes a number and does not return.
            unsafe { libc::_exit(i32::from(!nothing)) };
        }
        let mut status = 1;
        // SAFETY: the pointer is to a local variable.
        unsafe { libc::waitpid(pid, &raw mut status, 0) };
        reply.send(if status == 0 { n } else { 2_000 });
    }
}

#[test]
fn a_fork_of_an_actor_takes_no_message_and_answers_nobody() {
    for over in BOTH {
        let actor = builder::<forking>(over).spawn(()).unwrap();
        let askers: Vec<_> = (0..10)
            .map(|n| {
                let address = actor.address();
                std::thread::spawn(move || (n, address.ask(|reply| (n, reply)).unwrap()))
            })
            .collect();

        for asker in askers {
            let (n, answer) = asker.join().unwrap();
            assert_eq!(n, answer);
        }
    }
}

#[test]
fn an_actor_dies_with_its_parent_and_takes_its_own_along() {
    for over in BOTH {
        let actor = builder::<nested>(over).spawn((2, over == Over::Usual)).unwrap();
        let pids = actor.ask(Tree::Pids).unwrap();
        // The middle one.
        // SAFETY: the call touches no memory.
        unsafe { libc::kill(pids[1].cast_signed(), libc::SIGKILL) };

        eventually(LIMIT, || is_gone(pids[0]) && is_gone(pids[1]));
        assert!(!is_gone(pids[2]));
        // Its own actor could not answer it, which it takes badly.
        let error = actor.ask(Tree::Depth).unwrap_err();
        let AskError::MaybeExecuted { reason: ExitReason::Panicked(report), .. } = &error else {
            panic!("{error}")
        };
        assert!(report.message().contains("it has ended"), "{error}");
    }
}

#[test]
fn started_and_ended_in_numbers_nothing_stays() {
    for over in BOTH {
        for n in 0..30 {
            let actor = builder::<worker>(over).spawn(()).unwrap();
            assert_eq!(actor.ask(|reply| Job::Echo(n, reply)).unwrap(), n);
            if n % 2 == 0 {
                actor.tell(Job::End(End::Abort)).unwrap();
                actor.wait();
            }
        }
    }
}
