//! Somebody dies on the way: whoever waits for an answer hears of it at once.

use std::time::{Duration, Instant};

use procession::{Actor, Address, ExitReason, Undelivered};
use procession_tests::{LIMIT, end_of, eventually};

use crate::cast::{BOTH, Carrier, Heard, Job, Note, Orders, ask, signal};

/// Much longer than anyone is to wait, and less than what waits for that.
const LONG: Duration = Duration::from_secs(25);

/// Asks from somewhere else, in a thread of its own, so long that it would be noticed.
fn asking(
    from: &impl Orders,
    job: impl FnOnce(procession::Reply<Heard>) -> Job + Send + 'static,
) -> std::thread::JoinHandle<Heard> {
    let place = from.place();
    std::thread::spawn(move || place.ask_timeout(job, 2 * LONG).unwrap())
}

fn keeping(from: &impl Orders, to: &Address<Note>) -> std::thread::JoinHandle<Heard> {
    let to = to.clone();
    asking(from, move |reply| Job::AskKept(to, LONG, reply))
}

fn count_of(to: &Address<Note>) -> u64 {
    to.ask(Note::Held).unwrap()
}

fn died_of_a_signal(heard: &Heard) -> bool {
    match heard {
        Heard::MaybeExecuted(_, reason) => {
            matches!(reason, ExitReason::Signaled { .. } | ExitReason::Killed)
        }
        _ => false,
    }
}

#[test]
fn askers_everywhere_hear_at_once_that_the_actor_was_killed() {
    for carrier in BOTH {
        let (owner, other) = (carrier.office(), carrier.office());
        let further = other.open(carrier);
        let target = owner.hire(carrier);
        let pid = target.ask(Note::Pid).unwrap();
        let mut askers = vec![keeping(&owner, &target), keeping(&other, &target)];
        askers.push(keeping(&further, &target));
        askers.push({
            let target = target.clone();
            std::thread::spawn(move || target.ask_timeout(Note::Keep, LONG).into())
        });
        eventually(LIMIT, || count_of(&target) == 4);

        let start = Instant::now();
        signal(pid, libc::SIGKILL);

        for asker in askers {
            let heard = asker.join().unwrap();
            assert!(died_of_a_signal(&heard), "{heard:?}");
        }
        assert!(start.elapsed() < LONG / 3, "{:?}", start.elapsed());
    }
}

#[test]
fn who_asked_in_vain_hears_that_it_was_not_delivered_when_the_actor_dies() {
    for carrier in BOTH {
        let (owner, other) = (carrier.office(), carrier.office());
        let target = owner.hire_with(carrier, 2);
        let pid = target.ask(Note::Pid).unwrap();
        target.tell(Note::Sleep(2 * LONG)).unwrap();
        // In the mailbox, before it, and on the way.
        let askers: Vec<_> = (0..6)
            .map(|_| {
                let target = target.clone();
                asking(&other, move |reply| Job::Ask(target, LONG, reply))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300));

        let start = Instant::now();
        signal(pid, libc::SIGKILL);

        for asker in askers {
            let heard = asker.join().unwrap();
            let Heard::NotDelivered(Undelivered::Ended(reason)) = &heard else {
                panic!("{heard:?}")
            };
            assert!(matches!(reason, ExitReason::Signaled { .. }), "{reason:?}");
        }
        assert!(start.elapsed() < LONG / 3, "{:?}", start.elapsed());
        // What was told is a letter with the owner; the message in hand as well.
        let letters = owner.ask(Job::Letters).unwrap();
        assert_eq!(letters.len(), 7, "{letters:#?}");
    }
}

#[test]
fn askers_elsewhere_hear_at_once_that_the_owner_or_one_on_the_way_was_killed() {
    for carrier in BOTH {
        for kill_owner in [true, false] {
            let (middle, other) = (carrier.office(), carrier.office());
            let owner = middle.open(carrier);
            let target = owner.hire(carrier);
            let mut askers = vec![keeping(&other, &target), keeping(&other.open(carrier), &target)];
            askers.push({
                let target = target.clone();
                std::thread::spawn(move || target.ask_timeout(Note::Keep, LONG).into())
            });
            eventually(LIMIT, || count_of(&target) == 3);

            let start = Instant::now();
            signal(if kill_owner { owner.own_pid() } else { middle.pid() }, libc::SIGKILL);

            for asker in askers {
                let heard = asker.join().unwrap();
                assert!(died_of_a_signal(&heard), "{heard:?}");
            }
            assert!(start.elapsed() < LONG / 3, "{:?}", start.elapsed());
            assert_eq!(other.asks(&target), Heard::NotDelivered(Undelivered::Unknown));
        }
    }
}

#[test]
fn a_reply_that_was_moved_dies_with_whoever_has_it() {
    for carrier in BOTH {
        let (left, right) = (carrier.office(), carrier.office());
        let first = left.hire(carrier);
        let near = carrier.keeper();
        let holders = [right.hire(carrier), right.open(carrier).hire(carrier), left.hire(carrier)];
        for holder in holders.into_iter().chain([near.address()]) {
            let pid = holder.ask(Note::Pid).unwrap();
            let (to, by) = (first.clone(), holder.clone());
            let far = asking(&right, move |reply| Job::AskKeptBy(to, by, LONG, reply));
            let (to, by) = (first.clone(), holder.clone());
            let near = std::thread::spawn(move || {
                Heard::from(to.ask_timeout(|reply| Note::HandOn(by, reply), LONG))
            });
            eventually(LIMIT, || count_of(&holder) == 2);

            let start = Instant::now();
            signal(pid, libc::SIGKILL);

            for heard in [far.join().unwrap(), near.join().unwrap()] {
                assert!(died_of_a_signal(&heard), "{holder}: {heard:?}");
            }
            assert!(start.elapsed() < LONG / 3, "{:?}", start.elapsed());
        }
    }
}

#[test]
fn a_reply_that_was_moved_outlives_whoever_had_it() {
    for carrier in BOTH {
        let (left, right) = (carrier.office(), carrier.office());
        let first = left.hire(carrier);
        let holder = right.hire(carrier);
        let pid = first.ask(Note::Pid).unwrap();
        let (to, by) = (first, holder.clone());
        let asker = asking(&right, move |reply| Job::AskKeptBy(to, by, LONG, reply));
        eventually(LIMIT, || count_of(&holder) == 1);

        signal(pid, libc::SIGKILL);
        holder.tell(Note::Release(5)).unwrap();

        assert_eq!(asker.join().unwrap(), Heard::Answer(5));
    }
}

#[test]
fn an_asker_that_dies_leaves_nothing_that_hurts() {
    for carrier in BOTH {
        let (owner, other) = (carrier.office(), carrier.office());
        let target = owner.hire(carrier);
        let place = other.place();
        let to = target.clone();
        let asks: Vec<_> = (0..20)
            .map(|_| {
                let (place, to) = (place.clone(), to.clone());
                std::thread::spawn(move || {
                    Heard::from(
                        place
                            .ask_timeout(|reply| Job::AskKept(to, LONG, reply), LONG)
                            .map(|_| 0_u64),
                    )
                })
            })
            .collect();
        eventually(LIMIT, || count_of(&target) == 20);

        let start = Instant::now();
        other.kill().unwrap();
        for ask in asks {
            let heard = ask.join().unwrap();
            assert!(died_of_a_signal(&heard), "{heard:?}");
        }
        assert!(start.elapsed() < LONG / 3, "{:?}", start.elapsed());

        target.tell(Note::Release(1)).unwrap();
        assert_eq!(ask(&target, LIMIT), Heard::Answer(42));
        assert_eq!(owner.asks(&target), Heard::Answer(42));
    }
}

/// Nobody knows what that function is for, and it passes everything on.
#[procession::process]
fn passes_on(carrier: Carrier, tell: Address<Note>, lead: Address<Place>) {
    let office: Actor<Job> = carrier.office();
    lead.tell(Place(office.address(), office.hire(carrier))).unwrap();
    tell.ask_timeout::<u64>(Note::Keep, 4 * LONG).ok();
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Place(Address<Job>, Address<Note>);

/// As above, where the one in the middle has nothing to do with actors.
#[procession::process]
fn starts_another(carrier: Carrier, tell: Address<Note>, lead: Address<Place>) {
    let child = carrier.plain().builder::<passes_on>().spawn((carrier, tell, lead)).unwrap();
    let _ = child.join();
    loop {
        std::thread::park();
    }
}

#[test]
fn a_plain_process_on_the_way_tells_who_died_below_it() {
    for carrier in BOTH {
        let (other, gate) = (carrier.office(), carrier.keeper());
        let (lead, mut places) = procession::mailbox::<Place>();
        let arguments = (carrier, gate.address(), lead.address());
        let child = carrier.plain().builder::<starts_another>().spawn(arguments).unwrap();
        let Place(office, target) = places.recv_timeout(LIMIT).unwrap();
        let asker = keeping(&other, &target);
        eventually(LIMIT, || count_of(&target) == 1);
        // Its parent is the one that was to end, and the only one that has a parent of its own.
        let owner_parent = parent_of(office.own_pid());

        let start = Instant::now();
        signal(owner_parent, libc::SIGKILL);

        let heard = asker.join().unwrap();
        assert!(died_of_a_signal(&heard), "{heard:?}");
        assert_eq!(other.asks(&target), Heard::NotDelivered(Undelivered::Unknown));
        assert_eq!(ask(&target, LONG), Heard::NotDelivered(Undelivered::Unknown));
        assert!(start.elapsed() < LONG / 3, "{:?}", start.elapsed());
        child.kill().unwrap();
        end_of(&child);
    }
}

fn parent_of(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat[stat.rfind(')').unwrap() + 2..].split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn what_could_not_go_on_is_a_letter_where_it_was_lost() {
    for carrier in BOTH {
        let (middle, other) = (carrier.office(), carrier.office());
        let target = middle.hire(carrier);
        assert_eq!(other.tells(&target, 1, 0), Ok(1));
        let mut letters = procession::dead_letters();
        while letters.try_recv().is_some() {}
        middle.kill().unwrap();
        end_of(&middle);

        // It has credit left, so it cannot know yet.
        let sent = other.tells(&target, 3, 0);

        let lost = match sent {
            Ok(sent) => sent,
            Err(why) => {
                assert_eq!(why, Undelivered::Unknown);
                continue;
            }
        };
        for _ in 0..lost {
            let letter = loop {
                let letter = letters.recv_timeout(LIMIT).unwrap();
                if letter.actor().contains(&format!(" of {})", middle.id())) {
                    break letter;
                }
            };
            assert!(letter.message_type().ends_with("Note"), "{letter}");
        }
    }
}

#[test]
fn asks_race_the_death_of_their_actor_a_hundred_times_and_always_hear_something() {
    for carrier in BOTH {
        let (owner, other) = (carrier.office(), carrier.office());
        for round in 0..50_u64 {
            let target = owner.hire(carrier);
            let pid = target.ask(Note::Pid).unwrap();
            let start = Instant::now();
            let askers: Vec<_> = (0..3)
                .map(|_| {
                    let target = target.clone();
                    asking(&other, move |reply| Job::Ask(target, LONG, reply))
                })
                .collect();
            std::thread::sleep(Duration::from_micros(round * 40));

            signal(pid, libc::SIGKILL);

            for asker in askers {
                let heard = asker.join().unwrap();
                let sound = heard == Heard::Answer(42)
                    || died_of_a_signal(&heard)
                    || matches!(heard, Heard::NotDelivered(Undelivered::Ended(_)));
                assert!(sound, "{heard:?}");
            }
            assert!(start.elapsed() < LONG / 3, "{:?}", start.elapsed());
        }
    }
}
