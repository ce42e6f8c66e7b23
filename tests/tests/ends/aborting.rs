//! In a program with `panic = "abort"` a panic is the end of the process that panics, and is
//! reported all the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use procession_tests::Running;

/// Builds the fixture, in a copy: beside the workspace's lock file, so that it needs nothing that
/// was not fetched for the tests themselves.
fn built() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = tests.parent().unwrap();
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aborting");
    std::fs::create_dir_all(copy.join("src")).unwrap();
    let fixture = tests.join("fixtures/abort");
    let manifest = std::fs::read_to_string(fixture.join("Cargo.toml")).unwrap();
    let runtime = workspace.join("runtime");
    let manifest = manifest.replace("../../../runtime", runtime.to_str().unwrap());
    replace(&copy.join("Cargo.toml"), manifest.as_bytes());
    for (from, to) in
        [(fixture.join("src/main.rs"), "src/main.rs"), (workspace.join("Cargo.lock"), "Cargo.lock")]
    {
        replace(&copy.join(to), &std::fs::read(from).unwrap());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--offline", "--quiet"]).current_dir(&copy);
    // Not the flags of the run that this is part of: coverage, a cross build, another directory.
    command.env("CARGO_TARGET_DIR", copy.join("target")).env_remove("CARGO_BUILD_TARGET");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    copy.join("target/debug/aborting")
}

/// Writes a file unless it is as it should be: cargo builds again what is newer.
fn replace(path: &Path, contents: &[u8]) {
    if path.file_name().is_some_and(|name| name == "Cargo.lock") && path.exists() {
        // Cargo has taken out of it what the fixture does not need.
        return;
    }
    if std::fs::read(path).is_ok_and(|old| old == contents) {
        return;
    }
    std::fs::write(path, contents).unwrap();
}

#[test]
fn a_panic_that_aborts_is_reported_like_any_other() {
    let mut program = Running::start(Command::new(built()));
    assert_eq!(program.hear("square "), "16");
    for _ in ["over a ring", "over frames"] {
        let report = program.hear("panicked ");
        assert!(report.starts_with("it broke at"), "{report}");
        assert!(report.contains("src/main.rs:7:"), "{report}");
    }
    let beside = program.hear("beside ");
    assert!(beside.contains("it panicked"), "{beside}");
    assert_eq!(program.hear("stopped "), "7");
    assert_eq!(program.hear("square "), "25");
    assert!(program.end().success());
}
