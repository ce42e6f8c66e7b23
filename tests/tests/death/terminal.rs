//! Ctrl-C: the terminal sends SIGINT to the foreground process group, which is the program alone.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::time::Duration;

use procession::{Builder, ExitReason, Output, process};
use procession_tests::{LIMIT, Place, Running, as_program, end_of, eventually, marked};

#[process]
fn wait(_unused: ()) {
    loop {
        std::thread::park();
    }
}

#[process]
fn group(_unused: ()) -> i32 {
    // SAFETY: the call only asks.
    unsafe { libc::getpgrp() }
}

fn quiet<P: procession::Process>(builder: Builder<P>) -> Builder<P> {
    builder.stdout(Output::Lines).stderr(Output::Inherit)
}

/// Starts the program in a group of its own, as a shell does, and presses Ctrl-C.
fn interrupt(mut command: Command, run: &str) -> (Running, String, Place) {
    let entry = format!("{run}-{}", std::process::id());
    let place = Place::new();
    command.env("PROCESSION_TESTS_MARK", &entry).env("TMPDIR", place.path()).process_group(0);
    let mut program = Running::start(command);
    program.hear("ready");
    let entry = format!("PROCESSION_TESTS_MARK={entry}");
    eventually(LIMIT, || marked(&entry).len() == 4);
    let group = i32::try_from(program.pid()).unwrap();
    // SAFETY: the call touches no memory; the group is led by a child not reaped yet.
    assert_eq!(unsafe { libc::kill(-group, libc::SIGINT) }, 0);
    (program, entry, place)
}

fn assert_ended_once_and_quietly((mut program, entry, _place): (Running, String, Place)) {
    let status = program.end();
    assert_eq!(status.signal(), Some(libc::SIGINT));
    eventually(Duration::from_secs(2), || marked(&entry).is_empty());
    let (_, complained) = program.told();
    assert_eq!(complained, "");
}

#[test]
fn an_interrupt_ends_the_program_by_it_without_noise_and_leaves_nobody() {
    let program = as_program(|| {
        let _children = [1, 2, 3].map(|_| quiet(wait::builder()).spawn(()).unwrap());
        println!("ready");
        wait(());
    });
    assert_ended_once_and_quietly(interrupt(program, "interrupted"));
}

#[test]
fn an_interrupt_reaches_children_that_share_the_group_too() {
    let program = as_program(|| {
        let _children =
            [1, 2, 3].map(|_| quiet(wait::builder()).share_group(true).spawn(()).unwrap());
        println!("ready");
        wait(());
    });
    assert_ended_once_and_quietly(interrupt(program, "shared"));
}

/// The program decides: its children hear of the interrupt from it, not from the terminal.
#[test]
fn a_program_that_handles_the_interrupt_keeps_its_children() {
    let program = as_program(|| {
        // SAFETY: ignoring a signal installs no code.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
        let children = [1, 2, 3].map(|_| quiet(wait::builder()).spawn(()).unwrap());
        println!("ready");
        // The test ends the input when the interrupt has been sent.
        let _ = std::io::stdin().read_line(&mut String::new());
        assert!(children.iter().all(procession::Child::is_alive));
        println!("alive");
    });
    let (mut program, entry, _place) = interrupt(program, "handled");
    program.tell();
    program.hear("alive");
    assert!(program.end().success());
    eventually(Duration::from_secs(2), || marked(&entry).is_empty());
}

#[test]
fn a_worker_leads_a_group_of_its_own_unless_told() {
    // SAFETY: the call only asks.
    let own = unsafe { libc::getpgrp() };
    let child = group::spawn(()).unwrap();
    let pid = i32::try_from(child.pid()).unwrap();
    assert_eq!(procession_tests::value_of(child).unwrap(), pid);

    let child = group::builder().share_group(true).spawn(()).unwrap();
    assert_eq!(procession_tests::value_of(child).unwrap(), own);
}

#[process]
fn heed(signal: i32) -> bool {
    // SAFETY: a zeroed action is one to be filled in.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null action only asks.
    unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    action.sa_sigaction == libc::SIG_DFL
}

/// What this program ignores, its children would ignore as well.
#[test]
fn signals_are_in_a_worker_as_in_any_program() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGCHLD, libc::SIGHUP, libc::SIGUSR1] {
        assert!(heed::call(signal).unwrap(), "signal {signal}");
    }
    assert!(!heed::call(libc::SIGPIPE).unwrap());
}

#[process]
fn mask(_unused: ()) -> bool {
    // SAFETY: a zeroed set is one to be filled in.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: a null set only asks.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut set) };
    // SAFETY: the set was filled in just now.
    (1..32).any(|signal| unsafe { libc::sigismember(&raw const set, signal) } == 1)
}

/// Blocks SIGTERM, as one does who takes signals by `sigwait`, and takes one.
#[process]
fn take_the_signal(nested: bool) -> i32 {
    if nested {
        // So that a launcher and an attendant are there as well.
        group::call(()).unwrap();
    }
    // SAFETY: a zeroed set is made an empty one.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is a local variable.
    unsafe { libc::sigaddset(&raw mut set, libc::SIGTERM) };
    // SAFETY: as above.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    println!("blocked");
    loop {
        // SAFETY: a zeroed set is one to be filled in.
        let mut pending: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: the set is a local variable.
        unsafe { libc::sigpending(&raw mut pending) };
        // SAFETY: as above.
        if unsafe { libc::sigismember(&raw const pending, libc::SIGTERM) } == 1 {
            break;
        }
        std::thread::yield_now();
    }
    let mut taken = 0;
    // SAFETY: both pointers are to local variables.
    unsafe { libc::sigwait(&raw const set, &raw mut taken) };
    taken
}

/// A thread of the runtime that does not block it would take it, and the process would end.
#[test]
fn a_signal_that_the_function_has_blocked_is_taken_by_no_thread_of_the_runtime() {
    for nested in [false, true] {
        let child = take_the_signal::spawn(nested).unwrap();
        eventually(LIMIT, || child.output_tail().stdout.contains("blocked"));
        child.terminate().unwrap();
        assert_eq!(procession_tests::value_of(child).unwrap(), libc::SIGTERM, "{nested}");
    }
}

/// A child whose signals are blocked could not be terminated, nor stopped.
#[test]
fn a_worker_blocks_no_signal_even_if_the_first_start_was_made_with_some_blocked() {
    procession_tests::alone!({
        // SAFETY: a zeroed set is made a full one.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: the set is a local variable.
        unsafe { libc::sigfillset(&raw mut set) };
        // SAFETY: as above.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };

        assert!(!mask::call(()).unwrap());
        let child = wait::spawn(()).unwrap();
        child.terminate().unwrap();
        assert_eq!(end_of(&child), ExitReason::Stopped);
    });
}
