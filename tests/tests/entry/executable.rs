//! Which file a worker runs: the program's own, whatever becomes of it, or the one that was named,
//! if it is the same build.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use procession_tests::not_tested;

use crate::family::{Ran, command, run};
use crate::outside::{Scratch, build, built, program};

/// Starts a program that does some things to its own file, and calls a function in between.
fn removed(what: &[&str]) -> Ran {
    let scratch = Scratch::new();
    let copy = scratch.copy(&built("removed"), "removed");
    run(command(copy).args(what)).successfully()
}

#[test]
fn a_program_that_was_removed_starts_itself() {
    assert_eq!(removed(&["remove", "call"]).stdout, "49\n");
    assert_eq!(removed(&["call", "remove", "call"]).stdout, "49\n49\n");
}

#[test]
fn a_program_that_was_replaced_starts_itself_and_not_the_other() {
    assert_eq!(removed(&["replace", "call"]).stdout, "49\n");
    assert_eq!(removed(&["call", "replace", "call"]).stdout, "49\n49\n");
}

#[test]
fn a_program_starts_itself_whatever_its_file_is_called() {
    let scratch = Scratch::new();
    for name in [
        OsStr::new("two words"),
        OsStr::new("nothing is deleted (deleted)"),
        OsStr::new("back\\012slash"),
        OsStr::new("two\nlines"),
        OsStr::from_bytes(b"no text \xff"),
    ] {
        let copy = scratch.copy(&built("removed"), name);

        let ran = run(command(copy).arg("call"));

        assert_eq!(ran.stdout, "49\n", "{name:?}: {ran:#?}");
    }
}

/// Runs a version of the program with another file for its workers.
fn versions(program: &Path, workers: &Path) -> Ran {
    run(command(program).arg(workers)).successfully()
}

/// Both sides of a mismatch are named.
fn names_both(said: &str, program: &Path, workers: &Path) {
    for side in [program, workers] {
        let side = side.display().to_string();
        assert!(said.contains(&side), "{side} is not in: {said}");
    }
}

#[test]
fn workers_run_the_copy_that_is_named() {
    let scratch = Scratch::new();
    let (program, copy) = (built("versions"), scratch.copy(&built("versions"), "copy"));

    let ran = versions(&program, &copy);

    assert_eq!(ran.said("answered"), format!("(1, {:?})", copy.display().to_string()));
    assert_eq!(ran.said("taken"), "the number 0");
}

/// The next version of the program: the same functions by name, with other bodies and types.
fn next_version() -> PathBuf {
    let next = ["--package=versions", "--example=versions"];
    build(&next, &["--cfg=changed"], "debug/examples/versions").unwrap()
}

/// It used to be called, with the bytes of other types.
#[test]
fn another_build_of_the_program_is_not_called() {
    let (first, next) = (built("versions"), next_version());

    let ran = versions(&first, &next);

    names_both(ran.said("no value"), &first, &next);
    names_both(ran.said("not taken"), &first, &next);
}

#[test]
fn another_program_with_functions_is_not_called() {
    let (first, other) = (built("versions"), built("newcomer"));

    let ran = versions(&first, &other);

    names_both(ran.said("no value"), &first, &other);
}

#[test]
fn a_program_without_functions_is_not_taken_for_a_worker() {
    let first = built("versions");
    let other = Path::new("/bin/true");

    let ran = versions(&first, other);

    names_both(ran.said("no value"), &first, other);
}

#[test]
fn a_file_that_cannot_be_executed_is_an_error_at_once() {
    let scratch = Scratch::new();
    let text = scratch.path().join("text");
    fs::write(&text, "not a program").unwrap();
    for (file, why) in [
        (scratch.path().join("missing"), "No such file or directory"),
        (scratch.path().to_owned(), ""),
        (text, "Permission denied"),
    ] {
        let ran = versions(&built("versions"), &file);

        let expected = format!(
            "process `version` was not started: `{}` cannot be executed: {why}",
            file.display()
        );
        assert!(ran.said("not started").starts_with(&expected), "{ran:#?}");
    }
}

/// The dynamic linker of this very process, by which programs can be started explicitly.
fn loader() -> Option<String> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let files = maps.lines().filter_map(|line| Some(&line[line.find('/')?..]));
    let found = files.into_iter().find(|file| {
        let name = file.rsplit('/').next().unwrap_or_default();
        name.starts_with("ld-") || name.starts_with("ld.so")
    });
    found.map(str::to_owned)
}

#[test]
fn under_an_explicit_loader_the_program_must_be_named() {
    let Some(loader) = loader() else {
        not_tested("this process has no dynamic linker");
        return;
    };
    let own = built("versions");

    let alone = run(command(&loader).arg(&own)).successfully();
    let named = run(command(&loader).arg(&own).arg(&own)).successfully();

    let said = alone.said("not started");
    assert!(said.contains(&format!("would run `{loader}`")), "{said}");
    assert!(said.contains("`procession::worker_exe(path)`"), "{said}");
    assert_eq!(named.said("answered"), format!("(1, {:?})", own.display().to_string()));
}

/// There the file that was executed says nothing of the program: it is known by its functions.
#[test]
fn under_an_explicit_loader_functions_of_other_types_are_not_called() {
    let Some(loader) = loader() else {
        not_tested("this process has no dynamic linker");
        return;
    };
    let (first, next) = (built("versions"), next_version());

    let ran = run(command(loader).arg(&first).arg(&next)).successfully();

    names_both(ran.said("no value"), &first, &next);
    names_both(ran.said("not taken"), &first, &next);
}

#[test]
fn a_plug_in_must_name_its_workers() {
    let plugin = built("libplugin.so");

    let alone = run(program("host").arg(&plugin)).successfully();
    let named = run(program("host").arg(&plugin).arg(built("companion"))).successfully();
    let misnamed = run(program("host").arg(&plugin).arg(built("newcomer"))).successfully();

    let said = alone.said("error");
    assert!(said.contains(&format!("would run `{}`", built("host").display())), "{said}");
    assert!(said.contains("`procession::worker_exe(path)`"), "{said}");
    assert_eq!(named.said("answered"), "42");
    let said = misnamed.said("error");
    assert!(said.contains(&built("newcomer").display().to_string()), "{said}");
}

#[test]
fn a_program_in_another_language_is_its_own_worker() {
    let scratch = Scratch::new();
    let host = scratch.path().join("host");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/entry-outside/plugin/host.c");
    let mut cc = command("cc");
    cc.arg(source).arg(built("libplugin.a")).arg("-o").arg(&host);
    // What the standard library needs is not in the archive.
    cc.args(["-Wl,--gc-sections", "-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"]);
    run(&mut cc).successfully();

    assert_eq!(run(&mut command(host)).successfully().stdout, "answered: 42\n");
}
