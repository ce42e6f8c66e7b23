//! Whichever way the parent of pools ends, none of their workers is left.

use std::time::Duration;

use procession::{Pool, process};
use procession_tests::{LIMIT, Over, Place, Running, again, as_program, marked, soon};

use super::work::{Act, act, nap, pool, square};

/// Keeps a pool of its own busy.
#[process]
fn nested(_: ()) {
    let pool = Pool::new(1).unwrap();
    let _ = pool.submit::<act>(Act::Spin).unwrap().join();
}

/// Two pools with five workers: spinning, sleeping, frozen, idle, and one with a pool of its own.
fn keep_busy() -> (Pool, Pool) {
    let (ring, frames) = (pool(Over::Usual, 3), pool(Over::Frames, 2));
    drop(ring.submit::<act>(Act::Spin).unwrap());
    drop(ring.submit::<act>(Act::Signal(libc::SIGSTOP)).unwrap());
    drop(ring.submit::<nested>(()).unwrap());
    drop(frames.submit::<nap>((600_000, 1)).unwrap());
    let second = frames.submit::<square>(3).unwrap();
    assert_eq!(second.join().unwrap(), 9);
    (ring, frames)
}

fn assert_none_left(command: std::process::Command, run: &str, end: impl Fn(&mut Running)) {
    let place = Place::new();
    let value = format!("pools-{run}-{}", std::process::id());
    let entry = format!("PROCESSION_TESTS_MARK={value}");
    let mut command = command;
    command.env("TMPDIR", place.path()).env("PROCESSION_TESTS_MARK", value);
    for _ in 0..3 {
        let mut parent = Running::start(again(&command));
        parent.hear("pools");
        // Itself, its five workers, and one below.
        let all = soon(LIMIT, || marked(&entry).len() == 7);
        assert!(all, "{run}: {:?}", marked(&entry));

        end(&mut parent);
        parent.end();

        let none = soon(Duration::from_secs(2), || marked(&entry).is_empty());
        assert!(none, "{run}: {:?} are left", marked(&entry));
    }
}

fn wait_for_ever() {
    loop {
        std::thread::park();
    }
}

#[test]
fn a_parent_that_is_killed_leaves_no_worker() {
    let program = as_program(|| {
        let _pools = keep_busy();
        println!("pools");
        wait_for_ever();
    });
    assert_none_left(program, "killed", |parent| parent.signal(libc::SIGKILL));
}

#[test]
fn a_parent_that_is_killed_while_it_maps_leaves_no_worker() {
    let program = as_program(|| {
        let (ring, _frames) = keep_busy();
        println!("pools");
        let _ = ring.map::<nap>(std::iter::repeat_n((1, 1), 1_000_000));
    });
    assert_none_left(program, "mapping", |parent| parent.signal(libc::SIGKILL));
}

#[test]
fn a_parent_that_is_terminated_leaves_no_worker() {
    let program = as_program(|| {
        let _pools = keep_busy();
        println!("pools");
        wait_for_ever();
    });
    assert_none_left(program, "terminated", |parent| parent.signal(libc::SIGTERM));
}

#[test]
fn a_parent_that_aborts_or_exits_leaves_no_worker() {
    let program = as_program(|| {
        let _pools = keep_busy();
        println!("pools");
        let _ = std::io::stdin().read_line(&mut String::new());
        std::process::abort();
    });
    assert_none_left(program, "aborted", Running::tell);
    let program = as_program(|| {
        std::mem::forget(keep_busy());
        println!("pools");
        let _ = std::io::stdin().read_line(&mut String::new());
    });
    assert_none_left(program, "exited", Running::tell);
}
