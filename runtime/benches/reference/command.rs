//! What any child costs: `Command` of this very binary, which answers and leaves before `main`.
//!
//! The child leaves from the same kind of constructor as the runtime's workers do, writes its
//! answer to its standard output and exits without running anything else. What the runtime takes
//! longer is what it charges. Frozen, and nothing in here is shared with the runtime.

use std::env;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{self, Command, Stdio};

/// Marks a child of this file; what it says is the question, and whether to stay.
const VARIABLE: &str = "BENCH_COMMAND";

/// A started child. One that lingers is killed where it is joined or dropped.
pub(crate) struct Child {
    pub(crate) process: process::Child,
    lingers: bool,
}

/// Starts a child that answers `n + 1`, and then leaves or lingers, doing nothing.
///
/// Where standard error is piped it is read to its end in [`Child::join`], as whoever keeps the
/// tail of it would have to.
pub(crate) fn start(n: u64, stderr: Stdio, lingers: bool) -> Child {
    let task = if lingers { "linger" } else { "leave" };
    let process = Command::new("/proc/self/exe")
        .env(VARIABLE, format!("{task}:{n}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .expect("this binary can be started again");
    Child { process, lingers }
}

impl Child {
    /// Waits for the answer.
    pub(crate) fn value(&mut self) -> u64 {
        let mut answer = [0; 8];
        let stdout = self.process.stdout.as_mut().expect("stdout is piped");
        stdout.read_exact(&mut answer).expect("the child answers");
        u64::from_le_bytes(answer)
    }

    /// Waits for the end.
    pub(crate) fn join(mut self) {
        if self.lingers {
            return;
        }
        if let Some(stderr) = &mut self.process.stderr {
            stderr.read_to_end(&mut Vec::new()).expect("a pipe can be read");
        }
        let status = self.process.wait().expect("the child was not waited for");
        assert!(status.success(), "the child failed: {status}");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.lingers {
            self.process.kill().expect("the child was not waited for");
            self.process.wait().expect("the child was not waited for");
        }
    }
}

/// Runs before `main` in every process of this binary; a child of this file never gets further.
extern "C" fn enter() {
    let Ok(task) = env::var(VARIABLE) else { return };
    let (task, n) = task.split_once(':').expect("the task is `what:number`");
    let n: u64 = n.parse().expect("the task is `what:number`");
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&(n + 1).to_le_bytes()).expect("the parent reads");
    stdout.flush().expect("the parent reads");
    if task == "linger" {
        // A bench that is interrupted leaves nobody behind.
        // SAFETY: with these arguments `prctl` takes integers and touches no memory of ours.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) };
        loop {
            // SAFETY: `pause` takes nothing and touches no memory of ours.
            unsafe { libc::pause() };
        }
    }
    // SAFETY: nothing of this process is needed any more; that includes what `exit` would run.
    unsafe { libc::_exit(0) }
}

#[used]
#[unsafe(link_section = ".init_array")]
static ENTER: extern "C" fn() = enter;
