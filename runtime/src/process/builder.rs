//! How a process is started.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::context;
use super::{Child, Process};
use crate::error::SpawnError;
use crate::launch::{self, Expected, Plan, StartError, Stdin, Stream};
use crate::registry;
use crate::route::{Attendance, Life, Style, Tail, attend};
use crate::sys::{self, Build};
use crate::wire::{Bootstrap, Carrier, Encoder, Fault, Tag};
use crate::worker::standing;

/// Processes that start processes are at most this deep.
const DEEPEST: u32 = 16;

/// What becomes of what a process prints.
///
/// Whole lines mean that lines of several processes never run together, and that nothing is torn.
/// They are forwarded as text: bytes that are not UTF-8 are replaced. In all but
/// [`Inherit`](Output::Inherit) and [`Null`](Output::Null) the last 64 KiB are kept, for
/// [`output_tail`](Child::output_tail) and for errors. What a process leaves running when it ends
/// cannot write there any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Output {
    /// Whole lines, as they were written, to where this process prints; under `cargo test` they
    /// are captured with the test's own.
    #[default]
    Lines,
    /// Like [`Lines`](Output::Lines), each behind the process's name and pid.
    Prefixed,
    /// Kept and not forwarded.
    Captured,
    /// Written straight to where this process prints, whatever it is.
    Inherit,
    /// Thrown away.
    Null,
}

/// Where a process reads from.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Input {
    /// Nothing: the end of input at once.
    #[default]
    Null,
    /// Where this process reads from.
    Inherit,
    /// A file, a pipe or whatever else is open.
    File(File),
}

/// How to start a process: its name, surroundings, output and limits.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use procession::{Output, process};
///
/// #[process]
/// fn greet() -> String {
///     println!("hello from {}", procession::current().name());
///     std::env::var("GREETING").unwrap_or_default()
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let child = greet::builder()
///     .name("greeter-1")
///     .env("GREETING", "hi")
///     .stdout(Output::Captured)
///     .timeout(Duration::from_secs(20))
///     .memory_limit(512 << 20)
///     .spawn(())?;
/// child.wait();
/// assert_eq!(child.output_tail().stdout, "hello from greeter-1\n");
/// assert_eq!(child.join()?, "hi");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a builder starts nothing until `spawn`"]
pub struct Builder<P> {
    name: Option<String>,
    variables: Vec<(OsString, Option<OsString>)>,
    clear_variables: bool,
    directory: Option<PathBuf>,
    stdin: Stdin,
    stdout: Output,
    stderr: Output,
    timeout: Option<Duration>,
    start_timeout: Duration,
    memory_limit: Option<u64>,
    max_message: usize,
    share_group: bool,
    carrier: Carrier,
    process: PhantomData<fn() -> P>,
}

impl<P: Process> Builder<P> {
    #[doc(hidden)]
    pub fn new() -> Self {
        Builder {
            name: None,
            variables: Vec::new(),
            clear_variables: false,
            directory: None,
            stdin: Stdin::Null,
            stdout: Output::default(),
            stderr: Output::default(),
            timeout: None,
            start_timeout: Duration::from_secs(10),
            memory_limit: None,
            max_message: 1 << 30,
            share_group: false,
            carrier: usual_carrier(),
            process: PhantomData,
        }
    }

    /// What the process is called in errors and in `ps`; the function's name unless told.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets a variable of its environment, which otherwise is a copy of this process's.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Removes a variable of its environment.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.as_ref().to_owned(), None));
        self
    }

    /// Begins with an empty environment; what [`env`](Builder::env) sets is added to it.
    pub fn env_clear(mut self) -> Self {
        self.clear_variables = true;
        self.variables.clear();
        self
    }

    /// The directory it works in; this process's unless told.
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Where it reads from; nothing unless told.
    pub fn stdin(mut self, input: Input) -> Self {
        self.stdin = match input {
            Input::Null => Stdin::Null,
            Input::Inherit => Stdin::Inherit,
            Input::File(file) => Stdin::File(file),
        };
        self
    }

    /// What becomes of its standard output; whole lines unless told.
    pub fn stdout(mut self, output: Output) -> Self {
        self.stdout = output;
        self
    }

    /// What becomes of its standard error; whole lines unless told.
    pub fn stderr(mut self, output: Output) -> Self {
        self.stderr = output;
        self
    }

    /// How long it may run, from `spawn` on. Then it is killed, and its end is
    /// [`TimedOut`](crate::ExitReason::TimedOut). There is no limit unless told.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// How long it may take until it begins to run its function; 10 seconds unless told. Then it
    /// is killed, and its end is [`StartFailed`](crate::ExitReason::StartFailed).
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = limit;
        self
    }

    /// The most private memory it may have, in bytes: heap, stacks of threads, private mappings,
    /// but neither its code nor what it shares. It applies before the function runs. An
    /// allocation beyond it fails; in Rust that aborts the process, whose end is then
    /// [`OutOfMemory`](crate::ExitReason::OutOfMemory) unless its standard error is
    /// [inherited](Output::Inherit), in which case nobody but the user sees why it aborted.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// The most bytes that its arguments may have together, and that its result may have; 1 GiB
    /// unless told. More is an error on the side that sends.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// Leaves the process in this one's process group, so that Ctrl-C and job control of the
    /// terminal reach it as well. Unless told it gets a group of its own, and Ctrl-C is handled
    /// once, by this process: when that ends, so does the child.
    pub fn share_group(mut self, share: bool) -> Self {
        self.share_group = share;
        self
    }

    /// Shares no memory with the process: all messages travel as frames over sockets. A process
    /// that shares memory and is out to harm can take this one down, by truncating what they
    /// share. Slower: about 1 million small messages a second.
    pub fn untrusted(mut self) -> Self {
        self.carrier = Carrier::Frames;
        self
    }

    /// Starts the process; returns when it exists. What goes wrong after that is told by the
    /// handle.
    ///
    /// The input is `()`, the only parameter, or the tuple of the parameters.
    ///
    /// # Errors
    ///
    /// If an argument cannot be encoded or is too large, or the system has no room for a process.
    /// Nothing is left of the attempt then.
    pub fn spawn(self, input: P::Input) -> Result<Child<P::Output>, SpawnError> {
        let entry = P::entry();
        let name = self.name.clone().unwrap_or_else(|| entry.name().to_owned());
        let standing = standing();
        if context::is_fork() {
            return Err(SpawnError::Forked { process: name });
        }
        if standing.reentered {
            return Err(SpawnError::Reentered { process: name });
        }
        if standing.depth >= DEEPEST {
            return Err(SpawnError::TooDeep {
                process: name,
                depth: standing.depth,
            });
        }
        let Some(index) = entry.index() else {
            return Err(SpawnError::NotLinked { process: name });
        };
        let (program, expected) = program(&name)?;
        let mut row = Encoder::new(self.max_message);
        P::encode(&input, &mut row).map_err(|source| SpawnError::Encode {
            process: name.clone(),
            source,
        })?;
        let plan = Plan {
            title: context::title(&name),
            by_contents: matches!(expected.build, Build::Contents { .. }),
            program,
            variables: self.variables,
            clear_variables: self.clear_variables,
            directory: self.directory,
            stdin: self.stdin,
            stdout: stream(self.stdout),
            stderr: stream(self.stderr),
            share_group: self.share_group,
            carrier: self.carrier,
            max_message: self.max_message,
            in_init: standing.in_init,
            depth: standing.depth + 1,
        };
        let tried = plan.program.clone();
        let mut started = launch::start(plan).map_err(|error| explain(&name, tried, error))?;
        let system = |action, source| SpawnError::System {
            process: name.clone(),
            action,
            source,
        };
        let gone = || {
            system(
                "taking the process over",
                std::io::ErrorKind::BrokenPipe.into(),
            )
        };
        let mut ends = started.ends.take().ok_or_else(gone)?;
        let arguments = match self.carrier {
            Carrier::Frames => Some(row.into_vec()),
            Carrier::Ring => {
                let sent = ends.to_child.send(Tag::Value, &row, None);
                sent.map_err(|fault| match fault {
                    Fault::NoRoom => SpawnError::Descriptors {
                        process: name.clone(),
                        limit: sys::descriptor_limit(),
                    },
                    _ => system(
                        "sending the arguments",
                        std::io::ErrorKind::BrokenPipe.into(),
                    ),
                })?;
                None
            }
        };
        let (id, number) = context::next_id();
        let pid = started.pid;
        let (out, err) = (Tail::default(), Tail::default());
        let bootstrap = {
            let (name, id, memory_limit) = (name.clone(), id.to_string(), self.memory_limit);
            let max_message = self.max_message as u64;
            let parent = context::as_parent();
            move |ends| Bootstrap {
                entry: index,
                name,
                id,
                parent,
                memory_limit,
                max_message,
                ends,
            }
        };
        let meeting = started.meeting.take().ok_or_else(gone)?;
        let life = Life::begin(pid, name.clone(), (id, number), started.watch.clone());
        attend(Attendance {
            life: life.clone(),
            meeting,
            expected,
            bootstrap: Box::new(bootstrap),
            ends,
            arguments,
            stdout: (
                started.stdout.take(),
                style(self.stdout, &name, pid),
                out.clone(),
            ),
            stderr: (
                started.stderr.take(),
                style(self.stderr, &name, pid),
                err.clone(),
            ),
            start_limit: self.start_timeout,
            timeout: self
                .timeout
                .and_then(|limit| Some((limit, Instant::now().checked_add(limit)?))),
            limited: self.memory_limit.is_some(),
        })
        .map_err(|source| SpawnError::Processes {
            process: name.clone(),
            source,
        })?;
        Ok(Child::new(life, (out, err), P::decode_output))
    }
}

/// The carrier of processes that are trusted: the ring, unless `PROCESSION_CARRIER=frames` asks
/// for the other one (as CI does, to run everything over both).
fn usual_carrier() -> Carrier {
    static CARRIER: OnceLock<Carrier> = OnceLock::new();
    *CARRIER.get_or_init(|| match std::env::var("PROCESSION_CARRIER").as_deref() {
        Ok("frames") => Carrier::Frames,
        _ => Carrier::Ring,
    })
}

/// What to execute, and what its hello is held against.
fn program(process: &str) -> Result<(PathBuf, Expected), SpawnError> {
    static OWN: OnceLock<Result<Build, PathBuf>> = OnceLock::new();
    let table = registry::digest();
    let execute = |program: &Path, source| SpawnError::Execute {
        process: process.to_owned(),
        program: program.to_owned(),
        source,
    };
    if let Some((path, build)) = context::worker_program() {
        let build = build.map_err(|source| execute(&path, source))?;
        return Ok((path, Expected { build, table }));
    }
    let own = OWN.get_or_init(|| {
        sys::runs_own_program()?;
        sys::own_build().map_err(|_| sys::own_program().to_owned())
    });
    match own {
        Ok(build) => Ok((
            sys::own_program().to_owned(),
            Expected {
                build: *build,
                table,
            },
        )),
        Err(would_run) => Err(SpawnError::NotOurProgram {
            process: process.to_owned(),
            would_run: would_run.clone(),
        }),
    }
}

fn explain(process: &str, program: PathBuf, error: StartError) -> SpawnError {
    let process = process.to_owned();
    match error {
        StartError::Descriptors => SpawnError::Descriptors {
            process,
            limit: sys::descriptor_limit(),
        },
        StartError::Processes(source) => SpawnError::Processes { process, source },
        StartError::TemporaryDirectory(source) => SpawnError::TemporaryDirectory {
            process,
            path: std::env::temp_dir(),
            source,
        },
        StartError::Execute(source) => SpawnError::Execute {
            process,
            program,
            source,
        },
        StartError::System(action, source) => SpawnError::System {
            process,
            action,
            source,
        },
    }
}

fn stream(output: Output) -> Stream {
    match output {
        Output::Lines | Output::Prefixed | Output::Captured => Stream::Piped,
        Output::Inherit => Stream::Inherit,
        Output::Null => Stream::Null,
    }
}

fn style(output: Output, name: &str, pid: u32) -> Style {
    match output {
        Output::Prefixed => Style::Prefixed(format!("[{name} {pid}] ")),
        Output::Captured => Style::Captured,
        Output::Lines | Output::Inherit | Output::Null => Style::Lines,
    }
}
