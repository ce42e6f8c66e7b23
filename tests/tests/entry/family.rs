//! Running a program together with all the processes that come of it, and no more of them than a
//! test should have.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use procession_tests::{LIMIT, marked, soon};

/// What all processes of a family have in their environment.
const MARK: &str = "ENTRY_TEST_FAMILY";

/// More processes at a time than this are a fork bomb.
const LARGEST: usize = 100;

/// How long a program may take. Those here take less than a second each.
const PROGRAM: Duration = Duration::from_secs(60);

/// How long cargo may take: it may have to build everything, on a machine with other work.
const CARGO: Duration = Duration::from_secs(900);

/// What a program printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The same, if the program was content.
    pub(crate) fn successfully(self) -> Self {
        assert!(self.status.success(), "{self:#?}");
        self
    }

    /// What stands behind `fact: ` on a line of its own.
    pub(crate) fn said(&self, fact: &str) -> &str {
        let found = self.stdout.lines().find_map(|line| {
            let rest = line.strip_prefix(fact)?;
            rest.strip_prefix(": ")
        });
        found.unwrap_or_else(|| panic!("nothing is said of `{fact}`: {self:#?}"))
    }
}

/// A command that sees nothing of what cargo and the harness have put into the environment.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    const KEPT: [&str; 6] =
        ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "PROCESSION_CARRIER"];
    let mut command = Command::new(program);
    command.env_clear();
    command.envs(KEPT.iter().filter_map(|name| Some((name, env::var_os(name)?))));
    command
}

/// Runs a program to its end, which neither a process nor a temporary file of it may outlive.
pub(crate) fn run(command: &mut Command) -> Ran {
    run_within(command, PROGRAM)
}

/// Runs cargo, as [`run`] does, but has more patience.
pub(crate) fn run_cargo(command: &mut Command) -> Ran {
    run_within(command, CARGO)
}

fn run_within(command: &mut Command, limit: Duration) -> Ran {
    static NUMBERS: AtomicU32 = AtomicU32::new(0);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let mark = format!("{MARK}={}-{number}", std::process::id());
    let (name, value) = mark.split_once('=').expect("it was put there");
    let temporary = env::temp_dir().join(format!("family-{number}"));
    fs::create_dir(&temporary).expect("there is a directory for temporary files");
    command.env(name, value).env("TMPDIR", &temporary);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdout = child.stdout.take().expect("it is piped");
    let mut stderr = child.stderr.take().expect("it is piped");
    let stdout = thread::spawn(move || read(&mut stdout));
    let stderr = thread::spawn(move || read(&mut stderr));
    let (status, mut wrong) = watch(child, &mark, limit);
    if !soon(LIMIT / 3, || marked(&mark).is_empty()) {
        wrong = Some(format!("it left behind: {:?}", marked(&mark)));
        kill(&mark);
    }
    let files: Vec<_> = fs::read_dir(&temporary).expect("it was made").flatten().collect();
    let _ = fs::remove_dir_all(&temporary);
    if !files.is_empty() {
        wrong.get_or_insert_with(|| format!("it left temporary files: {files:?}"));
    }
    let ran = Ran {
        status,
        stdout: stdout.join().expect("reading does not panic"),
        stderr: stderr.join().expect("reading does not panic"),
    };
    if let Some(wrong) = wrong {
        panic!("{command:?}: {wrong}: {ran:#?}");
    }
    ran
}

fn read(from: &mut impl Read) -> String {
    let mut all = Vec::new();
    let mut block = [0; 4096];
    while let Ok(len @ 1..) = from.read(&mut block) {
        all.extend_from_slice(&block[..len]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Waits for the end, and says what was wrong where it had to be brought about.
fn watch(mut child: Child, mark: &str, limit: Duration) -> (ExitStatus, Option<String>) {
    let start = Instant::now();
    let (sender, ended) = channel();
    let waiting = thread::spawn(move || sender.send(child.wait().expect("it is our child")));
    let mut wrong = None;
    let status = loop {
        match ended.recv_timeout(Duration::from_millis(50)) {
            Ok(status) => break status,
            Err(RecvTimeoutError::Disconnected) => unreachable!("it sends before it ends"),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let size = marked(mark).len();
        if size > LARGEST {
            wrong = Some(format!("it is a fork bomb of {size} processes"));
        } else if start.elapsed() > limit {
            wrong = Some(format!("it took longer than {limit:?}"));
        }
        if wrong.is_some() {
            kill(mark);
        }
    };
    waiting.join().expect("waiting does not panic").expect("its status was awaited");
    (status, wrong)
}

/// Kills the family, those who are born meanwhile included.
fn kill(mark: &str) {
    let mut sizes = VecDeque::from([1, 1, 1]);
    // A process that is just being executed has no environment yet.
    while sizes.iter().any(|&size| size > 0) {
        let found = marked(mark);
        sizes.pop_front();
        sizes.push_back(found.len());
        if !found.is_empty() {
            let _ = Command::new("kill")
                .arg("-KILL")
                .args(found.iter().map(u32::to_string))
                .stderr(Stdio::null())
                .status();
        }
    }
}
