//! The parent's own output may be broken: on a full disk, or closed.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;

use procession::process;
use procession_tests::{BOTH, Running, as_program, value_of};

#[process]
fn talk(_unused: ()) -> u32 {
    println!("to nobody");
    eprintln!("to nobody either");
    7
}

/// Puts a full device in the place of a stream, and has children talk to it.
fn talk_to_a_full_device(stream: i32) {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    // SAFETY: both descriptors are open.
    unsafe { libc::dup2(full.as_raw_fd(), stream) };
    let fine = BOTH.into_iter().all(|over| {
        let child = over.builder::<talk>().spawn(()).unwrap();
        value_of(child).is_ok_and(|value| value == 7)
    });
    // SAFETY: the call takes a number and does not return. The harness would print.
    unsafe { libc::_exit(if fine { 42 } else { 43 }) };
}

#[test]
fn standard_output_on_a_full_disk_harms_neither_parent_nor_child() {
    let program = as_program(|| talk_to_a_full_device(1));
    let mut program = Running::start(program);
    let status = program.end();
    let (_, complained) = program.told();
    assert_eq!(status.code(), Some(42), "{complained}");
}

#[test]
fn standard_error_on_a_full_disk_harms_neither_parent_nor_child() {
    let mut program = Running::start(as_program(|| talk_to_a_full_device(2)));
    assert_eq!(program.end().code(), Some(42));
}
