//! On which thread children are created.
//!
//! A child that asks to die with its parent dies with the *thread* that created it. Two threads
//! live as long as the program: the initial one and the launcher. A start on the initial thread
//! happens there; all others are handed to the launcher, which does nothing else.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use super::plan::{Plan, StartError, Stdin, Stream};
use super::spare::Spare;
use super::started::{Meeting, Started};
use crate::sys::{self, Pidfd};
use crate::wire::{Heirloom, VARIABLE, Variable};

/// What the launcher is asked for: a start, and where it answers.
type Request = (Box<Plan>, SyncSender<Result<Started, StartError>>);

/// How many requests may wait; more wait to be sent.
const WAITING: usize = 16;

/// Creates a child, and returns when it exists.
pub(crate) fn start(plan: Plan) -> Result<Started, StartError> {
    if sys::on_initial_thread() {
        return create(plan);
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
    std::thread::Builder::new()
        .name("procession-launcher".to_owned())
        .stack_size(256 * 1024)
        .spawn(move || {
            sys::block_signals();
            serve(&requests);
        })
        .map_err(StartError::Processes)?;
    *launcher = Some(sender.clone());
    Ok(sender)
}

fn serve(requests: &Receiver<Request>) {
    for (plan, answer) in requests {
        // A caller that has gone meanwhile drops the child, which kills it.
        let _ = answer.send(create(*plan));
    }
}

fn create(plan: Plan) -> Result<Started, StartError> {
    let spare = Spare::take(plan.carrier)?;
    let Spare { control, greeting: (greeting, greeted), nonce, wake, .. } = spare;
    let ((mut ends, mut offer), (mut words, mut up)) = (spare.ends, spare.up);
    ends.from_child.set_limit(plan.max_message);
    words.set_limit(plan.max_message);
    let mut command = Command::new(&plan.program);
    command.arg0(&plan.title);
    if plan.clear_variables {
        command.env_clear();
    }
    for (name, value) in &plan.variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(directory) = &plan.directory {
        command.current_dir(directory);
    }
    if !plan.share_group {
        command.process_group(0);
    }
    command.stdout(stdio(plan.stdout)).stderr(stdio(plan.stderr));
    command.stdin(match plan.stdin {
        Stdin::Null => Stdio::null(),
        Stdin::Inherit => Stdio::inherit(),
        Stdin::File(file) => Stdio::from(file),
    });
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
    command.env(VARIABLE, variable.format());
    // Alone: what another start passes on, and what ipc-channel sends, is for a moment not
    // close-on-exec, and would be inherited by this child.
    let _room = sys::make_room(8).ok_or(StartError::Descriptors)?;
    // These are inherited under their own numbers, which the variable and the first word tell. What
    // another thread of the user starts at this moment inherits them as well, and can do nothing with
    // them.
    let heirlooms = offer.heirlooms().into_iter().chain([&mut up]).filter_map(Heirloom::take_held);
    let inherited: Vec<OwnedFd> = heirlooms.chain(plan.inherited).chain([greeted]).collect();
    let told = inherited.iter().map(AsFd::as_fd).chain([control.as_fd(), control.lifeline()]);
    for descriptor in told {
        sys::inheritable(descriptor)
            .map_err(|error| StartError::System("passing a descriptor on", error))?;
    }
    let child = command.spawn();
    drop(inherited);
    let control = control.into_sender();
    let mut child = child.map_err(|error| refused(error, plan.directory.as_deref()))?;
    let pid = child.id();
    let watch = Pidfd::open(pid).map_err(|error| {
        // Without a descriptor to watch it by, it is not ours to keep.
        let _ = child.kill();
        let _ = child.wait();
        StartError::System("watching the process", error)
    })?;
    Ok(Started {
        pid,
        watch: Arc::new(watch),
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
        ends: Some(ends),
        words: Some((words, wake)),
        control: Some(control),
        meeting: Some(Meeting { greeting: greeting.into(), nonce }),
    })
}

fn stdio(stream: Stream) -> Stdio {
    match stream {
        Stream::Piped => Stdio::piped(),
        Stream::Inherit => Stdio::inherit(),
        Stream::Null => Stdio::null(),
    }
}

fn refused(error: io::Error, directory: Option<&Path>) -> StartError {
    match (error.kind(), directory) {
        (ErrorKind::WouldBlock | ErrorKind::OutOfMemory, _) => StartError::Processes(error),
        _ if error.raw_os_error().is_some_and(sys::is_descriptor_limit) => StartError::Descriptors,
        (_, Some(directory)) if std::fs::read_dir(directory).is_err() => {
            StartError::WorkingDirectory(directory.to_owned(), error)
        }
        _ => StartError::Execute(error),
    }
}
