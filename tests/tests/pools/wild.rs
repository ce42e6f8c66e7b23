//! A worker that writes over the memory that it shares with its pool.

use std::fs;

use procession::{Pool, TaskFailure, process};
use procession_tests::{LIMIT, Over, eventually, is_gone, not_tested, within};

use super::work::{pids, square};

/// Writes over all memory that it shares with others and may write, and does not come back.
#[process]
fn scribble(_: ()) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    for map in maps.lines().filter(|map| map.contains(" rw-s ")) {
        let (from, to) = map.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [from, to] = [from, to].map(|at| usize::from_str_radix(at, 16).unwrap());
        for at in (from..to).step_by(8) {
            let word = std::ptr::with_exposed_provenance_mut::<u64>(at);
            // SAFETY: it is not: that is what is tested. The word is mapped and may be written.
            unsafe { word.write_volatile(0x0101_0101_0101_0101) };
        }
    }
    loop {
        std::thread::park();
    }
}

/// The pool looked at it again and again, let nobody else look, and so never heard that it was dead.
#[test]
fn a_worker_that_makes_no_sense_is_killed_and_the_others_go_on() {
    if Over::Usual.is_frames() {
        not_tested("in frames nothing is shared that could be written over");
        return;
    }
    let pool = Pool::builder().workers(2).prestart().build().unwrap();
    eventually(LIMIT, || pids(&pool).len() == 2);
    let before = pids(&pool);

    let (squares, error) = within(LIMIT, move || {
        let wild = pool.submit::<scribble>(()).unwrap();
        let squares = pool.map::<square>(0..10_000).unwrap();
        let error = wild.join().unwrap_err();
        assert_eq!(pool.map::<square>(0..3).unwrap(), [0, 1, 4]);
        (squares, error)
    });

    assert_eq!(squares[9_999], 9_999 * 9_999);
    let wild = error.pid().unwrap();
    assert!(before.contains(&wild), "{error}");
    assert!(matches!(error.failure(), TaskFailure::Crashed(_)), "{error}");
    assert!(error.to_string().contains("it sent what no worker sends"), "{error}");
    eventually(LIMIT, || is_gone(wild));
}
