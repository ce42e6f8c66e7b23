//! `#[process]` on an `impl` block, from its user's side: what can be annotated, and what comes of
//! it.

use std::collections::HashSet;
use std::time::Duration;

use procession::{
    Actor, ActorProcess, AskError, ExitReason, Handle, ProcessStruct, SendError, process,
};
use serde::{Deserialize, Serialize};

struct Counter {
    total: i64,
}

#[process]
impl Counter {
    fn new(start: i64) -> Self {
        Counter { total: start }
    }

    fn add(&mut self, n: i64) -> i64 {
        self.total += n;
        self.total
    }

    fn total(&self) -> i64 {
        self.total
    }
}

struct App {
    hits: Handle<Counter>,
    seen: CounterAddress,
}

#[test]
fn the_handle_has_the_methods() {
    let counter: CounterHandle = Counter::spawn(10).unwrap();

    assert_eq!(counter.add(5).unwrap(), 15);
    counter.tell().add(5).unwrap();
    assert_eq!(counter.within(Duration::from_secs(9)).add(1).unwrap(), 21);
    assert_eq!(counter.total().unwrap(), 21);
}

#[test]
fn its_methods_can_be_awaited() {
    let counter = Counter::spawn(10).unwrap();
    let address = counter.address();

    // Neither the handle nor the address has to stay.
    let of_both = [counter.ask_async().add(5), address.ask_async().add(5)];
    drop(address);
    let answers = of_both.map(|answer| smol::block_on(smol::spawn(answer)).unwrap());
    assert_eq!(answers, [15, 20]);
    let limit = Duration::from_secs(9);
    let total = counter.ask_async_timeout(limit).total();
    assert_eq!(pollster::block_on(total).unwrap(), 20);
}

#[test]
fn a_method_that_is_awaited_has_its_time_and_its_errors() {
    let sleeper = Sleeper::spawn().unwrap();
    let limit = Duration::from_millis(50);
    let error = pollster::block_on(sleeper.ask_async_timeout(limit).sleep(60_000)).unwrap_err();
    assert!(matches!(error, AskError::TimedOut { after, .. } if after == limit), "{error}");

    sleeper.kill().unwrap();
    sleeper.wait();
    let error = pollster::block_on(sleeper.ask_async().sleep(1)).unwrap_err();
    assert!(matches!(error, AskError::NotDelivered { .. }), "{error}");
}

#[test]
fn the_struct_stays_a_struct() {
    let mut counter = Counter::new(1);

    assert_eq!(counter.add(2), 3);
    assert_eq!(counter.total(), 3);
}

#[test]
fn the_address_has_the_methods_and_goes_anywhere() {
    let hits = Counter::spawn(1).unwrap();
    let app = App { seen: hits.address(), hits };

    let again: CounterAddress = app.seen.clone();
    assert_eq!(again.add(1).unwrap(), 2);
    again.tell().add(1).unwrap();
    assert_eq!(again.within(Duration::from_secs(9)).total().unwrap(), 3);
    assert_eq!(app.hits.total().unwrap(), 3);
    assert_eq!(again, app.seen);
    assert_eq!(HashSet::from([again, app.hits.address()]).len(), 1);
}

#[test]
fn handle_and_address_become_what_they_are_made_of() {
    let actor: Actor<<Counter as ActorProcess>::Message> = Counter::builder().spawn(5).unwrap();
    let address = CounterAddress::from(actor.address());
    let counter = CounterHandle::from(actor);

    assert_eq!(address.add(1).unwrap(), counter.total().unwrap());
    let actor = Actor::from(counter);
    actor.drain();
    actor.join().unwrap();
    let refused: SendError = address.tell().add(1).unwrap_err();
    assert!(!refused.actor().is_empty());
    let _ = Counter::spec(3);
}

fn start<S: ProcessStruct>(input: S::Input) -> (Handle<S>, S::Address) {
    let actor = S::builder().spawn(input).expect("it starts");
    let address = actor.address().into();
    (actor.into(), address)
}

#[test]
fn code_can_be_generic_over_struct_actors() {
    let (counter, address) = start::<Counter>(7);

    assert_eq!(counter.add(1).unwrap(), address.total().unwrap());
}

/// All that a block can have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Shelf<T> {
    rows: Vec<T>,
    log: Option<procession::Address<u8>>,
}

#[derive(Debug)]
struct Narrow;

impl std::fmt::Display for Narrow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a shelf needs rows")
    }
}

#[process(handle = Rack, deadline = "2m")]
impl Shelf<u8> {
    const LEN: usize = 2;

    pub(crate) fn with_rows(rows: usize, _: String) -> Result<Shelf<u8>, Narrow> {
        if rows == 0 { Err(Narrow) } else { Ok(Shelf { rows: vec![0; rows], log: None }) }
    }

    /// Not a constructor.
    fn most() -> usize {
        Self::LEN
    }

    fn nothing(&self) {}

    fn merge(&mut self, mut other: Self, more: [u8; Self::LEN], _: u8, reply: u8) -> Self {
        other.rows.extend(more);
        other.rows.push(reply);
        self.rows = other.rows;
        self.clone()
    }

    fn store(&mut self, bytes: Vec<u8>, name: String) -> Result<usize, String> {
        if bytes.is_empty() {
            return Err(name);
        }
        self.rows = bytes;
        Ok(self.rows.len())
    }

    #[expect(clippy::needless_arbitrary_self_type, reason = "it is the same, said otherwise")]
    fn rows(self: &mut Self) -> Vec<u8> {
        self.rows.clone()
    }

    fn r#type(&self, none: u8, r#fn: u8, limit: u8, to: u8) -> (u8, u8, u8, u8) {
        (none, r#fn, limit, to)
    }

    // These are methods of the handle as well; here they are the user's.
    fn tell(&self) -> u8 {
        1
    }

    fn within(&self) -> u8 {
        2
    }

    fn address(&self) -> u8 {
        3
    }

    fn builder(&self) -> u8 {
        4
    }

    fn stop(&self) -> u8 {
        5
    }

    fn run(&self) -> u8 {
        6
    }

    #[cfg(true)]
    fn chosen(&self) -> u8 {
        7
    }

    #[cfg(false)]
    fn chosen(&self) -> Missing {
        7
    }

    fn conditional(&self, #[cfg(false)] a: Missing, #[cfg(true)] b: u8) -> u8 {
        b
    }

    fn unused(&mut self, what: Message, row: R) -> (Message, R) {
        (what, row)
    }

    #[stop]
    fn leave(self) {}
}

/// Names that the expansion could have as well.
type Message = u8;
type R = u8;

#[test]
fn a_block_can_have_all_of_this() {
    let shelf: Rack = Shelf::spawn(3, "oak".into()).unwrap();

    assert_eq!(shelf.name(), "Shelf<u8>");
    shelf.nothing().unwrap();
    let other = Shelf { rows: vec![1], log: None };
    let merged = shelf.merge(other, [2, 3], 9, 4).unwrap();
    assert_eq!(merged.rows, [1, 2, 3, 4]);
    assert_eq!(shelf.store(vec![7; 100_000], "a".into()).unwrap(), Ok(100_000));
    assert_eq!(shelf.store(vec![], "a".into()).unwrap(), Err("a".to_owned()));
    assert_eq!(shelf.rows().unwrap(), vec![7; 100_000]);
    assert_eq!(shelf.r#type(1, 2, 3, 4).unwrap(), (1, 2, 3, 4));
    assert_eq!(shelf.chosen().unwrap(), 7);
    assert_eq!(shelf.conditional(8).unwrap(), 8);
    assert_eq!(Shelf::<u8>::most(), 2);
    assert_eq!(Shelf::<u8>::DEADLINE, Some(Duration::from_secs(120)));
    assert_eq!(shelf.unused(1, 2).unwrap(), (1, 2));
}

#[test]
fn only_spawn_is_taken_from_the_users_names() {
    let shelf = Shelf::spawn(3, "oak".into()).unwrap();

    let said = [shelf.tell(), shelf.within(), shelf.address(), shelf.stop(), shelf.run()];
    assert_eq!(said.map(Result::unwrap), [1, 2, 3, 5, 6]);
    assert_eq!(shelf.builder().unwrap(), 4);
    let under = &*shelf;
    under.tell().nothing().unwrap();
    let address: RackAddress = under.address();
    assert_eq!(address.builder().unwrap(), 4);
}

#[test]
fn a_constructor_that_fails_says_why() {
    let shelf = Actor::from(Shelf::spawn(0, "oak".into()).unwrap());

    let error = shelf.join().unwrap_err();
    assert!(error.to_string().contains("a shelf needs rows"), "{error}");
    assert!(matches!(error.reason(), ExitReason::StartFailed(_)), "{error}");
}

struct Sleeper;

#[process(deadline = "1s")]
impl Sleeper {
    fn new() -> Self {
        Sleeper
    }

    fn sleep(&self, millis: u64) -> u64 {
        std::thread::sleep(Duration::from_millis(millis));
        millis
    }
}

#[test]
fn a_method_has_the_time_that_the_caller_gives_it() {
    let sleeper = Sleeper::spawn().unwrap();

    let late = sleeper.within(Duration::from_millis(20)).sleep(150).unwrap_err();

    assert!(matches!(late, AskError::TimedOut { .. }), "{late}");
    assert_eq!(sleeper.sleep(1).unwrap(), 1);
}

#[test]
fn a_method_that_passes_the_deadline_ends_the_actor() {
    let sleeper = Sleeper::spawn().unwrap();

    let killed = sleeper.sleep(60_000).unwrap_err();

    assert!(matches!(killed, AskError::MaybeExecuted { .. }), "{killed}");
    assert!(matches!(sleeper.wait(), ExitReason::TimedOut(_)));
}

#[test]
fn a_panic_in_a_method_is_an_error_of_who_called_it() {
    struct Fragile;
    #[process]
    impl Fragile {
        fn new() -> Self {
            Fragile
        }

        fn halve(&self, n: u64) -> u64 {
            assert!(n.is_multiple_of(2), "{n} is odd");
            n / 2
        }
    }
    let fragile = Fragile::spawn().unwrap();

    assert_eq!(fragile.halve(4).unwrap(), 2);
    let error = fragile.halve(3).unwrap_err();
    assert!(matches!(error, AskError::MaybeExecuted { .. }), "{error}");
    assert!(matches!(fragile.wait(), ExitReason::Panicked(_)));
}

#[test]
fn the_hook_is_called_when_the_actor_stops() {
    struct Last(String);
    #[process]
    impl Last {
        fn new(path: String) -> Self {
            Last(path)
        }

        #[stop]
        fn write(&mut self) {
            std::fs::write(&self.0, "stopped").unwrap();
        }
    }
    let path = std::env::temp_dir().join(format!("procession-stop-{}", std::process::id()));

    let last = Last::spawn(path.to_str().unwrap().to_owned()).unwrap();
    last.stop(Duration::from_secs(9)).unwrap();

    assert_eq!(std::fs::read_to_string(&path).unwrap(), "stopped");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_test_has_its_own_struct() {
    struct Twin;
    #[process]
    impl Twin {
        fn new() -> Self {
            Twin
        }

        fn number(&self) -> u8 {
            1
        }
    }

    assert_eq!(Twin::spawn().unwrap().number().unwrap(), 1);
}

#[test]
fn another_test_has_another_struct_of_that_name() {
    struct Twin(String);
    #[process]
    impl Twin {
        #[cfg(true)]
        fn new(text: String, #[cfg(false)] more: Missing) -> Twin {
            Twin(text)
        }

        #[cfg(false)]
        fn new() -> Twin {
            Twin
        }

        fn number(&self) -> String {
            self.0.clone()
        }
    }

    assert_eq!(Twin::spawn("one".into()).unwrap().number().unwrap(), "one");
}
