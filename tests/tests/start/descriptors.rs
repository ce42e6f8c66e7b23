//! What a process inherits.

use std::thread;

use procession::process;

#[process]
fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A process runs on its initial thread, and starts others there itself; another thread of it has them
/// started by a third.
#[process]
fn start_on_two_threads() -> Vec<usize> {
    let start = || {
        let children: Vec<_> = (0..60).map(|_| open_descriptors::spawn().unwrap()).collect();
        children.into_iter().map(|child| child.join().unwrap()).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let other = scope.spawn(start);
        [start(), other.join().unwrap()].concat()
    })
}

/// What was kept for one child reached another that was started at that moment.
#[test]
fn processes_that_are_started_at_once_inherit_nothing_of_each_other() {
    let mut open = start_on_two_threads::call().unwrap();

    open.dedup();

    assert_eq!(open.len(), 1, "{open:?}");
}
