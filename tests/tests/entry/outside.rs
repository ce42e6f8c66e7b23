//! The crates in `fixtures/entry-outside`, built as their users would build them: by cargo, in a
//! workspace of their own, with nothing but a path in the place of crates.io.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::family::{Ran, command, run, run_cargo};

/// Where all builds go, to be found again by the next run.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("entry")
}

/// Cargo on the crates outside. It must be enough that the workspace itself was built: nothing is
/// downloaded.
pub(crate) fn cargo(subcommand: &[&str]) -> Command {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime");
    let runtime = runtime.canonicalize().expect("the runtime lies beside the tests");
    let mut cargo = command(cargo_itself());
    cargo
        .args(subcommand)
        .arg("--offline")
        .arg("--config")
        .arg(format!("patch.crates-io.procession.path={runtime:?}"))
        .current_dir(workspace())
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_TERM_COLOR", "never");
    cargo
}

/// The cargo that runs these tests.
pub(crate) fn cargo_itself() -> OsString {
    env::var_os("CARGO").unwrap_or("cargo".into())
}

/// A program that is there after `cargo build`.
pub(crate) fn program(name: &str) -> Command {
    let mut command = command(built(name));
    // What is linked against the shared standard library finds it as under `cargo run`.
    let libraries = env::join_paths([target().join("debug"), standard_library()]);
    command.env("LD_LIBRARY_PATH", libraries.expect("no path has a colon in it"));
    command
}

/// A file that is there after `cargo build`.
pub(crate) fn built(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let all = BUILT.get_or_init(|| {
        run_cargo(&mut cargo(&["build"])).successfully();
        target().join("debug")
    });
    all.join(name)
}

/// Builds one target in another way than usual, with flags for the compiler, and says where it is
/// under the target directory; or what cargo said.
pub(crate) fn build(arguments: &[&str], flags: &[&str], file: &str) -> Result<PathBuf, Ran> {
    let ran = run_cargo(cargo(&["rustc"]).args(arguments).arg("--").args(flags));
    match ran.status.success() {
        true => Ok(target().join(file)),
        false => Err(ran),
    }
}

/// Where the shared standard library lies.
pub(crate) fn standard_library() -> PathBuf {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    let place = PLACE.get_or_init(|| {
        let asked = run_cargo(command("rustc").args(["--print", "target-libdir"])).successfully();
        asked.stdout.trim_end().into()
    });
    place.clone()
}

/// The workspace outside: links to the fixture, beside a lock file with the versions that this
/// workspace has, so that the fixture's own directory stays as it is.
fn workspace() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let place = target().join("outside");
        let made = lay_out(&manifest.join("fixtures/entry-outside"), &place)
            .and_then(|()| lock(&manifest.join("../Cargo.lock"), &place.join("Cargo.lock")));
        made.unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        place
    })
}

/// Has one directory look like another one. Each step is done as a whole, because another process
/// may be at it as well.
fn lay_out(fixture: &Path, place: &Path) -> io::Result<()> {
    fs::create_dir_all(place)?;
    for entry in fs::read_dir(fixture)? {
        let entry = entry?;
        let (to, at) = (entry.path(), place.join(entry.file_name()));
        if !fs::read_link(&at).is_ok_and(|there| there == to) {
            let new = own(&at);
            symlink(to, &new)?;
            fs::rename(new, at)?;
        }
    }
    for entry in fs::read_dir(place)? {
        let path = entry?.path();
        if path.is_symlink() && !path.exists() {
            // What it led to is no more.
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}

/// Copies a lock file, unless the copy is newer: then it is what cargo has made of it.
fn lock(original: &Path, copy: &Path) -> io::Result<()> {
    let changed = |file: &Path| file.metadata().and_then(|it| it.modified());
    if changed(copy).is_ok_and(|at| changed(original).is_ok_and(|original| at >= original)) {
        return Ok(());
    }
    let new = own(copy);
    fs::write(&new, fs::read(original)?)?;
    fs::rename(new, copy)
}

/// A name that no other process uses.
fn own(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    name.into()
}

/// A directory for one test, which is gone after it.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let place = target().join(format!("scratch-{}-{number}", std::process::id()));
        fs::create_dir_all(&place).expect("the target directory can be written");
        Scratch(place)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Copies a file here under a name. Another process does it: a program that is open for
    /// writing here would be so in what other threads are about to execute, and be busy.
    pub(crate) fn copy(&self, file: &Path, name: impl AsRef<OsStr>) -> PathBuf {
        let copy = self.0.join(name.as_ref());
        run(command("cp").arg(file).arg(&copy)).successfully();
        copy
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
