//! The thread that creates all children.

use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use super::plan::{Plan, StartError, Stdin, Stream};
use super::spare::Spare;
use super::started::{Meeting, Started};
use crate::sys::{self, Pidfd};
use crate::wire::{Carrier, VARIABLE, Variable};

struct Request {
    plan: Plan,
    answer: SyncSender<Result<Started, StartError>>,
}

/// Creates a child, and returns when it exists.
pub(crate) fn start(plan: Plan) -> Result<Started, StartError> {
    let (answer, answered) = sync_channel(1);
    let gone = || StartError::System("asking the launcher thread", ErrorKind::BrokenPipe.into());
    launcher()?.send(Request { plan, answer }).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

/// The launcher thread's ear. The thread begins with the first start and lives as long as the
/// program, because the children live no longer than it.
fn launcher() -> Result<SyncSender<Request>, StartError> {
    static LAUNCHER: Mutex<Option<SyncSender<Request>>> = Mutex::new(None);
    let mut launcher = LAUNCHER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(launcher) = &*launcher {
        return Ok(launcher.clone());
    }
    let (sender, requests) = sync_channel(0);
    std::thread::Builder::new()
        .name("procession-launcher".to_owned())
        .stack_size(256 * 1024)
        .spawn(move || serve(&requests))
        .map_err(StartError::Processes)?;
    *launcher = Some(sender.clone());
    Ok(sender)
}

fn serve(requests: &Receiver<Request>) {
    let mut spare: Option<Spare> = None;
    for Request { plan, answer } in requests {
        let carrier = plan.carrier;
        let ready = match spare.take() {
            Some(spare) if spare.carrier == carrier => Ok(spare),
            _ => Spare::new(carrier),
        };
        let started = ready.and_then(|ready| create(plan, ready));
        // A caller that has gone meanwhile drops the child, which kills it.
        let worked = started.is_ok();
        let _ = answer.send(started);
        // What fails now is tried again, and told, when it is needed.
        spare = if worked { Spare::new(Carrier::Ring).ok() } else { None };
    }
}

fn create(plan: Plan, spare: Spare) -> Result<Started, StartError> {
    let Spare {
        server, greeting: (greeting, greeted), ends: (mut ends, child_ends), nonce, ..
    } = spare;
    ends.from_child.set_limit(plan.max_message);
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
    // The greeting takes the place of standard input where that would be empty anyway; otherwise
    // it is inherited under its own number.
    let mut beside = None;
    let number = match plan.stdin {
        Stdin::Null => {
            command.stdin(Stdio::from(greeted));
            0
        }
        Stdin::Inherit | Stdin::File(_) => {
            sys::inheritable(&greeted)
                .map_err(|error| StartError::System("passing a descriptor on", error))?;
            beside.insert(greeted).as_raw_fd()
        }
    };
    match plan.stdin {
        Stdin::Null => {}
        Stdin::Inherit => {
            command.stdin(Stdio::inherit());
        }
        Stdin::File(file) => {
            command.stdin(Stdio::from(file));
        }
    }
    let variable = Variable {
        parent: std::process::id(),
        in_init: plan.in_init,
        by_contents: plan.by_contents,
        depth: plan.depth,
        greeting: number,
        nonce,
        server: server.name(),
    };
    command.env(VARIABLE, variable.format());
    let _std = sys::fill_std();
    let mut child = command.spawn().map_err(refused)?;
    drop(beside);
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
        meeting: Some(Meeting { server, greeting, nonce, ends: child_ends }),
    })
}

fn stdio(stream: Stream) -> Stdio {
    match stream {
        Stream::Piped => Stdio::piped(),
        Stream::Inherit => Stdio::inherit(),
        Stream::Null => Stdio::null(),
    }
}

fn refused(error: io::Error) -> StartError {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::OutOfMemory => StartError::Processes(error),
        _ if error.raw_os_error().is_some_and(sys::is_descriptor_limit) => StartError::Descriptors,
        _ => StartError::Execute(error),
    }
}
