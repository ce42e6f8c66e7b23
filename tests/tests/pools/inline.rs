//! A pool without workers: the same results, in the thread that asks.

use std::cell::Cell;

use procession::{Pool, Refused, TaskFailure, process};
use procession_tests::{LIMIT, eventually};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};

use super::work::{Act, act, add, pool, square, whoami};

thread_local! {
    static HERE: Cell<u64> = const { Cell::new(0) };
}

#[process]
fn count(_: ()) -> u64 {
    HERE.set(HERE.get() + 1);
    HERE.get()
}

#[derive(Debug, Deserialize)]
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("this is not for others"))
    }
}

#[process]
fn take(_: Unwritable) {}

#[process]
fn give(_: ()) -> Unwritable {
    Unwritable
}

#[test]
fn an_inline_pool_gives_what_workers_give() {
    let (inline, real) = (Pool::inline(), pool(procession_tests::Over::Usual, 2));
    for pool in [&inline, &real] {
        assert_eq!(pool.map::<square>(0..100).unwrap()[99], 9801);
        assert_eq!(pool.map::<square>([]).unwrap(), []);
        assert_eq!(pool.map::<add>([(1, 2)]).unwrap(), [3]);
        let items = || (0..20).map(|n| if n % 7 == 3 { Act::Panic } else { Act::Give(n) });
        let results = pool.try_map::<act>(items());
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 3);
        assert_eq!(pool.map::<act>(items()).unwrap_err().item(), Some(3));
        let failed = pool.tasks::<act>().fail_fast().map(items()).unwrap_err();
        assert!(matches!(failed.failure(), TaskFailure::Panicked(_)), "{failed}");
        let some: Vec<u64> = pool.stream::<square>(0..).take(5).map(Result::unwrap).collect();
        assert_eq!(some, [0, 1, 4, 9, 16]);
        let mut all: Vec<u64> =
            pool.stream::<square>(0..5).unordered().map(Result::unwrap).collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 4, 9, 16]);
        let task = pool.submit::<square>(5).unwrap();
        task.wait();
        assert!(task.is_finished() && !task.cancel());
        assert_eq!(task.join().unwrap(), 25);
        assert_eq!(pollster::block_on(pool.submit::<square>(5).unwrap().into_future()), Ok(25));
        let (told, hear) = std::sync::mpsc::channel();
        pool.submit::<square>(6).unwrap().on_done(move |result| told.send(result).unwrap());
        assert_eq!(hear.recv().unwrap(), Ok(36));

        // What is left of the stream that was dropped is done in a moment.
        eventually(LIMIT, || pool.progress().running == 0);
        let progress = pool.progress();
        assert_eq!((progress.running, progress.queued), (0, 0), "{progress}");
        assert!(progress.done > 100 && progress.failed >= 7, "{progress}");
    }
    assert_eq!((inline.workers(), real.workers()), (0, 2));
}

#[test]
fn everything_runs_in_the_thread_that_asks_one_after_the_other() {
    let pool = Pool::inline();
    assert_eq!(pool.map::<whoami>(0..3).unwrap(), [std::process::id(); 3]);
    assert_eq!(pool.map::<count>([(); 3]).unwrap(), [1, 2, 3]);
    assert_eq!(pool.submit::<count>(()).unwrap().join().unwrap(), 4);
    assert_eq!(HERE.get(), 4);
    assert_eq!(super::work::pids(&pool), []);

    // A stream does nothing ahead.
    let mut stream = pool.stream::<count>(std::iter::repeat(()));
    assert_eq!((stream.next(), HERE.get()), (Some(Ok(5)), 5));
}

#[test]
fn what_cannot_be_encoded_is_an_error_there_as_well() {
    let pool = Pool::inline();

    let error = pool.map::<take>([Unwritable]).unwrap_err();
    assert!(matches!(error.failure(), TaskFailure::Encode(_)), "{error}");
    assert!(error.to_string().contains("this is not for others"), "{error}");
    let refused = pool.submit::<take>(Unwritable).unwrap_err();
    assert!(matches!(refused.reason(), Refused::Encode(_)), "{refused}");
    let error = pool.map::<give>([()]).unwrap_err();
    assert!(matches!(error.failure(), TaskFailure::Undeliverable(_)), "{error}");
    assert!(error.to_string().contains("this is not for others"), "{error}");
}

#[test]
fn an_inline_pool_can_be_closed() {
    let pool = Pool::inline();
    pool.join().unwrap();

    assert_eq!(*pool.submit::<square>(1).unwrap_err().reason(), Refused::Closed);
    let error = pool.map::<square>([1]).unwrap_err();
    assert!(matches!(error.failure(), TaskFailure::ShutDown), "{error}");
}

#[test]
fn retries_and_progress_work_inline() {
    let (pool, files) = (Pool::inline(), super::work::Files::new());
    let tries = files.file();
    let second = Act::Until(tries.clone(), 2, 7, Box::new(Act::Panic));
    let mut last = None;

    let all = pool.tasks::<act>().retries(1).on_progress(|progress| last = Some(*progress)).map([
        Act::Give(1),
        second,
        Act::Give(2),
    ]);

    assert_eq!(all.unwrap(), [1, 7, 2]);
    let last = last.unwrap();
    assert_eq!((last.done, last.failed, last.retried, last.total), (3, 0, 1, Some(3)), "{last}");
}

/// It panicked out of `on_done`; a pool with workers catches it.
#[test]
fn a_callback_that_panics_does_so_to_itself() {
    let pool = Pool::inline();

    pool.submit::<square>(3).unwrap().on_done(|_| panic!("not today"));

    assert_eq!(pool.submit::<square>(3).unwrap().join().unwrap(), 9);
}
