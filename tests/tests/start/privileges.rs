//! A program that has given up its privileges starts processes like any other.

use procession::process;
use procession_tests::{LIMIT, Place, Running, again, alone, as_program, eventually, is_gone};

#[process]
fn user() -> u32 {
    // SAFETY: the call only asks.
    unsafe { libc::getuid() }
}

/// Such a process may not be looked at through `/proc` by others of its user, not even by its own
/// children, so that no worker could reach it there.
#[test]
fn a_daemon_that_has_dropped_root_starts_processes() {
    // SAFETY: the call only asks.
    if unsafe { libc::geteuid() } != 0 {
        eprintln!("not tested: only root can drop root");
        return;
    }
    alone!({
        let nobody = 65_534;
        // SAFETY: the call touches no memory.
        assert_eq!(unsafe { libc::setuid(nobody) }, 0);

        assert_eq!(user::call().unwrap(), nobody);
        assert_eq!(user::builder().untrusted().spawn(()).unwrap().join().unwrap(), nobody);
    });
}

#[test]
fn a_program_that_may_not_be_dumped_starts_processes() {
    alone!({
        // As programs with secrets in memory do.
        // SAFETY: the call touches no memory.
        assert_eq!(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) }, 0);

        user::call().unwrap();
    });
}

/// The kernel forgets who is to die with whom when credentials change.
#[process]
fn drop_root_and_wait(user: u32, hears: bool) {
    // SAFETY: the call touches no memory.
    assert_eq!(unsafe { libc::setuid(user) }, 0);
    println!("dropped");
    if hears {
        procession::stopping().wait();
    }
    loop {
        std::thread::park();
    }
}

#[test]
fn a_worker_that_drops_root_dies_with_its_parent_all_the_same() {
    // SAFETY: the call only asks.
    if unsafe { libc::geteuid() } != 0 {
        eprintln!("not tested: only root can drop root");
        return;
    }
    let program = as_program(|| {
        let hears = std::env::var_os("HEARS").is_some();
        let child = drop_root_and_wait::spawn(65_534, hears).unwrap();
        println!("child={}", child.pid());
        child.wait();
    });
    for hears in [false, true] {
        let place = Place::new();
        let mut program = again(&program);
        program.env("TMPDIR", place.path());
        if hears {
            program.env("HEARS", "1");
        }
        let mut program = Running::start(program);
        let worker = program.hear("child=").parse().unwrap();
        program.hear("dropped");

        program.signal(libc::SIGKILL);
        program.end();

        eventually(LIMIT, || is_gone(worker));
    }
}
