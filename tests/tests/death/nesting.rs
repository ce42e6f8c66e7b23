//! Workers start workers; a child lives as long as its parent process, not as the thread that
//! started it.

use procession::{Error, SpawnError, process};
use procession_tests::{BOTH, LIMIT, end_of, is_gone, value_of};

#[process]
fn depth_of(n: u32) -> (u32, Vec<String>) {
    let own = procession::current().id().to_string();
    if n == 0 {
        return (0, vec![own]);
    }
    let (below, mut ids) = depth_of::call(n - 1).unwrap();
    ids.push(own);
    (below + 1, ids)
}

#[test]
fn workers_start_workers_and_know_where_they_are() {
    let (depth, ids) = depth_of::call(4).unwrap();
    assert_eq!(depth, 4);
    assert_eq!(ids.len(), 5);
    for pair in ids.windows(2) {
        assert!(pair[0].starts_with(&pair[1]), "{ids:?}");
    }
}

#[process]
fn descend(n: u32) -> Result<u32, String> {
    match descend::call(n + 1) {
        Ok(below) => below,
        Err(Error::Spawn(SpawnError::TooDeep { depth, .. })) => {
            assert_eq!(depth, n);
            Ok(n)
        }
        Err(other) => Err(format!("{n}: {other}")),
    }
}

#[test]
fn a_chain_without_end_is_cut_off_with_an_error_that_says_so() {
    assert_eq!(descend::call(1).unwrap(), Ok(16));
}

#[process]
fn wait_to_be_stopped(value: u32) -> u32 {
    procession::stopping().wait();
    value
}

#[test]
fn a_child_of_a_thread_that_ends_lives_on() {
    for over in BOTH {
        let start = move || over.builder::<wait_to_be_stopped>().spawn(8).unwrap();
        let child = std::thread::spawn(start).join().unwrap();
        // Had it been tied to the thread, it would be dying since that was joined.
        let beside = std::thread::spawn(start).join().unwrap();
        assert!(child.wait_timeout(std::time::Duration::from_millis(100)).is_none());
        assert!(!is_gone(child.pid()) && beside.is_alive());
        assert_eq!(child.stop(LIMIT).unwrap(), procession::ExitReason::Finished);
        beside.stop(LIMIT).unwrap();
        assert_eq!(value_of(child).unwrap(), 8);
    }
}

#[process]
fn panic_below(n: u32) -> u32 {
    match n {
        0 => panic!("at the bottom"),
        n => panic_below::call(n - 1).unwrap(),
    }
}

#[test]
fn a_panic_below_is_told_all_the_way_up() {
    let error = panic_below::call(3).unwrap_err().to_string();
    assert!(error.contains("at the bottom"), "{error}");
}

#[process]
fn start_many(n: u32) -> u32 {
    let children: Vec<_> = (0..n).map(|n| depth_of::spawn(n % 2).unwrap()).collect();
    children.into_iter().map(|child| child.join().unwrap().0).sum()
}

#[test]
fn many_workers_that_start_many_workers_all_return() {
    let children: Vec<_> = (0..4).map(|_| start_many::spawn(6).unwrap()).collect();
    for child in children {
        end_of(&child);
        assert_eq!(child.join().unwrap(), 3);
    }
}

#[process]
fn leave_children(n: u32) -> Vec<u32> {
    let children: Vec<_> = (0..n).map(|_| wait_to_be_stopped::spawn(1).unwrap()).collect();
    let pids = children.iter().map(procession::Child::pid).collect();
    children.into_iter().for_each(procession::Child::detach);
    pids
}

#[test]
fn children_that_a_worker_detached_end_with_it() {
    let pids = leave_children::call(4).unwrap();
    procession_tests::eventually(LIMIT, || pids.iter().all(|&pid| is_gone(pid)));
}
