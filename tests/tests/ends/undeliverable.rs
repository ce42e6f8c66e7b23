//! Values that cannot cross: the text of the user's own `Serialize` or `Deserialize` is told, and
//! what cannot be sent starts nothing.

use std::fmt::Debug;

use procession::{EncodeError, ExitReason, SpawnError, process};
use procession_tests::{BOTH, Over, failure_of, value_of};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Refuses to be written, to be read, or neither.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fickle {
    Fine,
    Unwritable,
    Unreadable,
}

impl Serialize for Fickle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Fickle::Fine => serializer.serialize_u8(0),
            Fickle::Unwritable => Err(S::Error::custom("the disk is a lie")),
            Fickle::Unreadable => serializer.serialize_u8(1),
        }
    }
}

impl<'de> Deserialize<'de> for Fickle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(Fickle::Fine),
            other => Err(D::Error::custom(format!("{other} is not fine"))),
        }
    }
}

#[process]
fn give(which: u8) -> Fickle {
    [Fickle::Fine, Fickle::Unwritable, Fickle::Unreadable][usize::from(which)]
}

#[process]
fn take(fickle: Fickle, _more: String) -> String {
    format!("{fickle:?}")
}

fn undeliverable<T: Debug>(child: procession::Child<T>) -> String {
    let error = failure_of(child);
    match error.reason() {
        ExitReason::Undeliverable(why) => why.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_result_that_cannot_be_encoded_is_undeliverable_and_says_why() {
    for over in BOTH {
        let why = undeliverable(over.builder::<give>().spawn(1).unwrap());
        assert!(why.contains("the disk is a lie") && why.contains("Fickle"), "{why}");
    }
}

#[test]
fn a_result_that_cannot_be_decoded_is_undeliverable_and_says_why() {
    for over in BOTH {
        let why = undeliverable(over.builder::<give>().spawn(2).unwrap());
        assert!(why.contains("1 is not fine") && why.contains("Fickle"), "{why}");
    }
}

#[test]
fn arguments_that_cannot_be_encoded_start_nothing_and_say_why() {
    for over in BOTH {
        let builder = over.builder::<take>().name("never started");
        let error = builder.spawn((Fickle::Unwritable, String::new())).unwrap_err();
        match &error {
            SpawnError::Encode { source: EncodeError::Refused { text, .. }, .. } => {
                assert!(text.contains("the disk is a lie"), "{text}");
            }
            other => panic!("{other:?}"),
        }
        assert!(error.to_string().contains("`never started`"), "{error}");
        assert!(procession::children().iter().all(|child| child.name() != "never started"));
    }
    // A failure leaves nothing behind that would go out with the next message.
    for _ in 0..20 {
        let child = take::spawn(Fickle::Fine, "after".into()).unwrap();
        assert_eq!(value_of(child).unwrap(), "Fine");
    }
}

#[test]
fn arguments_that_cannot_be_decoded_fail_the_start_and_say_why() {
    for over in BOTH {
        let child = over.builder::<take>().spawn((Fickle::Unreadable, String::new())).unwrap();
        let error = failure_of(child);
        match error.reason() {
            ExitReason::StartFailed(why) => assert!(why.contains("1 is not fine"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flattened {
    #[serde(flatten)]
    rest: std::collections::BTreeMap<String, u32>,
}

#[process]
fn untagged(_unused: ()) -> Untagged {
    Untagged::Text("which".into())
}

#[process]
fn flattened(_unused: ()) -> Flattened {
    Flattened { rest: [("a".to_owned(), 1)].into() }
}

#[test]
fn what_the_format_cannot_do_is_named() {
    let why = undeliverable(untagged::spawn(()).unwrap());
    assert!(why.contains("untagged"), "{why}");
    let why = undeliverable(flattened::spawn(()).unwrap());
    assert!(why.contains("flatten"), "{why}");
}

#[process]
fn bytes(size: usize) -> Vec<u8> {
    vec![1; size]
}

#[process]
fn numbers(size: usize) -> Vec<u32> {
    vec![u32::MAX; size]
}

#[process]
fn length(bytes: Vec<u8>) -> usize {
    bytes.len()
}

#[test]
fn a_result_larger_than_the_limit_is_undeliverable_and_names_the_limit() {
    for over in BOTH {
        let limited = |size| over.builder::<bytes>().max_message(100_000).spawn(size).unwrap();
        assert_eq!(value_of(limited(99_000)).unwrap().len(), 99_000);
        for size in [100_001, 1 << 20, 50 << 20] {
            let why = undeliverable(limited(size));
            assert!(why.contains("100000"), "{over:?}: {why}");
        }
        let limited = over.builder::<numbers>().max_message(1_000).spawn(10_000).unwrap();
        assert!(undeliverable(limited).contains("1000"));
    }
}

#[test]
fn arguments_larger_than_the_limit_start_nothing_and_name_the_limit() {
    for over in BOTH {
        let error = over.builder::<length>().max_message(1_000).spawn(vec![0; 2_000]).unwrap_err();
        assert!(
            matches!(
                error,
                SpawnError::Encode { source: EncodeError::TooLarge { limit: 1_000, .. }, .. }
            ),
            "{error:?}"
        );
    }
}

#[test]
fn a_limit_of_any_size_is_obeyed_without_a_panic() {
    for over in BOTH {
        for limit in [0, 1, 7, 8, 9, 15, 16, 17, 24, usize::MAX] {
            match over.builder::<length>().max_message(limit).spawn(vec![1; 8]) {
                Ok(child) => match value_of(child) {
                    Ok(len) => assert_eq!(len, 8),
                    Err(error) => panic!("{over:?}, {limit}: {error}"),
                },
                Err(SpawnError::Encode { .. }) => assert!(limit <= 16, "{limit}"),
                Err(other) => panic!("{over:?}, {limit}: {other}"),
            }
        }
    }
}

/// A panic of the user's own `Serialize` is a panic of the function's process, or of the caller.
struct Explosive;

impl Serialize for Explosive {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("it goes off when written")
    }
}

impl<'de> Deserialize<'de> for Explosive {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("it goes off when read")
    }
}

#[process]
fn explosive(_unused: ()) -> Explosive {
    Explosive
}

#[test]
fn a_result_that_panics_when_written_is_a_panic_of_the_process() {
    for over in [Over::Usual, Over::Frames] {
        let error = failure_of(over.builder::<explosive>().spawn(()).unwrap());
        match error.reason() {
            ExitReason::Panicked(report) => assert!(report.message().contains("when written")),
            other => panic!("{other:?}"),
        }
    }
}
