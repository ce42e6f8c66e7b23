//! No end leaves a zombie, a descriptor, a thread or a file behind.

use std::time::Duration;

use procession::{Child, Output, process};
use procession_tests::{
    BOTH, LIMIT, Over, alone, children_of, descriptors, end_of, eventually, soon, threads_of,
};

#[process]
fn echo(bytes: Vec<u8>, end: String) -> Vec<u8> {
    println!("printed");
    match end.as_str() {
        "return" => bytes,
        "panic" => panic!("on purpose"),
        "exit" => std::process::exit(3),
        "abort" => std::process::abort(),
        _ => loop {
            std::thread::park();
        },
    }
}

fn start(over: Over, size: usize, end: &str) -> Child<Vec<u8>> {
    let builder = over.builder::<echo>().stdout(Output::Captured).stderr(Output::Captured);
    builder.spawn((vec![1; size], end.to_owned())).unwrap()
}

/// One of each kind of end.
fn one_of_each(over: Over) {
    for size in [10, 300_000] {
        for end in ["return", "panic", "exit", "abort"] {
            let child = start(over, size, end);
            end_of(&child);
            drop(child.join());
        }
        drop(start(over, size, "return"));
        drop(start(over, size, "hang"));
        start(over, size, "return").detach();
        start(over, size, "hang").kill().unwrap();
        start(over, size, "hang").kill_tree().unwrap();
        drop(start(over, size, "hang").stop(Duration::ZERO));
        let outside = start(over, size, "hang");
        let pid = i32::try_from(outside.pid()).unwrap();
        // SAFETY: the call touches no memory; the pid is that of a child not reaped yet.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        outside.detach();
        let timeout = over.builder::<echo>().timeout(Duration::from_millis(20));
        end_of(&timeout.spawn((vec![1; size], "hang".into())).unwrap());
        let late = over.builder::<echo>().start_timeout(Duration::ZERO);
        end_of(&late.spawn((vec![1; size], "return".into())).unwrap());
    }
}

#[test]
fn no_end_leaves_a_zombie_a_thread_or_a_descriptor() {
    alone!({
        let own = std::process::id();
        let quiet = || children_of(own).is_empty();
        one_of_each(Over::Usual);
        one_of_each(Over::Frames);
        eventually(LIMIT, quiet);
        // The launcher makes what the next start needs while it is idle; that is counted with.
        let count = || (descriptors(own).len(), threads_of(own), shared_memory());
        let mut before = (0, 0, 0);
        eventually(LIMIT, || std::mem::replace(&mut before, count()) == before && before.0 > 0);
        eventually(LIMIT, || threads_of(own) <= 3);
        let before = count();

        for _ in 0..3 {
            BOTH.into_iter().for_each(one_of_each);
        }

        eventually(LIMIT, quiet);
        assert!(soon(LIMIT / 6, || count() == before), "{before:?} {:?}", descriptors(own));
    });
}

/// How many mappings of shared memory this process has.
fn shared_memory() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains("memfd:")).count()
}

/// The regions that are sent to children were handed on to whatever else was started meanwhile.
#[test]
fn commands_that_the_user_starts_inherit_no_descriptor_of_the_runtime() {
    alone!({
        let before = inherited();
        for over in BOTH {
            let waiting = start(over, 300_000, "hang");
            for _ in 0..10 {
                end_of(&start(over, 300_000, "return"));
                assert_eq!(inherited(), before, "{over:?}");
            }
            drop(waiting);
        }
    });
}

/// What a command that is started now has open.
fn inherited() -> String {
    let output = std::process::Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(" -> "));
    let mut open: Vec<_> = lines.map(|(_, to)| to.split([':', '[']).next().unwrap()).collect();
    open.retain(|to| !to.starts_with("/proc/"));
    open.join("\n")
}

#[process]
fn open_descriptors(_unused: ()) -> Vec<String> {
    let own = descriptors(std::process::id());
    own.values().map(|to| to.display().to_string()).collect()
}

#[test]
fn a_worker_has_no_descriptor_of_another_one() {
    alone!({
        for over in BOTH {
            let open = || end_and_value(over.builder::<open_descriptors>().spawn(()).unwrap());
            let alone = open();
            let others: Vec<_> = (0..10).map(|_| start(over, 300_000, "hang")).collect();
            for _ in 0..5 {
                let among_others = open();
                assert_eq!(among_others.len(), alone.len(), "{alone:#?} {among_others:#?}");
            }
            drop(others);
        }
    });
}

fn end_and_value<T>(child: Child<T>) -> T {
    procession_tests::value_of(child).unwrap()
}

#[test]
fn many_children_at_once_are_all_reaped() {
    for over in BOTH {
        let children: Vec<_> = (0..40).map(|_| start(over, 10, "hang")).collect();
        let pids: Vec<_> = children.iter().map(Child::pid).collect();
        drop(children);
        eventually(LIMIT, || pids.iter().all(|&pid| procession_tests::state_of(pid).is_none()));
    }
}

/// A child that was reaped by somebody else, or by the system, is lost, and that is said.
#[test]
fn where_the_system_reaps_children_the_reason_says_so() {
    alone!({
        // SAFETY: ignoring a signal installs no code.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        for over in BOTH {
            let child = start(over, 10, "return");
            assert_eq!(procession_tests::value_of(child).unwrap(), [1; 10]);
            for end in ["exit", "abort", "panic"] {
                let error = procession_tests::failure_of(start(over, 10, end));
                let text = error.to_string();
                let said = text.contains("SIGCHLD") || text.contains("on purpose");
                assert!(said, "{over:?}, {end}: {text}");
            }
            // Some of these are gone before anybody can hold them.
            for _ in 0..50 {
                let builder = over.builder::<echo>().stdout(Output::Captured);
                match builder.spawn((vec![], "return".to_owned())) {
                    Ok(child) => drop(end_of(&child)),
                    Err(error) => panic!("{over:?}: {error:?}"),
                }
            }
            let killed = start(over, 10, "hang");
            killed.kill().unwrap();
            drop(end_of(&killed));
        }
    });
}

#[test]
fn a_program_that_reaps_all_its_children_itself_is_told_so() {
    alone!({
        for over in BOTH {
            let child = start(over, 10, "hang");
            let pid = i32::try_from(child.pid()).unwrap();
            // SAFETY: the call touches no memory.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            // SAFETY: as above; a null status is not written.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };

            let reason = end_of(&child);

            let told = matches!(
                &reason,
                procession::ExitReason::Lost(_)
                    | procession::ExitReason::Signaled { .. }
                    | procession::ExitReason::StartFailed(_)
            );
            assert!(told, "{over:?}: {reason:?}");
        }
    });
}
