//! Tests of what concerns a whole process, in a program of their own.

use std::any::type_name;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use crate::{LIMIT, eventually, soon};

/// Says in the environment of a copy which body it is to run.
const BODY: &str = "PROCESSION_TESTS_BODY";

/// A command that runs this test once more, in a program of its own, where `body` is all it does.
/// It must be the first thing in a test. In that program it does not return.
///
/// The limits, the directory, the signals and the descriptors of that program may be spoiled as
/// one likes, and it may be killed.
pub fn as_program<F: FnOnce()>(body: F) -> Command {
    let path = type_name::<F>();
    if std::env::var(BODY).is_ok_and(|asked| asked == path) {
        body();
        // The end that the body alone has: nothing of the test follows.
        std::process::exit(0);
    }
    let test = path.trim_end_matches("::{{closure}}");
    let test = test.split_once("::").map_or(test, |(_binary, test)| test);
    let mut command = Command::new(std::env::current_exe().expect("this program has a file"));
    command.args(["--exact", test, "--nocapture"]).env(BODY, path);
    command
}

/// The same command once more.
pub fn again(command: &Command) -> Command {
    let mut again = Command::new(command.get_program());
    again.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => again.env(name, value),
            None => again.env_remove(name),
        };
    }
    again
}

/// A directory for the temporary files of programs that are killed.
pub struct Place(PathBuf);

impl Place {
    /// Makes one, which goes with all that is in it when this is dropped.
    pub fn new() -> Self {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("place-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("nobody else has this name");
        Place(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Place {
    fn default() -> Self {
        Place::new()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left there shows in the check at the end.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a program that must succeed, in which nothing may panic: neither what a test checks nor
/// anything of the runtime's.
#[track_caller]
pub fn succeeds(command: Command) {
    let mut program = Running::start(command);
    let status = program.end();
    let (printed, complained) = program.told();
    let sound = status.success() && !complained.contains("panicked at");
    assert!(sound, "{status}\n--- stdout\n{printed}\n--- stderr\n{complained}");
    for line in complained.lines().filter(|line| line.starts_with(crate::NOT_TESTED)) {
        // A test needs nobody to see it.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// Runs a block in a program of its own, which must succeed and leave no child behind. It must be
/// all there is in a test.
#[macro_export]
macro_rules! alone {
    ($body:block) => {
        $crate::succeeds($crate::as_program(|| {
            $body
            $crate::assert_no_children_left();
        }))
    };
}

/// A program that a test has started. Dropping it kills it.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    stdout: String,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts it. Its output is read here, and it has nothing to read until it is told something.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut stderr = child.stderr.take().expect("it is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(stdout).lines();
            lines.map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let stderr = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Running { child, lines, stdout: String::new(), stderr: Some(stderr) }
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that has `word` in it, and returns what follows that.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn hear(&mut self, word: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(LIMIT) else {
                let _ = self.child.kill();
                panic!("it did not say `{word}`: {:?}", self.told())
            };
            self.stdout.push_str(&line);
            self.stdout.push('\n');
            if let Some((_, rest)) = line.split_once(word) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, number: i32) {
        let pid = i32::try_from(self.pid()).expect("a pid is an `i32`");
        // SAFETY: the call touches no memory; the pid is that of a child not reaped yet.
        assert_eq!(unsafe { libc::kill(pid, number) }, 0);
    }

    /// Ends what it may be reading from its standard input.
    pub fn tell(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it does not end, after killing it.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        let mut status = None;
        let ended = soon(2 * LIMIT, || {
            status = self.child.try_wait().expect("nobody else reaps it");
            status.is_some()
        });
        if !ended {
            let _ = self.child.kill();
            panic!("it did not end: {:?}", self.told())
        }
        status.expect("it has ended")
    }

    /// All that it printed to its standard output, and to its standard error. Waits for the end
    /// of both.
    pub fn told(&mut self) -> (String, String) {
        while let Ok(line) = self.lines.recv_timeout(LIMIT) {
            self.stdout.push_str(&line);
            self.stdout.push('\n');
        }
        let stderr = self.stderr.take().map(|reader| {
            eventually(LIMIT, || reader.is_finished());
            reader.join().expect("it only reads")
        });
        (self.stdout.clone(), stderr.unwrap_or_default())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
