//! Senders of slow, stopped and flooded actors: they wait or are told, and nobody else notices.

use std::time::{Duration, Instant};

use procession::{Address, Undelivered};
use procession_tests::{LIMIT, both_at_once, eventually};

use crate::cast::{BOTH, Heard, Job, Note, Orders, Stopped, ask, keeper, keeps};

const LONG: Duration = Duration::from_secs(20);

fn pid_of(keeper: &Address<Note>) -> u32 {
    keeper.ask(Note::Pid).unwrap()
}

/// How many kilobytes of memory of its own a process has.
fn memory_of(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let private = text.lines().filter(|line| line.starts_with("Private_Dirty"));
    private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}

#[test]
fn who_tries_to_tell_a_slow_actor_elsewhere_is_told_that_it_is_full_at_once() {
    for carrier in BOTH {
        let office = carrier.office();
        let slow = carrier.builder::<keeper>().mailbox(4).spawn(()).unwrap();
        let to = slow.address();
        let stopped = Stopped::new(slow.pid());

        let start = Instant::now();
        let (sent, refused) = office.ask(|reply| Job::TryTell(to.clone(), 1_000, reply)).unwrap();
        let (more, again) = office.ask(|reply| Job::TryTell(to.clone(), 1_000, reply)).unwrap();

        assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
        assert_eq!((refused, again), (Some(Undelivered::Full), Some(Undelivered::Full)));
        assert!((4..=100).contains(&(sent + more)), "{sent} + {more}");
        drop(stopped);
        keeps_in_any_order(&to, sent + more);
    }
}

fn keeps_in_any_order(to: &Address<Note>, expected: u64) {
    eventually(LIMIT, || to.ask(Note::Count).unwrap().0 == expected);
}

#[test]
fn who_tries_to_tell_an_idle_actor_elsewhere_is_not_told_that_it_is_full() {
    for carrier in BOTH {
        let (office, keeper) = (carrier.office(), carrier.keeper());

        let tried = office.ask(|reply| Job::TryTell(keeper.address(), 20, reply)).unwrap();

        assert_eq!(tried, (20, None));
    }
}

#[test]
fn who_tells_a_slow_actor_elsewhere_waits_and_goes_on_when_there_is_room() {
    for carrier in BOTH {
        let office = carrier.office();
        let slow = carrier.builder::<keeper>().mailbox(4).spawn(()).unwrap();
        let to = slow.address();
        let stopped = Stopped::new(slow.pid());

        let limit = Duration::from_millis(300);
        let mut waited = None;
        for _ in 0..200 {
            let within = |reply| Job::TellWithin(to.clone(), limit, reply);
            if let (Some(why), time) = office.ask(within).unwrap() {
                waited = Some((why, time));
                break;
            }
        }
        let (why, time) = waited.expect("there is an end to what it takes");
        assert_eq!(why, Undelivered::TimedOut(limit));
        assert!(time >= limit && time < LONG / 2, "{time:?}");

        let place = office.place();
        let other = to.clone();
        let teller = std::thread::spawn(move || {
            let start = Instant::now();
            (place.tells(&other, 200, 10), start.elapsed())
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(!teller.is_finished());
        drop(stopped);
        let resumed = Instant::now();
        assert_eq!(teller.join().unwrap().0, Ok(200));
        assert!(resumed.elapsed() < LONG / 2, "{:?}", resumed.elapsed());
    }
}

/// Two threads shared a question, one heard the answer, and the other slept on.
#[test]
fn many_threads_of_one_process_tell_one_slow_actor_and_all_get_through() {
    for carrier in BOTH {
        let office = carrier.office();
        let slow = carrier.builder::<keeper>().mailbox(2).spawn(()).unwrap();
        let to = slow.address();

        let tellers: Vec<_> = (0..8)
            .map(|from| {
                let (place, to) = (office.place(), to.clone());
                std::thread::spawn(move || {
                    place.ask_timeout(|reply| Job::Tell(to, from, 0..500, 4, reply), LONG).unwrap()
                })
            })
            .collect();

        for teller in tellers {
            assert_eq!(teller.join().unwrap(), Ok(500));
        }
        keeps(&to, 8 * 500);
    }
}

#[test]
fn a_flooded_actor_freezes_nobody() {
    both_at_once(BOTH, |carrier| {
        let (owner, left, right) = (carrier.office(), carrier.office(), carrier.office());
        let (flooded, calm) = (owner.hire_with(carrier, 8), owner.hire(carrier));
        // Slow: it sleeps between messages.
        for _ in 0..8 {
            flooded.tell(Note::Sleep(Duration::from_millis(400))).unwrap();
        }
        let floods: Vec<_> = [&left, &right]
            .into_iter()
            .map(|office| {
                let (place, to) = (office.place(), flooded.clone());
                std::thread::spawn(move || place.tells(&to, 2_000, 100))
            })
            .collect();

        for _ in 0..20 {
            let start = Instant::now();
            assert_eq!(left.asks(&calm), Heard::Answer(42));
            assert_eq!(ask(&calm, LIMIT), Heard::Answer(42));
            assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        }
        for flood in floods {
            assert_eq!(flood.join().unwrap(), Ok(2_000));
        }
    });
}

#[test]
fn one_stopped_actor_freezes_nobody_else() {
    both_at_once(BOTH, |carrier| {
        let (owner, left) = (carrier.office(), carrier.office());
        let (below, sender) = (owner.open(carrier), left.open(carrier));
        // In the same owner, one router further, in this process.
        let here = [carrier.keeper(), carrier.keeper()];
        let pairs = [
            (owner.hire(carrier), owner.hire(carrier)),
            (below.hire(carrier), below.hire(carrier)),
            (here[0].address(), here[1].address()),
        ];
        for (victim, other) in pairs {
            let stopped = Stopped::new(pid_of(&victim));
            let floods: Vec<_> = [left.place(), sender.clone(), owner.place()]
                .into_iter()
                .map(|place| {
                    let to = victim.clone();
                    std::thread::spawn(move || place.tells(&to, 2_000, 500))
                })
                .collect();
            std::thread::sleep(Duration::from_millis(200));

            for place in [left.place(), sender.clone(), owner.place(), below.clone()] {
                let start = Instant::now();
                assert_eq!(place.asks(&other), Heard::Answer(42));
                assert_eq!(place.tells(&other, 50, 10), Ok(50));
                assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
                let limit = Duration::from_millis(300);
                let start = Instant::now();
                let heard = place.asks_within(&victim, limit);
                let in_time = heard == Heard::TimedOut
                    || heard == Heard::NotDelivered(Undelivered::TimedOut(limit));
                assert!(in_time, "{heard:?}");
                assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
            }
            drop(stopped);
            for flood in floods {
                assert_eq!(flood.join().unwrap(), Ok(2_000));
            }
        }
    });
}

#[test]
fn a_stopped_process_on_the_way_hurts_only_those_who_need_it() {
    both_at_once(BOTH, |carrier| {
        let (middle, left, right) = (carrier.office(), carrier.office(), carrier.office());
        let below = middle.open(carrier);
        let (behind, beside) = (below.hire(carrier), right.hire(carrier));
        let own = carrier.keeper();
        assert_eq!(left.asks(&behind), Heard::Answer(42));
        let stopped = Stopped::new(middle.pid());

        let limit = Duration::from_millis(300);
        for round in 0..60 {
            let start = Instant::now();
            // Until the credit is used up and after that.
            let (tried, _) = left.ask(|reply| Job::TryTell(behind.clone(), 1, reply)).unwrap();
            assert!(tried <= 1);
            if round % 20 == 0 {
                let heard = left.asks_within(&behind, limit);
                let in_time = heard == Heard::TimedOut
                    || heard == Heard::NotDelivered(Undelivered::TimedOut(limit));
                assert!(in_time, "{heard:?}");
                let heard = ask(&behind, limit);
                assert!(!matches!(heard, Heard::Answer(_)), "{heard:?}");
            }
            assert_eq!(left.asks(&beside), Heard::Answer(42));
            assert_eq!(left.asks(&own.address()), Heard::Answer(42));
            assert_eq!(right.asks(&own.address()), Heard::Answer(42));
            assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        }

        drop(stopped);
        assert_eq!(left.asks(&behind), Heard::Answer(42));
    });
}

/// What its children send does not get out; their limits hold all the same.
#[test]
fn those_below_a_stopped_process_give_up_in_time() {
    both_at_once(BOTH, |carrier| {
        let (middle, own) = (carrier.office(), carrier.keeper());
        let below = middle.open(carrier);
        let limit = Duration::from_millis(200);
        let tellers: Vec<_> = (0..4)
            .map(|_| {
                let (below, to) = (below.clone(), own.address());
                std::thread::spawn(move || {
                    let time = Duration::from_secs(4);
                    below.ask(|reply| Job::TellAndAsk(to, time, limit, reply)).unwrap()
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(500));

        let stopped = Stopped::new(middle.pid());
        std::thread::sleep(Duration::from_secs(5));
        drop(stopped);

        for teller in tellers {
            let longest = teller.join().unwrap();
            assert!(longest < Duration::from_secs(2), "{longest:?}");
        }
        assert_eq!(below.asks(&own.address()), Heard::Answer(42));
    });
}

#[test]
fn ten_floods_of_one_stopped_actor_cost_its_owner_little_memory() {
    both_at_once(BOTH, |carrier| {
        let owner = carrier.office();
        let victim = owner.hire(carrier);
        let other = owner.hire(carrier);
        let owner_pid = owner.own_pid();
        let victim_pid = pid_of(&victim);
        let offices: Vec<_> = (0..10).map(|_| carrier.office()).collect();
        let stopped = Stopped::new(victim_pid);
        let before = memory_of(owner_pid);

        let floods: Vec<_> = offices
            .iter()
            .map(|office| {
                let (place, to) = (office.place(), victim.clone());
                std::thread::spawn(move || place.tells(&to, 300, 10_000))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(500));
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            assert_eq!(ask(&other, Duration::from_secs(5)), Heard::Answer(42));
        }
        let grown = memory_of(owner_pid).saturating_sub(before);

        // Ten times 32 messages of 10 KB, twice where they are read from, and the mailbox.
        assert!(grown < 24_000, "{grown} KiB");
        drop(stopped);
        for flood in floods {
            assert_eq!(flood.join().unwrap(), Ok(300));
        }
        keeps_in_any_order(&victim, 3_000);
    });
}

#[test]
fn large_messages_to_a_stopped_actor_do_not_pile_up_either() {
    both_at_once(BOTH, |carrier| {
        let owner = carrier.office();
        let victim = owner.hire(carrier);
        let owner_pid = owner.own_pid();
        let offices: Vec<_> = (0..3).map(|_| carrier.office()).collect();
        let stopped = Stopped::new(pid_of(&victim));
        let before = memory_of(owner_pid);

        let floods: Vec<_> = offices
            .iter()
            .map(|office| {
                let (place, to) = (office.place(), victim.clone());
                std::thread::spawn(move || place.tells(&to, 10, 4 << 20))
            })
            .collect();
        std::thread::sleep(Duration::from_secs(2));
        let grown = memory_of(owner_pid).saturating_sub(before);

        assert!(grown < 90_000, "{grown} KiB");
        drop(stopped);
        for flood in floods {
            assert_eq!(flood.join().unwrap(), Ok(10));
        }
        keeps_in_any_order(&victim, 30);
    });
}

#[test]
fn an_ask_of_a_full_actor_elsewhere_gives_up_in_time() {
    for carrier in BOTH {
        let office = carrier.office();
        let slow = carrier.builder::<keeper>().mailbox(1).spawn(()).unwrap();
        let _stopped = Stopped::new(slow.pid());
        let limit = Duration::from_millis(200);

        let start = Instant::now();
        for _ in 0..5 {
            let heard = office.asks_within(&slow.address(), limit);
            assert!(!matches!(heard, Heard::Answer(_)), "{heard:?}");
        }

        assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
    }
}
