//! A program that has given up its privileges starts processes like any other.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use procession::process;
use procession_tests::{
    LIMIT, Place, Running, again, alone, as_program, eventually, is_gone, not_tested,
};

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
        not_tested("only root can drop root");
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
fn drop_root_and_wait(user: u32, hears: bool, full: bool) {
    // SAFETY: the call touches no memory.
    assert_eq!(unsafe { libc::setuid(user) }, 0);
    if full {
        let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
        // SAFETY: the pointer is to a local variable of the right type.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        while let Ok(file) = fs::File::open("/dev/null") {
            std::mem::forget(file);
        }
    }
    println!("dropped");
    if hears {
        procession::stopping().wait();
    }
    loop {
        std::thread::park();
    }
}

/// Has a program run where root is somebody else outside, as in a container without root.
fn map_users(command: &mut Command) {
    let (mut says, mut said) = std::io::pipe().unwrap();
    let begin = move || {
        // SAFETY: the call touches no memory.
        if unsafe { libc::unshare(libc::CLONE_NEWUSER) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        said.write_all(&std::process::id().to_ne_bytes())?;
        while fs::read_to_string("/proc/self/uid_map")?.is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // SAFETY: the call touches no memory.
        let group = unsafe { libc::setgid(0) };
        // SAFETY: as above.
        let user = unsafe { libc::setuid(0) };
        if (group, user) == (0, 0) { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: it allocates, which the C library allows in a copy made by `fork`; no lock of this
    // program's is needed.
    unsafe { command.pre_exec(begin) };
    std::thread::spawn(move || {
        let mut pid = [0; 4];
        // Nothing comes where it may not be done.
        if says.read_exact(&mut pid).is_ok() {
            let entry = format!("/proc/{}", u32::from_ne_bytes(pid));
            // The users last: those are waited for.
            let _ = fs::write(format!("{entry}/gid_map"), "0 100000 65536");
            let _ = fs::write(format!("{entry}/uid_map"), "0 100000 65536");
        }
    });
}

#[test]
fn a_worker_that_drops_root_dies_with_its_parent_all_the_same() {
    // SAFETY: the call only asks.
    if unsafe { libc::geteuid() } != 0 {
        not_tested("only root can drop root");
        return;
    }
    let program = as_program(|| {
        let [hears, full] = ["HEARS", "FULL"].map(|name| std::env::var_os(name).is_some());
        let child = drop_root_and_wait::spawn(65_534, hears, full).unwrap();
        println!("child={}", child.pid());
        child.wait();
    });
    let mut probe = Command::new(program.get_program());
    map_users(probe.arg("--list").stdout(Stdio::null()));
    let maps = probe.status().is_ok_and(|status| status.success());
    if !maps {
        not_tested("no user may be mapped here");
    }
    for way in 0..8 {
        let [hears, mapped, full] = [1, 2, 4].map(|part| way & part != 0);
        if mapped && !maps {
            continue;
        }
        let place = Place::new();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let mut program = again(&program);
        program.env("TMPDIR", place.path());
        if hears {
            program.env("HEARS", "1");
        }
        // Without a descriptor nothing can be received of the parent.
        if full {
            program.env("FULL", "1");
        }
        if mapped {
            map_users(&mut program);
        }
        let mut program = Running::start(program);
        let worker = program.hear("child=").parse().unwrap();
        program.hear("dropped");

        program.signal(libc::SIGKILL);
        program.end();

        eventually(LIMIT, || is_gone(worker));
    }
}
