//! Inputs and results that cannot cross: the error of their task, with the text of its cause.

use std::panic::{AssertUnwindSafe, catch_unwind};

use procession::{Refused, TaskFailure, process};
use procession_tests::{BOTH, LIMIT};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::work::{pids, pool, square};

/// What goes wrong when this crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Odd(u8);

const FINE: Odd = Odd(0);
const NOT_WRITTEN: Odd = Odd(1);
const PANICS_WRITTEN: Odd = Odd(2);
const NOT_READ: Odd = Odd(3);
const PANICS_READ: Odd = Odd(4);

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            NOT_WRITTEN => Err(S::Error::custom("this is not for others")),
            PANICS_WRITTEN => panic!("writing went wrong"),
            Odd(n) => serializer.serialize_u8(n),
        }
    }
}

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Odd(u8::deserialize(deserializer)?) {
            NOT_READ => Err(D::Error::custom("this makes no sense")),
            PANICS_READ => panic!("reading went wrong"),
            odd => Ok(odd),
        }
    }
}

#[process]
fn take(_odd: Odd) -> u8 {
    1
}

#[process]
fn give(what: u8) -> Odd {
    Odd(what)
}

#[test]
fn an_input_that_cannot_be_encoded_fails_alone_with_the_text_of_its_cause() {
    for over in BOTH {
        let pool = pool(over, 2);

        let results = pool.try_map::<take>([FINE, NOT_WRITTEN, FINE, NOT_WRITTEN]);

        assert_eq!((&results[0], &results[2]), (&Ok(1), &Ok(1)));
        for at in [1, 3] {
            let error = results[at].as_ref().unwrap_err();
            assert!(matches!(error.failure(), TaskFailure::Encode(_)), "{error}");
            assert!(error.to_string().contains("this is not for others"), "{error}");
            assert_eq!((error.item(), error.pid()), (Some(at as u64), None), "{over:?}");
        }
        let progress = pool.progress();
        assert_eq!((progress.done, progress.failed), (2, 2), "{over:?}: {progress}");

        let refused = pool.submit::<take>(NOT_WRITTEN).unwrap_err();
        assert!(matches!(refused.reason(), Refused::Encode(_)), "{refused}");
        assert!(refused.to_string().contains("this is not for others"), "{refused}");
        assert_eq!(refused.into_input(), NOT_WRITTEN);
    }
}

#[test]
fn an_input_that_cannot_be_decoded_fails_alone_with_the_text_of_its_cause() {
    for over in BOTH {
        let pool = pool(over, 1);

        let results = pool.try_map::<take>([FINE, NOT_READ, FINE, PANICS_READ, FINE]);

        for at in [0, 2, 4] {
            assert_eq!(results[at], Ok(1), "{over:?}");
        }
        let error = results[1].as_ref().unwrap_err();
        assert!(matches!(error.failure(), TaskFailure::Undeliverable(_)), "{error}");
        assert!(error.to_string().contains("this makes no sense"), "{error}");
        assert_eq!((error.item(), error.pid()), (Some(1), Some(pids(&pool)[0])), "{over:?}");
        let error = results[3].as_ref().unwrap_err();
        assert!(matches!(error.failure(), TaskFailure::Panicked(_)), "{error}");
        assert!(error.to_string().contains("reading went wrong"), "{error}");
    }
}

#[test]
fn a_result_that_cannot_be_encoded_fails_alone_with_the_text_of_its_cause() {
    for over in BOTH {
        let pool = pool(over, 1);

        let results = pool.try_map::<give>([0, 1, 0, 2, 0]);

        for at in [0, 2, 4] {
            assert_eq!(results[at], Ok(FINE), "{over:?}");
        }
        let error = results[1].as_ref().unwrap_err();
        assert!(matches!(error.failure(), TaskFailure::Undeliverable(_)), "{error}");
        assert!(error.to_string().contains("this is not for others"), "{error}");
        let error = results[3].as_ref().unwrap_err();
        assert!(matches!(error.failure(), TaskFailure::Panicked(_)), "{error}");
        assert!(error.to_string().contains("writing went wrong"), "{error}");
        let progress = pool.progress();
        assert_eq!((progress.done, progress.failed), (3, 2), "{over:?}: {progress}");
    }
}

#[test]
fn a_result_that_cannot_be_decoded_fails_alone_with_the_text_of_its_cause() {
    for over in BOTH {
        let pool = pool(over, 1);

        let results = pool.try_map::<give>([0, 3, 0]);

        assert_eq!((&results[0], &results[2]), (&Ok(FINE), &Ok(FINE)));
        let error = results[1].as_ref().unwrap_err();
        assert!(matches!(error.failure(), TaskFailure::Undeliverable(_)), "{error}");
        assert!(error.to_string().contains("this makes no sense"), "{error}");
        assert!(error.pid().is_some() && error.item() == Some(1), "{over:?}: {error}");
    }
}

#[test]
fn encoding_that_panics_in_the_caller_is_a_panic_there_and_breaks_no_pool() {
    for over in BOTH {
        let pool = pool(over, 2);

        let items = [FINE, FINE, PANICS_WRITTEN, FINE];
        assert!(catch_unwind(AssertUnwindSafe(|| pool.map::<take>(items))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| pool.submit::<take>(PANICS_WRITTEN))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| pool.map::<give>([0, 4, 0]))).is_err());
        let task = pool.submit::<give>(4).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| task.join())).is_err());
        // Nobody could catch it where it is called back.
        let (sender, receiver) = std::sync::mpsc::channel();
        pool.submit::<give>(4).unwrap().on_done(move |given| sender.send(given).unwrap());
        let error = receiver.recv_timeout(LIMIT).unwrap().unwrap_err();
        assert!(matches!(error.failure(), TaskFailure::Undeliverable(_)), "{error}");
        assert!(error.to_string().contains("reading went wrong"), "{over:?}: {error}");
        assert!(error.pid().is_some(), "{over:?}: {error}");

        assert_eq!(pool.map::<square>(0..3).unwrap(), [0, 1, 4], "{over:?}");
        pool.join().unwrap();
    }
}

/// It used to be read over and over: the stream never came past it.
#[test]
fn a_stream_goes_on_behind_a_result_whose_decoding_panicked() {
    for over in BOTH {
        let pool = pool(over, 1);
        let mut stream = pool.stream::<give>([0, 4, 0]);
        assert_eq!(stream.next().unwrap(), Ok(FINE));

        assert!(catch_unwind(AssertUnwindSafe(|| stream.next())).is_err());

        assert_eq!(stream.next().unwrap(), Ok(FINE), "{over:?}");
        assert!(stream.next().is_none());
    }
}
