//! Who a process is, whose, and what it started.

use procession::{ProcessId, process};
use procession_tests::{BOTH, LIMIT, alone, end_of, eventually, value_of};

#[process]
fn who() -> (String, u32, ProcessId, bool) {
    let own = procession::current();
    (own.name().to_owned(), own.pid(), own.id().clone(), own.is_worker())
}

#[process]
fn whose() -> Option<(String, u32, ProcessId, bool)> {
    let parent = procession::parent()?;
    Some((parent.name().to_owned(), parent.pid(), parent.id().clone(), parent.is_worker()))
}

#[process]
fn whose_below() -> Option<(String, u32, ProcessId, bool)> {
    whose::builder().name("grandchild").spawn(()).unwrap().join().unwrap()
}

#[process]
fn wait_to_be_stopped() {
    procession::stopping().wait();
}

#[test]
fn a_program_knows_that_it_is_nobodys_worker() {
    let own = procession::current();
    assert!(!own.is_worker());
    assert_eq!(own.pid(), std::process::id());
    assert_eq!(own.id().as_str(), "/");
    assert_eq!(own.id().depth(), 0);
    assert!(own.name().starts_with("context"), "{}", own.name());
    assert_eq!(procession::parent(), None);
    assert!(!procession::stopping().is_set());
    assert!(!procession::stopping().wait_timeout(std::time::Duration::ZERO));
}

#[test]
fn a_worker_knows_its_name_its_id_and_its_parent() {
    for over in BOTH {
        let child = over.builder::<who>().name("named").spawn(()).unwrap();
        let (pid, id) = (child.pid(), child.id().clone());
        assert_eq!(value_of(child).unwrap(), ("named".to_owned(), pid, id, true));

        let (name, pid, id, is_worker) =
            value_of(over.builder::<whose>().spawn(()).unwrap()).unwrap().unwrap();
        assert_eq!((pid, is_worker), (std::process::id(), false));
        assert_eq!(
            (name, id),
            (procession::current().name().to_owned(), ProcessId::clone(procession::current().id()))
        );

        let child = over.builder::<whose_below>().name("middle").spawn(()).unwrap();
        let expected = ("middle".to_owned(), child.pid(), child.id().clone(), true);
        assert_eq!(value_of(child).unwrap(), Some(expected));
    }
}

#[test]
fn no_two_processes_have_the_same_id() {
    let children: Vec<_> = (0..20).map(|_| who::spawn().unwrap()).collect();
    let mut ids: Vec<_> = children.iter().map(|child| child.id().clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    for child in children {
        assert_eq!(child.id().depth(), 1);
        end_of(&child);
    }
}

#[test]
fn the_children_are_those_that_have_not_ended_the_oldest_first() {
    alone!({
        assert_eq!(procession::children(), []);
        let mut children: Vec<_> = (0..4).map(|_| wait_to_be_stopped::spawn().unwrap()).collect();
        let pids = || procession::children().iter().map(|one| one.pid()).collect::<Vec<_>>();
        let expected: Vec<_> = children.iter().map(procession::Child::pid).collect();
        assert_eq!(pids(), expected);

        let second = children.remove(1);
        second.stop(LIMIT).unwrap();
        assert_eq!(pids(), [expected[0], expected[2], expected[3]]);
        children.pop().unwrap().detach();
        assert_eq!(pids(), [expected[0], expected[2], expected[3]]);
        children.clear();
        eventually(LIMIT, || pids() == [expected[3]]);
        // SAFETY: the call touches no memory; the pid is that of a child not reaped yet.
        unsafe { libc::kill(i32::try_from(expected[3]).unwrap(), libc::SIGKILL) };
        eventually(LIMIT, || pids().is_empty());
    });
}

#[process]
fn parallelism() -> usize {
    procession::available_parallelism()
}

#[test]
fn the_parallelism_counts_the_affinity() {
    alone!({
        assert!(procession::available_parallelism() >= 1);
        // SAFETY: a zeroed set is an empty one.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the set is a local variable, and the number is small.
        unsafe { libc::CPU_SET(0, &mut set) };
        // SAFETY: the pointer is to a local variable of the size given.
        let set = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
        assert_eq!(set, 0);
        assert_eq!(procession::available_parallelism(), 1);
        assert_eq!(parallelism::call().unwrap(), 1);
    });
}

#[process]
fn stop_is_heard_everywhere() -> usize {
    let threads: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(|| {
                procession::stopping().wait();
                usize::from(procession::stopping().is_set())
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).sum()
}

#[test]
fn all_threads_of_a_process_hear_that_it_should_stop() {
    for over in BOTH {
        let child = over.builder::<stop_is_heard_everywhere>().spawn(()).unwrap();
        child.stop(LIMIT).unwrap();
        assert_eq!(value_of(child).unwrap(), 8);
    }
}
