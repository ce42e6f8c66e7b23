//! On which thread children are created.
//!
//! A child that asks to die with its parent dies with the *thread* that created it. Two threads
//! live as long as the program: the initial one and the launcher. A start on the initial thread
//! happens there; all others are handed to the launcher, which does nothing else.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{ChildStderr, ChildStdout};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use super::plan::{Plan, StartError, Stdin, Stream};
use super::spare::Spare;
use super::started::{Meeting, Started};
use crate::sys::{self, Pidfd, Program};
use crate::wire::{Heirloom, Short, VARIABLE, Variable};

/// What the launcher is asked for: a start, and where it answers.
type Request = (Box<Plan>, SyncSender<Result<Started, StartError>>);

/// How many requests may wait; more wait to be sent.
const WAITING: usize = 16;

/// Creates a child, and returns when it exists.
pub(crate) fn start(plan: Plan) -> Result<Started, StartError> {
    if sys::on_initial_thread() {
        return create_alone(plan);
    }
    let (answer, answered) = sync_channel(1);
    let gone = || StartError::System("asking the launcher thread", ErrorKind::BrokenPipe.into());
    launcher()?.send((Box::new(plan), answer)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

/// The launcher thread's ear. The thread begins with the first start and lives as long as the
/// program.
fn launcher() -> Result<SyncSender<Request>, StartError> {
    static LAUNCHER: Mutex<Option<SyncSender<Request>>> = Mutex::new(None);
    let mut launcher = LAUNCHER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(launcher) = &*launcher {
        return Ok(launcher.clone());
    }
    let (sender, requests) = sync_channel(WAITING);
    sys::run_aside("procession-launcher", move || {
        serve(&requests);
    })
    .map_err(StartError::Processes)?;
    *launcher = Some(sender.clone());
    Ok(sender)
}

fn serve(requests: &Receiver<Request>) {
    for (plan, answer) in requests {
        // A caller that has gone meanwhile drops the child, which kills it.
        let _ = answer.send(create_alone(*plan));
    }
}

/// Creates a child. Where a thread of the user takes a descriptor for which there was room a moment ago,
/// ipc-channel may panic: that is this start's end, and not the launcher's.
fn create_alone(plan: Plan) -> Result<Started, StartError> {
    let created = catch_unwind(AssertUnwindSafe(|| create(plan)));
    created.unwrap_or_else(|_| Err(Short::Descriptors.into()))
}

fn create(plan: Plan) -> Result<Started, StartError> {
    let spare = Spare::take(plan.carrier)?;
    let Spare { control, greeting: (greeting, greeted), nonce, wake, .. } = spare;
    let ((mut ends, mut offer), (mut words, mut up)) = (spare.ends, spare.up);
    ends.from_child.set_limit(plan.max_message);
    words.set_limit(plan.max_message);
    let variable = Variable {
        parent: std::process::id(),
        in_init: plan.in_init,
        by_contents: plan.by_contents,
        depth: plan.depth,
        greeting: greeted.as_raw_fd(),
        nonce,
        control: control.as_fd().as_raw_fd(),
        lifeline: control.lifeline().as_raw_fd(),
        up: up.number(),
        ends: offer.numbers(),
        digest: plan.digest,
        users_mapped: sys::are_users_mapped(),
    };
    // Alone: what ipc-channel sends is for a moment not close-on-exec, and would be inherited by this
    // child.
    let _room = sys::make_room(8).ok_or(Short::Descriptors)?;
    let stdin = match plan.stdin {
        Stdin::Null => Some(File::open("/dev/null").map(OwnedFd::from)),
        Stdin::Inherit => None,
        Stdin::File(file) => Some(Ok(file.into())),
    };
    let opened = |error: io::Error| refused(error, None);
    let stdin = stdin.transpose().map_err(opened)?;
    let (stdout, printed) = stream(plan.stdout).map_err(opened)?;
    let (stderr, complained) = stream(plan.stderr).map_err(opened)?;
    // These are inherited under their own numbers, which the variable and the first word tell.
    let heirlooms = offer.heirlooms().into_iter().chain([&mut up]).filter_map(Heirloom::take_held);
    let inherited: Vec<OwnedFd> = heirlooms.chain(plan.inherited).chain([greeted]).collect();
    let told = inherited.iter().map(AsFd::as_fd).chain([control.as_fd(), control.lifeline()]);
    let program = Program {
        path: &plan.program,
        title: &plan.title,
        variables: environment(plan.clear_variables, plan.variables, variable.format()),
        directory: plan.directory.as_deref(),
        own_group: !plan.share_group,
        streams: [&stdin, &printed, &complained].map(|stream| stream.as_ref().map(AsFd::as_fd)),
        inherited: told.collect(),
    };
    let pid = program.spawn();
    drop(program);
    drop((inherited, stdin, printed, complained));
    let control = control.into_sender();
    let pid = pid.map_err(|error| refused(error, plan.directory.as_deref()))?;
    let watch = Pidfd::open(pid).map_err(|error| {
        // Without a descriptor to watch it by, it is not ours to keep.
        sys::kill_child(pid);
        StartError::System("watching the process", error)
    })?;
    Ok(Started {
        pid,
        watch: Arc::new(watch),
        stdout: stdout.map(ChildStdout::from),
        stderr: stderr.map(ChildStderr::from),
        ends: Some(ends),
        words: Some((words, wake)),
        control: Some(control),
        meeting: Some(Meeting { greeting: greeting.into(), nonce }),
    })
}

/// The two ends of one of its output streams, where it has one of its own: this process's and its own.
fn stream(stream: Stream) -> io::Result<(Option<OwnedFd>, Option<OwnedFd>)> {
    Ok(match stream {
        Stream::Piped => {
            let (reading, writing) = sys::pipe()?;
            (Some(reading), Some(writing))
        }
        Stream::Inherit => (None, None),
        Stream::Null => (None, Some(File::options().write(true).open("/dev/null")?.into())),
    })
}

/// The environment of a child: this process's, unless it is to have none, with changes.
fn environment(
    clear: bool,
    changes: Vec<(OsString, Option<OsString>)>,
    variable: String,
) -> Vec<(OsString, OsString)> {
    let own = (!clear).then(std::env::vars_os).into_iter().flatten();
    let mut variables: BTreeMap<OsString, OsString> = own.collect();
    for (name, value) in changes {
        match value {
            Some(value) => variables.insert(name, value),
            None => variables.remove(&name),
        };
    }
    variables.insert(VARIABLE.into(), variable.into());
    variables.into_iter().collect()
}

fn refused(error: io::Error, directory: Option<&Path>) -> StartError {
    match (error.kind(), directory) {
        (ErrorKind::WouldBlock | ErrorKind::OutOfMemory, _) => StartError::Processes(error),
        _ if sys::is_at_limit(&error) => Short::Descriptors.into(),
        (_, Some(directory)) if !sys::may_enter(directory) => {
            StartError::WorkingDirectory(directory.to_owned(), error)
        }
        _ => StartError::Execute(error),
    }
}
