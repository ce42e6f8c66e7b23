//! Environment, directory, input, title.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use procession::{Input, SpawnError, process};
use procession_tests::{BOTH, alone, value_of};

#[process]
fn environment() -> BTreeMap<OsString, OsString> {
    std::env::vars_os().collect()
}

#[process]
fn directory() -> PathBuf {
    std::env::current_dir().unwrap()
}

#[process]
fn input() -> String {
    std::io::read_to_string(std::io::stdin()).unwrap()
}

#[test]
fn the_environment_is_the_parents_with_the_builders_changes_in_order() {
    for over in BOTH {
        let builder = over.builder::<environment>().env("NEW", "1").env("NEW", "2");
        let builder = builder.env("GONE", "x").env_remove("GONE").env_remove("PATH");
        let builder = builder.env("EMPTY", "").env("EQUALS", "a=b");
        let seen = value_of(builder.spawn(()).unwrap()).unwrap();

        let mut expected: BTreeMap<_, _> = std::env::vars_os().collect();
        expected.remove(&OsString::from("PATH"));
        for (name, value) in [("NEW", "2"), ("EMPTY", ""), ("EQUALS", "a=b")] {
            expected.insert(name.into(), value.into());
        }
        assert_eq!(seen, expected);
    }
}

#[test]
fn a_cleared_environment_has_only_what_is_set_afterwards() {
    for over in BOTH {
        let builder = over.builder::<environment>().env("BEFORE", "1").env_clear();
        let seen = value_of(builder.env("AFTER", "2").spawn(()).unwrap()).unwrap();
        assert_eq!(seen, [("AFTER".into(), "2".into())].into());
    }
}

#[test]
fn a_variable_that_no_environment_can_hold_is_an_error() {
    for (name, value) in [("nul\0", "x"), ("x", "nul\0")] {
        let error = environment::builder().env(name, value).spawn(()).unwrap_err();
        assert!(matches!(error, SpawnError::Execute { .. }), "{error:?}");
    }
}

#[test]
fn an_environment_or_a_name_too_large_for_the_system_is_an_error_or_cut() {
    let large = "x".repeat(300_000);
    let error = environment::builder().env("LARGE", &large).spawn(()).unwrap_err();
    assert!(matches!(error, SpawnError::Execute { .. }), "{error:?}");
    match environment::builder().name(&large).spawn(()) {
        Ok(child) => drop(value_of(child).unwrap()),
        Err(error) => assert!(matches!(error, SpawnError::Execute { .. })),
    }
    // Nothing of that is left for the next one.
    value_of(environment::builder().env("SMALL", "x").spawn(()).unwrap()).unwrap();
}

/// The variable that makes a worker is the runtime's own, whatever the user sets.
#[test]
fn the_runtimes_own_variable_can_be_neither_set_nor_seen() {
    let builder = environment::builder().env("PROCESSION_WORKER", "1:2:3");
    let seen = value_of(builder.spawn(()).unwrap()).unwrap();
    assert_eq!(seen.get(&OsString::from("PROCESSION_WORKER")), None);
}

#[process]
fn environment_of_a_command() -> String {
    let output = std::process::Command::new("env").output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn commands_of_a_worker_do_not_take_themselves_for_workers() {
    let seen = environment_of_a_command::call().unwrap();
    assert!(!seen.contains("PROCESSION_WORKER"), "{seen}");
}

#[test]
fn a_process_works_where_it_is_told() {
    for over in BOTH {
        let seen =
            |builder: procession::Builder<directory>| value_of(builder.spawn(()).unwrap()).unwrap();
        assert_eq!(seen(over.builder()), std::env::current_dir().unwrap());
        assert_eq!(seen(over.builder().current_dir("/usr")), PathBuf::from("/usr"));
        let expected = std::env::current_dir().unwrap().join("tests");
        assert_eq!(seen(over.builder().current_dir("tests")), expected);
    }
}

#[test]
fn there_is_nothing_to_read_unless_told() {
    for over in BOTH {
        assert_eq!(value_of(over.builder::<input>().spawn(()).unwrap()).unwrap(), "");
    }
}

#[test]
fn a_process_reads_the_file_or_pipe_it_is_given() {
    for over in BOTH {
        let path = std::env::temp_dir().join(format!("input-{over:?}"));
        std::fs::write(&path, "from a file").unwrap();
        let file = Input::File(File::open(&path).unwrap());
        let child = over.builder::<input>().stdin(file).spawn(()).unwrap();
        assert_eq!(value_of(child).unwrap(), "from a file");
        std::fs::remove_file(&path).unwrap();

        let (reader, mut writer) = std::io::pipe().unwrap();
        let pipe = Input::File(File::from(OwnedFd::from(reader)));
        let child = over.builder::<input>().stdin(pipe).spawn(()).unwrap();
        writer.write_all(&[b'x'; 200_000]).unwrap();
        drop(writer);
        assert_eq!(value_of(child).unwrap().len(), 200_000);
    }
}

#[test]
fn a_process_reads_what_its_parent_would_have_read_where_it_inherits() {
    alone!({
        for over in BOTH {
            let (reader, mut writer) = std::io::pipe().unwrap();
            writer.write_all(b"for whoever comes").unwrap();
            drop(writer);
            // SAFETY: both descriptors are open.
            unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&reader), 0) };
            drop(reader);
            let child = over.builder::<input>().stdin(Input::Inherit).spawn(()).unwrap();
            assert_eq!(value_of(child).unwrap(), "for whoever comes", "{over:?}");
        }
    });
}

#[process]
fn titles() -> (String, String) {
    let line = std::fs::read("/proc/self/cmdline").unwrap();
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    (String::from_utf8_lossy(&line).into_owned(), name.trim_end().to_owned())
}

#[test]
fn a_process_has_its_name_in_the_list_of_processes() {
    let builder = titles::builder().name("resize-number-one");
    let (line, name) = value_of(builder.spawn(()).unwrap()).unwrap();
    assert!(line.contains("context-") && line.contains(": resize-number-one"), "{line}");
    assert_eq!(name, "resize-number-o");
}

#[process]
fn mask_of_files() -> u32 {
    // SAFETY: the call changes a number, in a process that ends now.
    unsafe { libc::umask(0) }
}

#[test]
fn a_start_works_under_any_umask() {
    alone!({
        for mask in [0, 0o022, 0o077, 0o777] {
            // SAFETY: the call changes a number.
            unsafe { libc::umask(mask) };
            assert_eq!(mask_of_files::call().unwrap(), mask);
        }
    });
}
