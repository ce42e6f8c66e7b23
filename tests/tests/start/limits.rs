//! Where the system has no descriptor or no process left, a start is a typed error: no panic, no
//! hang, and nothing left of it. What works again afterwards works as before.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use procession::{ExitReason, Mailbox, Output, SpawnError, process};
use procession_tests::{
    BOTH, LIMIT, Over, Running, again, alone, as_program, descriptors, end_of, eventually,
    not_tested, state_of, succeeds, value_of,
};

#[process]
fn length(bytes: Vec<u8>) -> usize {
    bytes.len()
}

#[process]
fn large(size: usize) -> Vec<u8> {
    println!("begun");
    procession::stopping().wait();
    vec![7; size]
}

fn set_descriptor_limit(most: u64) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: 4096 };
    // SAFETY: the pointer is to a local variable of the right type.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

/// What a start near a limit may come to: that it works, or that a limit is the reason.
fn assert_works_or_tells(over: Over, size: usize, limit: u64) -> bool {
    let child = match over.builder::<length>().spawn(vec![1; size]) {
        Ok(child) => child,
        Err(SpawnError::Descriptors { .. } | SpawnError::Processes { .. }) => return false,
        Err(SpawnError::System { source, .. } | SpawnError::Execute { source, .. })
            if source.raw_os_error() == Some(libc::EMFILE) =>
        {
            return false;
        }
        Err(other) => panic!("{over:?}, {size} bytes, limit {limit}: {other:?}"),
    };
    let reason = end_of(&child);
    let error = match child.join() {
        Ok(len) => {
            assert_eq!(len, size);
            return true;
        }
        Err(error) => error,
    };
    // The child lives under the same limit.
    let told = matches!(reason, ExitReason::StartFailed(_) | ExitReason::Undeliverable(_));
    assert!(told, "{over:?}, {size} bytes, limit {limit}: {error}");
    false
}

#[test]
fn every_descriptor_limit_from_the_start_on_gives_a_typed_error_or_works() {
    alone!({
        // The first start of the program is among them, for each limit in turn.
        for size in [10, 300_000] {
            for over in BOTH {
                let mut worked = false;
                for limit in 3..100 {
                    set_descriptor_limit(limit);
                    worked |= assert_works_or_tells(over, size, limit);
                }
                assert!(worked, "{over:?} with {size} bytes never worked");
            }
        }
        set_descriptor_limit(1024);
        assert_eq!(length::call(vec![0; 5]).unwrap(), 5);
    });
}

/// As above, but each limit meets a program that has never started anything.
#[test]
fn a_first_start_at_any_descriptor_limit_gives_a_typed_error_or_works() {
    let program = as_program(|| {
        let limit = std::env::var("MOST").unwrap().parse().unwrap();
        set_descriptor_limit(limit);
        for over in BOTH {
            assert_works_or_tells(over, 10, limit);
        }
    });
    for limit in (3..60).step_by(3) {
        let mut command = again(&program);
        command.env("MOST", limit.to_string());
        succeeds(command);
    }
}

/// Takes all descriptors but so many.
fn take_all_but(spare: usize) -> Vec<File> {
    let mut held = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        held.push(file);
    }
    held.truncate(held.len().saturating_sub(spare));
    held
}

#[test]
fn many_children_up_to_the_descriptor_limit_and_then_an_error() {
    alone!({
        set_descriptor_limit(256);
        let mut children = Vec::new();
        let error = loop {
            match large::spawn(10) {
                Ok(child) => children.push(child),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, SpawnError::Descriptors { limit: Some(256), .. }), "{error:?}");
        assert!(error.to_string().contains("256"), "{error}");
        assert!(children.len() >= 10, "only {} fitted", children.len());
        // Those that were started are none the worse for it.
        for child in &children {
            within_reach(child);
        }
        drop(children);
        eventually(LIMIT, || large::spawn(10).is_ok());
    });
}

fn within_reach<T>(child: &procession::Child<T>) {
    let reason = child.stop(LIMIT).unwrap();
    assert_eq!(reason, ExitReason::Finished, "{child:?}");
}

/// The value lies in a region whose descriptor there is no room for: that was called rubbish.
#[test]
fn a_large_result_that_comes_at_the_limit_is_undeliverable_and_says_why() {
    alone!({
        set_descriptor_limit(256);
        let child = large::builder().spawn(1 << 20).unwrap();
        begun(&child);
        let held = take_all_but(0);

        assert!(child.stop(LIMIT).is_ok());
        let reason = end_of(&child);

        drop(held);
        match reason {
            ExitReason::Undeliverable(why) => assert!(why.contains("descriptor"), "{why}"),
            // Over frames it takes none.
            other => assert_eq!(child.join().unwrap(), vec![7; 1 << 20], "{other:?}"),
        }
    });
}

#[test]
fn a_small_result_that_comes_at_the_limit_arrives() {
    alone!({
        set_descriptor_limit(256);
        for over in BOTH {
            let child = over.builder::<large>().spawn(10).unwrap();
            begun(&child);
            let held = take_all_but(0);

            let ended = child.stop(LIMIT);

            drop(held);
            assert_eq!(ended.unwrap(), ExitReason::Finished, "{over:?}");
            assert_eq!(value_of(child).unwrap(), [7; 10]);
        }
    });
}

/// Waits until a child of `large` runs its function.
fn begun<T>(child: &procession::Child<T>) {
    eventually(LIMIT, || child.output_tail().stdout == "begun\n");
}

/// Starts from many threads at once, and from each of them many times.
fn start_from_many_threads(hold: impl Fn(usize) -> Vec<File> + Sync) {
    std::thread::scope(|scope| {
        let hold = &hold;
        for thread in 0..8 {
            scope.spawn(move || {
                for round in 0..20 {
                    let held = hold(thread);
                    assert_works_or_tells(BOTH[(thread + round) % 2], 100_000, 200);
                    drop(held);
                }
            });
        }
    });
    // Who told the last ends may still be closing what it had open.
    eventually(LIMIT, || matches!(length::call(vec![0; 5]), Ok(5)));
}

#[test]
fn starting_from_many_threads_at_the_limit_neither_panics_nor_hangs() {
    alone!({
        set_descriptor_limit(200);
        for spare in [30, 60, 90] {
            let held = take_all_but(spare);
            start_from_many_threads(|_| Vec::new());
            drop(held);
        }
        let own = std::process::id();
        eventually(LIMIT, || descriptors(own).len() < 40);
    });
}

/// The program itself opens files meanwhile, so that there is less room than there was a moment
/// ago. What ipc-channel does about that may be printed, but comes out of no call of ours.
#[test]
fn descriptors_that_vanish_during_a_start_are_typed_errors() {
    let program = as_program(|| {
        set_descriptor_limit(200);
        start_from_many_threads(|thread| take_all_but(10 + 5 * thread));
    });
    let mut program = Running::start(program);
    let status = program.end();
    assert!(status.success(), "{status}: {}", program.told().1);
}

/// Run as another user, because root has no such limit.
#[test]
fn the_process_limit_is_a_typed_error() {
    // SAFETY: the call only asks.
    if unsafe { libc::geteuid() } != 0 {
        not_tested("only root can become a user that has no processes yet");
        return;
    }
    alone!({
        let user = 54_321 + std::process::id() % 1000;
        // All of the process changes, threads included: this is glibc's `setuid`.
        // SAFETY: the call touches no memory.
        assert_eq!(unsafe { libc::setuid(user) }, 0);
        // SAFETY: as above; a program that may not be looked at could not be reached by its worker.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) };

        let mut seen = (false, false);
        for most in 1..12 {
            let limit = libc::rlimit { rlim_cur: most, rlim_max: 1000 };
            // SAFETY: the pointer is to a local variable of the right type.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit) }, 0);
            for over in BOTH {
                match over.builder::<length>().spawn(vec![1; 10]) {
                    Ok(child) => match end_of(&child) {
                        ExitReason::Finished => seen.1 = true,
                        ExitReason::StartFailed(_) => {}
                        other => panic!("{over:?}, at most {most}: {other:?}"),
                    },
                    Err(SpawnError::Processes { .. }) => seen.0 = true,
                    Err(other) => panic!("{over:?}, at most {most}: {other:?}"),
                }
                eventually(LIMIT, || procession::children().is_empty());
            }
        }
        assert_eq!(seen, (true, true), "both an error and a success were expected");
    });
}

/// Says whether it had a thread left, when it is asked to stop.
#[process]
fn wait_alone(user: u32) -> bool {
    // SAFETY: the call touches no memory.
    assert_eq!(unsafe { libc::setuid(user) }, 0);
    let limit = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
    // SAFETY: the pointer is to a local variable of the right type.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit) }, 0);
    let has_threads = std::thread::Builder::new().spawn(|| ()).is_ok();
    procession::stopping().wait();
    has_threads
}

#[test]
fn a_process_that_has_no_thread_left_hears_that_it_should_stop() {
    // SAFETY: the call only asks.
    if unsafe { libc::geteuid() } != 0 {
        not_tested("only root can become a user that has no processes yet");
        return;
    }
    for (over, user) in BOTH.into_iter().zip(55_321 + std::process::id() % 1000..) {
        let child = over.builder::<wait_alone>().spawn(user).unwrap();
        // Asked while it waits, as far as that can be seen.
        eventually(LIMIT, || state_of(child.pid()) == Some('S'));
        assert_eq!(child.stop(LIMIT).unwrap(), ExitReason::Finished, "{over:?}");
        assert!(!value_of(child).unwrap(), "{over:?}");
    }
}

#[process]
fn wait_full() -> usize {
    set_descriptor_limit(64);
    let held = take_all_but(0);
    println!("full");
    procession::stopping().wait();
    held.len()
}

#[process]
fn receive_full(mailbox: Mailbox<()>) -> usize {
    set_descriptor_limit(64);
    let held = take_all_but(0);
    println!("full");
    let handled = mailbox.count();
    assert!(!held.is_empty());
    handled
}

/// It was heard when a descriptor was free to receive it with.
#[test]
fn a_process_that_has_no_descriptor_left_hears_that_it_should_stop() {
    for over in BOTH {
        let child = over.builder::<wait_full>().spawn(()).unwrap();
        eventually(LIMIT, || child.output_tail().stdout.contains("full"));
        assert_eq!(child.stop(LIMIT).unwrap(), ExitReason::Finished, "{over:?}");
        assert!(value_of(child).unwrap() > 0, "{over:?}");
    }
    for untrusted in [false, true] {
        let start = || {
            let builder = receive_full::builder();
            let actor = if untrusted { builder.untrusted() } else { builder }.spawn(()).unwrap();
            eventually(LIMIT, || actor.output_tail().stdout.contains("full"));
            actor
        };
        let actor = start();
        assert_eq!(actor.stop(LIMIT).unwrap(), ExitReason::Finished, "untrusted: {untrusted}");
        assert_eq!(actor.join().unwrap(), 0, "untrusted: {untrusted}");
        // Nor does it take one to be told other things.
        let actor = start();
        (0..5).for_each(|_| actor.tell(()).unwrap());
        actor.drain();
        assert_eq!(actor.join().unwrap(), 5, "untrusted: {untrusted}");
    }
}

/// A file may only be so long here, and a region of shared memory is one: that was a SIGXFSZ.
#[test]
fn a_limit_on_the_size_of_files_is_not_the_end_of_the_program() {
    alone!({
        let limit = libc::rlimit { rlim_cur: 1 << 20, rlim_max: 1 << 20 };
        // SAFETY: the pointer is to a local variable of the right type.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);

        for size in [10, 500_000, 3_000_000] {
            for over in BOTH {
                match over.builder::<length>().spawn(vec![1; size]) {
                    Ok(child) => assert_eq!(value_of(child).unwrap(), size),
                    Err(error) => {
                        assert!(matches!(error, SpawnError::System { .. }), "{size}: {error}");
                        assert!(error.to_string().contains("shared memory"), "{size}: {error}");
                    }
                }
            }
        }
    });
}

#[test]
fn a_start_that_the_limit_refuses_can_be_tried_again() {
    alone!({
        set_descriptor_limit(256);
        let held = take_all_but(3);
        assert!(matches!(length::spawn(vec![]), Err(SpawnError::Descriptors { .. })));
        drop(held);

        let child = length::builder().timeout(Duration::from_secs(20)).spawn(vec![]).unwrap();
        assert_eq!(value_of(child).unwrap(), 0);
    });
}

/// What a child was to inherit was for a moment for everyone whom this program starts, and one that
/// writes into whatever it finds open was taken for our child.
#[test]
fn what_another_thread_starts_inherits_nothing_that_a_child_does() {
    fn open_in_another() -> String {
        let listed = std::process::Command::new("ls").arg("/proc/self/fd").output().unwrap();
        String::from_utf8(listed.stdout).unwrap()
    }
    alone!({
        let usual = open_in_another();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for carrier in BOTH {
                let over = &over;
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let child = carrier.builder::<length>().spawn(vec![1; 3]).unwrap();
                        assert_eq!(value_of(child).unwrap(), 3);
                    }
                });
            }
            let others: Vec<String> = (0..200).map(|_| open_in_another()).collect();
            over.store(true, Ordering::Relaxed);
            assert!(others.iter().all(|open| *open == usual), "{usual:?}: {others:?}");
        });
    });
}

#[process]
fn chatter() {
    loop {
        println!("still here");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// As by a program that shuts itself in.
#[test]
fn children_are_looked_after_when_the_limit_falls_below_what_there_is_to_wait_for() {
    alone!({
        for most in 1..10 {
            let time = Duration::from_millis(300);
            let late = chatter::builder().stdout(Output::Captured).timeout(time).spawn(()).unwrap();
            let stopped = large::builder().stdout(Output::Captured).spawn(10).unwrap();
            eventually(LIMIT, || stopped.output_tail().stdout.contains("begun"));
            // Those who look after them wait by now, and again after each line.
            set_descriptor_limit(most);
            stopped.stop(LIMIT).unwrap();
            let ends = (late.wait_timeout(LIMIT), stopped.wait_timeout(LIMIT));
            set_descriptor_limit(1024);

            let expected = (Some(ExitReason::TimedOut(time)), Some(ExitReason::Finished));
            assert_eq!(ends, expected, "limit {most}");
            assert_eq!(value_of(stopped).unwrap(), vec![7; 10]);
        }
    });
}
