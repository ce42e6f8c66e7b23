//! Monitors: one end, told once, from near and far.

use std::time::{Duration, Instant};

use procession::{Address, Down, ExitReason, Supervisor, monitor, process};
use procession_tests::{LIMIT, end_of};

use crate::cast::{BOTH, Carrier, Ended, Heard, Job, Note, Orders, keeper, signal};

/// What is heard by offices.
fn listener() -> (procession::InProcess<Ended>, procession::Mailbox<Ended>) {
    procession::mailbox()
}

fn watch_from(place: &impl Orders, to: &Address<Note>, tell: &Address<Ended>) {
    place.place().ask(|reply| Job::Watch(to.clone(), reply, tell.clone())).unwrap();
}

fn heard(monitor: procession::Monitor) -> Down {
    monitor.recv_timeout(LIMIT).expect("it ends")
}

#[test]
fn one_end_is_told_to_each_who_watches_near_and_far() {
    for carrier in BOTH {
        let (owner, other) = (carrier.office(), carrier.office());
        let (below, target) = (other.open(carrier), owner.hire(carrier));
        let (tell, mut ends) = listener();
        let here: Vec<_> = (0..3).map(|_| monitor(&target)).collect();
        for place in [owner.place(), other.place(), below] {
            watch_from(&place, &target, &tell);
            // The same way, behind the watching.
            assert_eq!(place.asks(&target), Heard::Answer(42));
        }

        signal(target.ask(Note::Pid).unwrap(), libc::SIGKILL);

        for monitor in here {
            let down = heard(monitor);
            assert_eq!((down.actor(), down.incarnation()), (target.name(), 1));
            assert!(matches!(down.reason(), ExitReason::Signaled { .. }), "{down:?}");
        }
        for _ in 0..3 {
            let end = ends.recv_timeout(LIMIT).unwrap();
            assert_eq!((end.actor.as_str(), end.incarnation), (target.name(), 1));
            assert!(matches!(end.reason, ExitReason::Signaled { .. }), "{end:?}");
        }
        assert!(ends.recv_timeout(Duration::from_millis(50)).is_err());
    }
}

#[test]
fn who_watches_what_has_ended_is_told_at_once() {
    for carrier in BOTH {
        let (owner, other, own) = (carrier.office(), carrier.office(), carrier.keeper());
        let target = owner.hire(carrier);
        signal(target.ask(Note::Pid).unwrap(), libc::SIGKILL);
        assert!(matches!(heard(monitor(&target)).reason(), ExitReason::Signaled { .. }));
        own.kill().unwrap();
        end_of(&own);
        let (tell, mut ends) = listener();
        let start = Instant::now();

        for to in [target, own.address()] {
            let here = Ended::from(heard(monitor(&to)));
            watch_from(&other, &to, &tell);
            let there = ends.recv_timeout(LIMIT).unwrap();

            assert_eq!(here, there);
            assert_eq!(here.incarnation, 1);
            let known = matches!(here.reason, ExitReason::Signaled { .. } | ExitReason::Killed);
            assert!(known, "{here:?}");
        }
        assert!(start.elapsed() < LIMIT / 3);
    }
}

#[test]
fn an_actor_that_is_gone_with_its_handle_still_says_how_it_ended() {
    for carrier in BOTH {
        let keeper = carrier.keeper();
        let address = keeper.address();
        let watch = monitor(&address);

        drop(keeper);

        assert_eq!(*heard(watch).reason(), ExitReason::Killed);
        assert_eq!(*heard(monitor(&address)).reason(), ExitReason::Killed);
    }
}

/// A keeper that is started again at once, however often it crashes.
fn supervised(carrier: Carrier) -> Supervisor {
    supervised_for(carrier, 1_000)
}

/// The same that often.
fn supervised_for(carrier: Carrier, often: u32) -> Supervisor {
    let spec = keeper::spec().id("keeper");
    let spec = spec.with(|builder| match carrier {
        Carrier::Usual => builder,
        Carrier::Frames => builder.untrusted(),
    });
    Supervisor::builder()
        .intensity(often, Duration::from_secs(60))
        .backoff(Duration::from_millis(1)..Duration::from_millis(2))
        .child(spec)
        .start()
        .unwrap()
}

/// Tells each end as it comes, and when there are no more.
#[process]
fn tell_downs(of: Address<Note>, to: Address<Option<u32>>) {
    let downs = monitor(&of).downs();
    to.tell(Some(0)).unwrap();
    downs.for_each(|down| to.tell(Some(down.incarnation())).unwrap());
    to.tell(None).unwrap();
}

#[test]
fn one_monitor_tells_the_end_of_every_process_until_there_is_no_other() {
    for carrier in BOTH {
        let tree = supervised_for(carrier, 3);
        let to: Address<Note> = tree.address("keeper").unwrap();
        let mut near = monitor(&to).downs();
        let (address, mut far) = procession::mailbox::<Option<u32>>();
        let teller =
            carrier.plain().builder::<tell_downs>().spawn((to.clone(), address.address())).unwrap();
        assert_eq!(far.recv_timeout(LIMIT).unwrap(), Some(0));

        for incarnation in 1..=4 {
            to.tell(Note::Abort).unwrap();

            assert_eq!(near.next().unwrap().incarnation(), incarnation, "{carrier:?}");
            assert_eq!(far.recv_timeout(LIMIT).unwrap(), Some(incarnation), "{carrier:?}");
        }
        assert!(near.next().is_none() && near.next().is_none(), "{carrier:?}");
        assert_eq!(far.recv_timeout(LIMIT).unwrap(), None, "{carrier:?}");
        teller.join().unwrap();
    }
}

#[test]
fn each_process_of_a_supervised_actor_has_an_end_of_its_own() {
    for carrier in BOTH {
        let tree = supervised(carrier);
        let to: Address<Note> = tree.address("keeper").unwrap();
        let other = carrier.office();
        let (tell, mut ends) = listener();

        for incarnation in 1..=20 {
            assert_eq!(to.ask(Note::Incarnation).unwrap(), incarnation);
            let here = monitor(&to);
            watch_from(&other, &to, &tell);
            // The same way, behind the watching.
            assert_eq!(other.asks(&to), Heard::Answer(42));

            to.tell(Note::Abort).unwrap();

            let here = Ended::from(heard(here));
            assert_eq!(here.incarnation, incarnation);
            assert_eq!(ends.recv_timeout(LIMIT).unwrap(), here);
        }
    }
}

/// Between two processes a number was told that did not belong to the end.
#[test]
fn who_watches_between_two_processes_is_told_of_the_one_before() {
    for carrier in BOTH {
        let tree = supervised(carrier);
        let to: Address<Note> = tree.address("keeper").unwrap();
        let first = to.ask(Note::Incarnation).unwrap();
        to.tell(Note::Abort).unwrap();
        let mut last = first;

        for _ in 0..60 {
            let watch = monitor(&to);
            // Dead already, or about to die.
            let _ = to.tell(Note::Abort);
            let down = heard(watch);
            let now = down.incarnation();
            assert!(now == last || now == last + 1 || now == last + 2, "{now} after {last}");
            assert!(matches!(down.reason(), ExitReason::Signaled { .. }), "{down:?}");
            last = now;
        }
    }
}

#[test]
fn the_end_of_an_owner_or_of_one_on_the_way_is_a_loss() {
    for carrier in BOTH {
        for kill_owner in [true, false] {
            let (middle, other) = (carrier.office(), carrier.office());
            let owner = middle.open(carrier);
            let target = owner.hire(carrier);
            let (tell, mut ends) = listener();
            let here = monitor(&target);
            watch_from(&other, &target, &tell);
            // The watching is on its way: an ask goes the same way.
            assert_eq!(other.asks(&target), Heard::Answer(42));
            let start = Instant::now();

            signal(if kill_owner { owner.own_pid() } else { middle.pid() }, libc::SIGKILL);

            let here = Ended::from(heard(here));
            let there = ends.recv_timeout(LIMIT).unwrap();
            for end in [here, there] {
                assert!(matches!(end.reason, ExitReason::Lost(_)), "{end:?}");
            }
            assert!(start.elapsed() < LIMIT / 3);
            // And those who come later.
            assert!(matches!(heard(monitor(&target)).reason(), ExitReason::Lost(_)));
        }
    }
}

#[test]
fn who_waits_in_vain_has_the_monitor_back() {
    for carrier in BOTH {
        let (owner, own) = (carrier.office(), carrier.keeper());
        for to in [own.address(), owner.hire(carrier)] {
            let mut watch = monitor(&to);
            for _ in 0..3 {
                watch = watch.recv_timeout(Duration::from_millis(5)).unwrap_err();
            }

            signal(to.ask(Note::Pid).unwrap(), libc::SIGKILL);

            assert_eq!(heard(watch).incarnation(), 1);
        }
    }
}

#[test]
fn a_mailbox_of_this_process_has_an_end_as_well() {
    let carrier = Carrier::Usual;
    let (address, mailbox) = procession::mailbox::<Note>();
    let (tell, mut ends) = listener();
    let other = carrier.office();
    let here = monitor(&address);
    watch_from(&other, &address.address(), &tell);
    // The first message is let in, behind the watching.
    assert_eq!(other.tells(&address, 1, 0), Ok(1));

    drop(mailbox);

    assert_eq!(*heard(here).reason(), ExitReason::Finished);
    assert_eq!(ends.recv_timeout(LIMIT).unwrap().reason, ExitReason::Finished);
    assert_eq!(*heard(monitor(&address)).reason(), ExitReason::Finished);
}

/// How many kilobytes of memory of its own a process has.
fn memory_of(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let private = text.lines().filter(|line| line.starts_with("Private_Dirty"));
    private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}

#[test]
fn monitors_that_are_dropped_leave_nothing_with_the_owner() {
    procession_tests::alone!({
        for carrier in BOTH {
            let (owner, other) = (carrier.office(), carrier.office());
            let target = owner.hire(carrier);
            let drop_many = |count| {
                other.ask(|reply| Job::WatchAndForget(target.clone(), count, reply)).unwrap();
                owner.ask(|reply| Job::WatchAndForget(target.clone(), count, reply)).unwrap();
                (0..count).for_each(|_| drop(monitor(&target)));
                // The same way, behind all of them.
                assert_eq!(other.asks(&target), Heard::Answer(42));
            };
            let (pid, here) = (owner.own_pid(), std::process::id());

            // A queue may become longer than any before; a leak is there in every round.
            let mut grown = Vec::new();
            let settles = (0..8).any(|_| {
                let before = (memory_of(pid), memory_of(here));
                drop_many(5_000);
                let after = (memory_of(pid), memory_of(here));
                grown.push((after.0.saturating_sub(before.0), after.1.saturating_sub(before.1)));
                grown.last().is_some_and(|&(there, here)| there < 200 && here < 200)
            });
            assert!(settles, "{grown:?} KiB");
        }
    })
}
