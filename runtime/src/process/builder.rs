//! How a process is started.

use std::ffi::OsStr;
use std::fs::File;
use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;

use super::start::{Lanes, Settings};
use super::{Child, Process};
use crate::error::SpawnError;
use crate::launch::Stdin;
use crate::route::Listeners;
use crate::wire::{Carrier, Encoder};

/// What becomes of what a process prints.
///
/// Whole lines mean that lines of several processes never run together, and that nothing is torn.
/// They are forwarded as text: bytes that are not UTF-8 are replaced. In all but
/// [`Inherit`](Output::Inherit) and [`Null`](Output::Null) the last 64 KiB are kept, for
/// [`output_tail`](Child::output_tail) and for errors. Who holds the lock of standard output or
/// error while waiting for a process that prints, waits for ever. What a process leaves running when it ends
/// cannot write there any more.
///
/// # Examples
///
/// ```
/// use procession::{Output, process};
///
/// #[process]
/// fn speak() {
///     println!("hello");
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// speak::builder().stdout(Output::Prefixed).spawn(())?.join()?; // prints `[speak 4711] hello`
/// speak::builder().stdout(Output::Null).spawn(())?.join()?; // prints nothing
/// # Ok(())
/// # }
/// ```
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
///
/// # Examples
///
/// ```
/// use std::io::Read;
///
/// use procession::{Failure, Input, process};
///
/// #[process]
/// fn size() -> Result<usize, Failure> {
///     let mut text = String::new();
///     Ok(std::io::stdin().read_to_string(&mut text)?)
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// assert_eq!(size::call()?.unwrap(), 0);
/// let file = std::fs::File::open("Cargo.toml")?;
/// assert!(size::builder().stdin(Input::File(file)).spawn(())?.join()?.unwrap() > 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Input {
    /// Nothing: the end of input at once.
    #[default]
    Null,
    /// Where this process reads from. On a terminal that takes
    /// [`share_group`](Builder::share_group): a process of another group that reads there is
    /// stopped by the system.
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
pub struct Builder<P, K = Called> {
    pub(crate) settings: Settings,
    pub(crate) kind: K,
    process: PhantomData<fn() -> P>,
}

/// What there is to say of a function without a mailbox: nothing more.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Called;

impl<P, K: Default> Builder<P, K> {
    #[doc(hidden)]
    pub fn new() -> Self {
        Builder { settings: Settings::default(), kind: K::default(), process: PhantomData }
    }
}

impl<P, K> Builder<P, K> {
    /// What the process is called in errors and in `ps`; the function's name unless told.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = Some(name.into());
        self
    }

    /// Sets a variable of its environment, which otherwise is a copy of this process's.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.settings.variables.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Removes a variable of its environment.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.settings.variables.push((name.as_ref().to_owned(), None));
        self
    }

    /// Begins with an empty environment; what [`env`](Builder::env) sets is added to it.
    pub fn env_clear(mut self) -> Self {
        self.settings.clear_variables = true;
        self.settings.variables.clear();
        self
    }

    /// The directory it works in; this process's unless told.
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.settings.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Where it reads from; nothing unless told.
    pub fn stdin(mut self, input: Input) -> Self {
        self.settings.stdin = match input {
            Input::Null => Stdin::Null,
            Input::Inherit => Stdin::Inherit,
            Input::File(file) => Stdin::File(file),
        };
        self
    }

    /// What becomes of its standard output; whole lines unless told.
    pub fn stdout(mut self, output: Output) -> Self {
        self.settings.stdout = output;
        self
    }

    /// What becomes of its standard error; whole lines unless told.
    pub fn stderr(mut self, output: Output) -> Self {
        self.settings.stderr = output;
        self
    }

    /// How long it may run, from `spawn` on. Then it is killed, and its end is
    /// [`TimedOut`](crate::ExitReason::TimedOut). There is no limit unless told.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.settings.timeout = Some(limit);
        self
    }

    /// How long it may take until it is ready for its function, set-up not counted; 10 seconds
    /// unless told. Then it is killed, and its end is [`StartFailed`](crate::ExitReason::StartFailed).
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.settings.start_timeout = limit;
        self
    }

    /// The most private memory it may have, in bytes: heap, stacks of threads, private mappings,
    /// but neither its code nor what it shares. It applies before the function runs. An
    /// allocation beyond it fails; in Rust that aborts the process, whose end is then
    /// [`OutOfMemory`](crate::ExitReason::OutOfMemory) unless its standard error is
    /// [inherited](Output::Inherit) or goes [nowhere](Output::Null), in which case nobody here sees why
    /// it aborted. Processes that it starts have the same limit, each for itself.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.settings.memory_limit = Some(bytes);
        self
    }

    /// The most bytes that its arguments may have together, that its result may have, and that one
    /// message to or from an actor may have; 1 GiB unless told. More is an error on the side that sends.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.settings.max_message = bytes;
        self
    }

    /// Leaves the process in this one's process group, so that Ctrl-C and job control of the
    /// terminal reach it as well. Unless told it gets a group of its own, and Ctrl-C is handled
    /// once, by this process: when that ends, so does the child.
    pub fn share_group(mut self, share: bool) -> Self {
        self.settings.share_group = share;
        self
    }

    /// Shares no memory with the process: all messages travel as frames over sockets. A process
    /// that shares memory and is out to harm can take this one down, by truncating what large
    /// messages travel in. Slower: about 1 million small messages a second.
    pub fn untrusted(mut self) -> Self {
        self.settings.carrier = Carrier::Frames;
        self
    }
}

impl<P: Process> Builder<P> {
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
        let settings = self.settings;
        let ready = settings.ready(P::entry())?;
        // What children say to each other may come by here.
        crate::route::ready();
        let mut row = Encoder::new(settings.max_message);
        let encoded = P::encode(&input, &mut row);
        encoded.map_err(|source| SpawnError::Encode { process: ready.name.clone(), source })?;
        let begun = settings.start(ready, row, Lanes::Outcome, Listeners::default())?;
        Ok(Child::new(begun, P::decode_output))
    }
}
