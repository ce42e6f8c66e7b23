//! Addresses that lead nowhere: whoever uses one is told why, near and far.

use std::time::{Duration, Instant};

use procession::{Address, ExitReason, Undelivered, process};
use procession_tests::{LIMIT, end_of};
use serde_json::Value;

use crate::cast::{BOTH, Heard, Job, Note, Orders, ask};

/// The address with something else at that place of its JSON.
fn edited(
    address: &Address<Note>,
    field: &[&str],
    change: impl FnOnce(&Value) -> Value,
) -> Address<Note> {
    let mut json = serde_json::to_value(address).unwrap();
    let mut at = &mut json["place"];
    for name in field {
        at = &mut at[name];
    }
    *at = change(at);
    serde_json::from_value(json).unwrap()
}

/// What it says to one here and to one there, who tell, try, ask, and ask by a future.
#[track_caller]
fn told(to: &Address<Note>, from: &impl Orders) -> Undelivered {
    let start = Instant::now();
    let note = || Note::Number { from: 0, n: 0, load: Vec::new() };
    let refused = to.tell(note()).unwrap_err();
    assert_eq!(refused.actor(), to.name());
    let why = refused.reason().clone();
    assert!(matches!(refused.into_message(), Note::Number { .. }));
    assert_eq!(*to.try_tell(note()).unwrap_err().reason(), why);
    assert_eq!(ask(to, LIMIT), Heard::NotDelivered(why.clone()));
    let by_future = crate::cast::wait_for(to.ask_async(|reply| Note::Echo(1, reply)));
    assert_eq!(Heard::from(by_future), Heard::NotDelivered(why.clone()));

    assert_eq!(from.tells(to, 1, 0), Err(why.clone()), "told from elsewhere");
    let tried = from.place().ask(|reply| Job::TryTell(to.clone(), 1, reply)).unwrap();
    assert_eq!(tried, (0, Some(why.clone())), "tried from elsewhere");
    assert_eq!(from.asks(to), Heard::NotDelivered(why.clone()), "asked from elsewhere");
    let by_future = from.place().ask(|reply| Job::AskAsync(to.clone(), reply)).unwrap();
    assert_eq!(by_future, Heard::NotDelivered(why.clone()), "asked from elsewhere by a future");
    assert!(start.elapsed() < LIMIT / 2, "it took {:?}", start.elapsed());
    why
}

#[test]
fn an_actor_that_has_ended_is_an_error_that_says_how() {
    for carrier in BOTH {
        let office = carrier.office();
        let keeper = carrier.keeper();
        keeper.kill().unwrap();
        end_of(&keeper);

        let why = told(&keeper.address(), &office);

        assert_eq!(why, Undelivered::Ended(ExitReason::Killed));
    }
}

#[test]
fn an_actor_whose_owner_has_ended_is_unknown() {
    for carrier in BOTH {
        let (office, owner) = (carrier.office(), carrier.office());
        let below = owner.open(carrier);
        let addresses = [owner.hire(carrier), below.hire(carrier)];
        owner.kill().unwrap();
        end_of(&owner);

        for address in addresses {
            assert_eq!(told(&address, &office), Undelivered::Unknown);
            assert_eq!(told(&address, &office.open(carrier)), Undelivered::Unknown);
        }
    }
}

#[test]
fn an_address_of_another_run_is_foreign() {
    for carrier in BOTH {
        let (office, keeper) = (carrier.office(), carrier.keeper());
        let other = |tree: &Value| (tree.as_u64().unwrap() ^ 1).into();

        let foreign = edited(&keeper.address(), &["tree"], other);

        assert_eq!(told(&foreign, &office), Undelivered::Foreign);
    }
}

#[test]
fn an_invented_address_is_unknown() {
    for carrier in BOTH {
        let (office, keeper) = (carrier.office(), carrier.keeper());
        let far = office.open(carrier).hire(carrier);
        let next = |number: &Value| (number.as_u64().unwrap() ^ 1).into();

        for address in [keeper.address(), far] {
            let number = edited(&address, &["target", "number"], |_| 4_000_000.into());
            let key = edited(&address, &["target", "key"], next);
            let owners = ["/77", "/1/2/3", "", "//", "/1/", "x", "/-1", "1", "/0/0"]
                .map(|owner| edited(&address, &["owner"], |_| owner.into()));

            for invented in [number, key].into_iter().chain(owners) {
                assert_eq!(told(&invented, &office), Undelivered::Unknown, "{invented}");
            }
            assert_eq!(ask(&address, LIMIT), Heard::Answer(42));
        }
    }
}

/// What it says to a text, each time, whatever else arrives there.
#[process]
fn tell_a_text(json: String) -> Undelivered {
    let to: Address<String> = serde_json::from_str(&json).unwrap();
    let right: Address<Note> = serde_json::from_str(&json).unwrap();
    let tell = || to.tell("hello".to_owned()).unwrap_err().reason().clone();
    let why = tell();
    for n in 0..200 {
        right.tell(Note::Number { from: 0, n, load: Vec::new() }).unwrap();
        assert_eq!(tell(), why, "{n}");
    }
    why
}

#[test]
fn an_address_of_another_type_is_an_error_with_both_names() {
    for carrier in BOTH {
        let (office, keeper) = (carrier.office(), carrier.keeper());
        for address in [keeper.address(), office.hire(carrier)] {
            let text = serde_json::to_string(&address).unwrap();
            let near: Address<String> = serde_json::from_str(&text).unwrap();

            let near = near.tell("hello".to_owned()).unwrap_err().reason().clone();
            let far = carrier.plain().builder::<tell_a_text>().spawn(text).unwrap().join().unwrap();

            assert_eq!(near, far);
            let Undelivered::WrongType { takes, given, .. } = near else { panic!("{near}") };
            assert!(takes.ends_with("cast::Note"), "{takes}");
            assert!(given.ends_with("String"), "{given}");
            assert_eq!(ask(&address, LIMIT), Heard::Answer(42));
        }
    }
}

/// The other way round: one that claims to be of the right type.
#[test]
fn an_address_with_a_wrong_fingerprint_is_of_the_wrong_type() {
    for carrier in BOTH {
        let (office, keeper) = (carrier.office(), carrier.keeper());

        let wrong = edited(&keeper.address(), &["target", "fingerprint"], |_| 5.into());

        let why = told(&wrong, &office);
        assert!(matches!(why, Undelivered::WrongType { .. }), "{why}");
    }
}

#[test]
fn an_actor_that_asks_itself_is_told_so_at_once() {
    for carrier in BOTH {
        let (keeper, office) = (carrier.keeper(), carrier.office());
        let start = Instant::now();

        for keeper in [keeper.address(), office.hire(carrier)] {
            let heard = keeper.ask(Note::AskYourself).unwrap();

            assert_eq!(heard, Heard::NotDelivered(Undelivered::Itself));
        }
        assert!(start.elapsed() < LIMIT / 3);
    }
}

#[test]
fn a_mailbox_of_this_process_that_asks_itself_is_told_so_at_once() {
    let (address, mailbox) = procession::mailbox::<Note>();
    let reader = std::thread::spawn(move || crate::cast::keeper(mailbox));
    let start = Instant::now();

    let heard = address.ask(Note::AskYourself).unwrap();

    assert_eq!(heard, Heard::NotDelivered(Undelivered::Itself));
    assert!(start.elapsed() < LIMIT / 3);
    drop(address);
    reader.join().unwrap();
}

#[test]
fn a_message_over_the_limit_of_an_actor_elsewhere_is_refused_and_the_actor_goes_on() {
    for carrier in BOTH {
        let office = carrier.office();
        let small = carrier.builder::<crate::cast::keeper>().max_message(10_000).spawn(()).unwrap();
        let mut letters = procession::dead_letters();

        assert_eq!(office.tells(&small.address(), 1, 20_000), Ok(1));

        let name = small.name();
        let letter = loop {
            let letter = letters.recv_timeout(LIMIT).unwrap();
            if letter.actor() == name && letter.payload().len() > 20_000 {
                break letter;
            }
        };
        assert!(letter.to_string().contains("10000 bytes"), "{letter}");
        assert_eq!(ask(&small.address(), LIMIT), Heard::Answer(42));
    }
}

#[test]
fn the_longest_wait_there_is_is_no_panic() {
    for carrier in BOTH {
        let (office, keeper) = (carrier.office(), carrier.keeper());
        let far = office.hire(carrier);

        for to in [keeper.address(), far] {
            let (refused, _) =
                office.ask(|reply| Job::TellWithin(to.clone(), Duration::MAX, reply)).unwrap();
            assert_eq!(refused, None);
            assert_eq!(ask(&to, Duration::MAX), Heard::Answer(42));
            assert_eq!(office.asks_within(&to, Duration::MAX), Heard::Answer(42));
        }
    }
}

#[test]
fn an_actor_that_is_drained_takes_no_more_from_elsewhere() {
    for carrier in BOTH {
        let (office, keeper) = (carrier.office(), carrier.keeper());
        let to = keeper.address();
        assert_eq!(office.asks(&to), Heard::Answer(42));
        keeper.tell(Note::Sleep(Duration::from_millis(300))).unwrap();

        keeper.drain();

        assert_eq!(office.asks(&to), Heard::NotDelivered(Undelivered::Stopping));
        end_of(&keeper);
        let heard = office.asks(&to);
        assert_eq!(heard, Heard::NotDelivered(Undelivered::Ended(ExitReason::Finished)));
    }
}
