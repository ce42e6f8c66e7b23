//! Struct actors under a supervisor: their handlers crash, and their constructors refuse.

use procession::{ActorProcess, AskError, ExitReason, SupervisorEnd, process};
use procession_tests::{LIMIT, within};

use super::quick;

struct Ledger {
    entries: Vec<u64>,
}

#[process]
impl Ledger {
    fn new(first: u64) -> Self {
        Ledger { entries: vec![first] }
    }

    fn add(&mut self, entry: u64) -> Vec<u64> {
        if entry == 0 {
            std::process::abort();
        }
        self.entries.push(entry);
        self.entries.clone()
    }
}

#[test]
fn a_struct_whose_handler_crashes_is_made_anew_and_goes_on_with_what_waits() {
    let tree = quick().child(Ledger::spec(7).id("ledger")).start().unwrap();
    let address = tree.address::<<Ledger as ActorProcess>::Message>("ledger").unwrap();
    let ledger = LedgerAddress::from(address);
    assert_eq!(ledger.add(1).unwrap(), [7, 1]);

    let crashing = ledger.clone();
    let error = within(LIMIT, move || crashing.add(0).unwrap_err());
    ledger.tell().add(5).unwrap();

    assert!(matches!(error, AskError::MaybeExecuted { .. }), "{error:?}");
    assert_eq!(within(LIMIT, move || ledger.add(6).unwrap()), [7, 5, 6]);
}

struct Picky;

#[process]
impl Picky {
    fn new(number: u64) -> Result<Self, String> {
        Err(format!("{number} is not to its liking"))
    }

    fn ask(&self) {}
}

#[test]
fn a_constructor_that_refuses_each_time_is_given_up_with_its_words() {
    let tree = quick().intensity(2, LIMIT).child(Picky::spec(13).id("picky")).start().unwrap();

    let end = tree.wait_timeout(LIMIT).unwrap();

    let SupervisorEnd::GivenUp { child, restarts, reason, .. } = &end else { panic!("{end}") };
    assert_eq!((child.as_str(), *restarts), ("picky", 2));
    let ExitReason::StartFailed(why) = reason else { panic!("{reason}") };
    assert!(why.contains("13 is not to its liking"), "{why}");
}
