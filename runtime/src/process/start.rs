//! A start, from the settings to a child that is looked after. Nothing here depends on the type of
//! the function, so it is compiled once.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::builder::Output;
use super::context;
use crate::error::SpawnError;
use crate::id::Place;
use crate::launch::{self, Expected, Plan, StartError, Stdin, Stream};
use crate::outcome::Intent;
use crate::registry::{self, Entry};
use crate::route::{
    AskLast, Attendance, Awaited, Life, Listeners, Outbox, Reserved, Seat, Slot, Style, Tail, here,
};
use crate::sys::{self, Build};
use crate::wire::{
    Belt, BeltRegion, Bootstrap, Carrier, Encoder, Fault, Gong, Heirloom, LanePair, LaneReceiver,
    LaneSender, Serves, Short, Special, Tag, digest_of,
};
use crate::worker::standing;

/// Processes that start processes are at most this deep.
const DEEPEST: u32 = 16;

/// What a builder has been told.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) name: Option<String>,
    pub(super) variables: Vec<(OsString, Option<OsString>)>,
    pub(super) clear_variables: bool,
    pub(super) directory: Option<PathBuf>,
    pub(super) stdin: Stdin,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    pub(super) timeout: Option<Duration>,
    pub(super) start_timeout: Duration,
    pub(super) memory_limit: Option<u64>,
    pub(crate) max_message: usize,
    pub(super) share_group: bool,
    pub(crate) carrier: Carrier,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
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
        }
    }
}

/// A start that nothing speaks against.
pub(crate) struct Ready {
    pub(crate) name: String,
    entry: u32,
    expected: Expected,
    depth: u32,
}

/// Who reads the lanes of a child.
pub(crate) enum Lanes {
    /// Its attendant, for the one outcome.
    Outcome,
    /// Whoever starts it.
    Open,
    /// Whoever waits for an answer of the slot that it serves.
    Serve(Arc<Slot>),
    /// A pool: tasks and results travel on a belt, or over its lanes where it shares no memory.
    /// Whoever is given that lane tells the last word of the process.
    Pool(Arc<Gong>, Box<dyn FnOnce(LaneReceiver) -> AskLast + Send>),
}

/// A child that is looked after, the tails of its output, and its lanes if they were asked for.
pub(crate) struct Begun {
    pub(crate) life: Arc<Life>,
    pub(crate) seat: Seat,
    pub(crate) tails: (Tail, Tail),
    pub(crate) lanes: Option<(LaneSender, LaneReceiver)>,
    pub(crate) belt: Option<Belt>,
    /// Where its value can be had before it has ended, if it is awaited.
    pub(crate) outbox: Option<Arc<Outbox>>,
}

impl Settings {
    /// The same once more, for another process. What it reads from is read on where the last one
    /// stopped.
    pub(crate) fn again(&self) -> std::io::Result<Self> {
        Ok(Settings {
            name: self.name.clone(),
            variables: self.variables.clone(),
            directory: self.directory.clone(),
            stdin: match &self.stdin {
                Stdin::Null => Stdin::Null,
                Stdin::Inherit => Stdin::Inherit,
                Stdin::File(file) => Stdin::File(file.try_clone()?),
            },
            ..*self
        })
    }

    /// Checks all that can be checked before anything is started.
    pub(crate) fn ready(&self, entry: &'static Entry) -> Result<Ready, SpawnError> {
        let name = self.name.clone().unwrap_or_else(|| entry.name().to_owned());
        // Before anything is locked: in a fork, another thread's lock is never given back.
        if context::is_fork() {
            return Err(SpawnError::Forked { process: name });
        }
        if sys::is_ending() {
            let source = std::io::Error::other("the program is ending");
            return Err(SpawnError::System { process: name, action: "starting it", source });
        }
        let standing = standing();
        if standing.reentered {
            return Err(SpawnError::Reentered { process: name });
        }
        if standing.depth >= DEEPEST {
            return Err(SpawnError::TooDeep { process: name, depth: standing.depth });
        }
        let Some(entry) = entry.index() else {
            return Err(SpawnError::NotLinked { process: name });
        };
        let (in_init, depth) = (standing.in_init, standing.depth + 1);
        let expected = expected(&name, in_init)?;
        Ok(Ready { name, entry, expected, depth })
    }

    /// Starts the child and has it looked after.
    pub(crate) fn start(
        self,
        ready: Ready,
        row: Encoder<'_>,
        lanes: Lanes,
        listeners: Listeners,
    ) -> Result<Begun, SpawnError> {
        let Ready { name, entry, expected, depth } = ready;
        let tried = expected.program.clone();
        let processes = |source| SpawnError::Processes { process: name.clone(), source };
        // First: where there is no thread to look after a child there must be none.
        let seat = Reserved::new(self.carrier).map_err(processes)?;
        let no_room = |fault| no_room(&name, fault);
        let region = match (&lanes, self.carrier) {
            (Lanes::Pool(gong, _), Carrier::Ring) => {
                let region = BeltRegion::new().map_err(no_room)?;
                let ends = region.ends(gong).map_err(no_room)?;
                Some((region, ends))
            }
            _ => None,
        };
        let (region, belt) = region.unzip();
        // What the slot hands over is for this child alone, so it comes last of all that may fail.
        let serves = match &lanes {
            Lanes::Serve(slot) => Some(serves(slot, self.carrier).map_err(no_room)?),
            _ => None,
        };
        let (id, number) = context::next_id();
        let mut bootstrap = Bootstrap {
            entry,
            name: name.clone(),
            id: id.to_string(),
            parent: context::as_parent(),
            max_message: self.max_message as u64,
            tree: context::tree(),
            special: Special { memory_limit: self.memory_limit, serves, belt },
        };
        let plan = Plan {
            title: context::title(&name),
            by_contents: matches!(expected.build, Build::Contents { .. }),
            program: expected.program.clone(),
            variables: self.variables,
            clear_variables: self.clear_variables,
            directory: self.directory,
            stdin: self.stdin,
            stdout: stream(self.stdout),
            stderr: stream(self.stderr),
            share_group: self.share_group,
            carrier: self.carrier,
            inherited: bootstrap.heirlooms().filter_map(Heirloom::take_held).collect(),
            max_message: self.max_message,
            in_init: expected.in_init,
            depth,
            digest: digest_of(&expected.build, expected.table),
        };
        let mut started = launch::start(plan).map_err(|error| explain(&name, tried, error))?;
        let system = |action, source| SpawnError::System { process: name.clone(), action, source };
        let gone = || system("taking the process over", std::io::ErrorKind::BrokenPipe.into());
        let mut ends = started.ends.take().ok_or_else(gone)?;
        let control = started.control.take().ok_or_else(gone)?;
        let (words, wake) = started.words.take().ok_or_else(gone)?;
        let meeting = started.meeting.take().ok_or_else(gone)?;
        let pid = started.pid;
        let (watch, ended) = (started.watch.clone(), listeners.ended);
        let life = Life::begin(pid, name.clone(), (id, number), watch, wake, ended);
        life.edge().hears(control);
        let mut from_child = Some(ends.from_child);
        if let Lanes::Serve(slot) = &lanes {
            let lane = from_child.take_if(|_| self.carrier == Carrier::Ring);
            slot.serve(Arc::clone(life.edge()), Arc::clone(&life), lane);
        }
        // Last, because the child may answer at once.
        let mut said = ends.to_child.send_bytes(Tag::Begin, &bootstrap.bytes());
        let arguments = match (self.carrier, &lanes) {
            (_, Lanes::Pool(..)) => None,
            // Nobody reads a socket yet, so its attendant sends what may be too much for it.
            (Carrier::Frames, Lanes::Outcome | Lanes::Serve(_)) => Some(row.into_vec()),
            _ => {
                said = said.and_then(|()| ends.to_child.send(Tag::Value, &row, None));
                None
            }
        };
        // A child that has ended already says so itself.
        let said = match said {
            Err(fault @ Fault::NoRoom(_)) => Err(no_room(fault)),
            _ => Ok(()),
        };
        if let Err(error) = &said {
            // It never hears what to do, and was never known.
            life.unmourned();
            if let Lanes::Serve(slot) = &lanes {
                slot.unserved(life.edge());
            }
            let _ = life.kill(Intent::GiveUp(error.to_string()));
        }
        let (mut opened, mut belt, mut outbox) = (None, None, None);
        let outcome = match (lanes, from_child) {
            (Lanes::Outcome | Lanes::Serve(_), Some(from_child)) => {
                let lane = Outbox::new(ends.to_child, from_child, arguments);
                Awaited::Lane(Arc::clone(outbox.insert(lane)))
            }
            (Lanes::Open, Some(from_child)) => {
                opened = Some((ends.to_child, from_child));
                Awaited::Nothing
            }
            (Lanes::Pool(_, hear), Some(from_child)) => match region {
                Some(region) => {
                    let lanes = LanePair::new(ends.to_child, from_child);
                    belt = Some(region.belt(lanes.clone()));
                    Awaited::Asked(Box::new(move || (lanes.last_word(), None)))
                }
                None => Awaited::Asked(hear(from_child)),
            },
            (Lanes::Serve(slot), None) => {
                Awaited::Answers(ends.to_child, Arc::clone(&slot.answers))
            }
            (_, None) => Awaited::Nothing,
        };
        let (out, err) = (Tail::default(), Tail::default());
        let timeout =
            self.timeout.and_then(|limit| Some((limit, Instant::now().checked_add(limit)?)));
        let seat = seat.begin(Attendance {
            life: life.clone(),
            meeting,
            expected,
            outcome,
            reports: ends.reports,
            closer: ends.closer,
            words,
            listener: listeners.local,
            stdout: (started.stdout.take(), style(self.stdout, &name, pid), out.clone()),
            stderr: (started.stderr.take(), style(self.stderr, &name, pid), err.clone()),
            start_limit: self.start_timeout,
            timeout,
            limited: self.memory_limit.is_some(),
        });
        if said.is_err() {
            // Whoever tries again finds nothing of this one.
            life.wait(Some(Instant::now() + GONE));
        }
        said.map(|()| Begun { life, seat, tails: (out, err), lanes: opened, belt, outbox })
    }
}

/// How long a child that was killed at its start is waited for: it is gone in a moment, unless the system
/// holds on to it.
const GONE: Duration = Duration::from_secs(2);

/// What a child needs to serve a slot.
fn serves(slot: &Slot, carrier: Carrier) -> Result<Serves, Fault> {
    let (ends, incarnation, crashes) = slot.hand_over()?;
    debug_assert_eq!(ends.is_some(), carrier == Carrier::Ring);
    let place = Place { tree: context::tree(), owner: here().clone(), target: slot.target };
    Ok(Serves { place, incarnation, crashes, ends })
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
fn expected(process: &str, in_init: bool) -> Result<Expected, SpawnError> {
    static OWN: OnceLock<Result<Build, PathBuf>> = OnceLock::new();
    static TABLE: OnceLock<u64> = OnceLock::new();
    let table = *TABLE.get_or_init(registry::digest);
    if let Some((program, build)) = context::worker_program() {
        return match build {
            Ok(build) => Ok(Expected { program, in_init, build, table }),
            Err(source) => {
                Err(SpawnError::Execute { process: process.to_owned(), program, source })
            }
        };
    }
    let own = OWN.get_or_init(|| {
        sys::runs_own_program()?;
        sys::own_build().map_err(|_| sys::own_program().to_owned())
    });
    match own {
        Ok(build) => {
            Ok(Expected { program: sys::own_program().to_owned(), in_init, build: *build, table })
        }
        Err(would_run) => Err(SpawnError::NotOurProgram {
            process: process.to_owned(),
            would_run: would_run.clone(),
        }),
    }
}

/// There was no room for what is shared with the child.
pub(crate) fn no_room(process: &str, fault: Fault) -> SpawnError {
    let short = if let Fault::NoRoom(short) = fault { short } else { Short::Descriptors };
    explain(process, PathBuf::new(), short.into())
}

fn explain(process: &str, program: PathBuf, error: StartError) -> SpawnError {
    let process = process.to_owned();
    match error {
        StartError::NoRoom(Short::Descriptors) => {
            SpawnError::Descriptors { process, limit: sys::descriptor_limit() }
        }
        StartError::NoRoom(Short::Memory) => {
            let action = "making shared memory for it";
            SpawnError::System { process, action, source: std::io::ErrorKind::OutOfMemory.into() }
        }
        StartError::Processes(source) => SpawnError::Processes { process, source },
        StartError::WorkingDirectory(path, source) => {
            SpawnError::WorkingDirectory { process, path, source }
        }
        StartError::Execute(source) => SpawnError::Execute { process, program, source },
        StartError::System(action, source) => SpawnError::System { process, action, source },
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
