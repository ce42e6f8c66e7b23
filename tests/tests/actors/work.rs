//! The actor that most of these tests talk to, and what they share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use procession::{
    Actor, ActorProcess, Address, Builder, DeadLetter, Mailbox, Mailed, Reply, dead_letters,
    process,
};
use procession_tests::{LIMIT, Over};
use serde::{Deserialize, Serialize};

/// What the worker can be told.
#[derive(Serialize, Deserialize)]
pub(crate) enum Job {
    Add(u64),
    /// All that was added, in order.
    Seen(Reply<Vec<u64>>),
    AddAndSee(u64, Reply<Vec<u64>>),
    Echo(u64, Reply<u64>),
    Pid(Reply<u32>),
    /// Says that it is in hand, and has it there until the gate is open.
    Hold(Gate, Reply<()>),
    /// Keeps the right to answer.
    Keep(Reply<u64>),
    /// How many are kept.
    Kept(Reply<usize>),
    /// Answers all that is kept.
    AnswerKept(u64),
    DropKept,
    /// Sends the right on to another worker, which echoes.
    Pass(Address<Job>, u64, Reply<u64>),
    /// Sends the right on along the way, the last of which echoes.
    Relay(Vec<Address<Job>>, u64, Reply<u64>),
    /// Answers after this time.
    Late(Duration, Reply<()>),
    /// Says that it is in hand, and has it there until the actor is asked to stop.
    AwaitStop(Reply<()>),
    End(End),
    /// Ends while it has the right to answer.
    EndWith(End, Reply<u64>),
}

/// How a worker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    Killed,
    Abort,
    Fault,
    Panic,
    Exit(i32),
    Return,
}

#[process]
pub(crate) fn worker(mailbox: Mailbox<Job>) -> u64 {
    let (mut seen, mut kept) = (Vec::new(), Vec::new());
    for job in mailbox {
        match job {
            Job::Add(n) => seen.push(n),
            Job::Seen(reply) => reply.send(seen.clone()),
            Job::AddAndSee(n, reply) => {
                seen.push(n);
                reply.send(seen.clone());
            }
            Job::Echo(n, reply) => reply.send(n),
            Job::Pid(reply) => reply.send(std::process::id()),
            Job::Hold(gate, reply) => {
                reply.send(());
                gate.pass();
            }
            Job::Keep(reply) => kept.push(reply),
            Job::Kept(reply) => reply.send(kept.len()),
            Job::AnswerKept(n) => kept.drain(..).for_each(|reply: Reply<u64>| reply.send(n)),
            Job::DropKept => kept.clear(),
            Job::Pass(to, n, reply) => to.tell(Job::Echo(n, reply)).unwrap(),
            Job::Relay(mut way, n, reply) => match way.pop() {
                Some(next) => next.tell(Job::Relay(way, n, reply)).unwrap(),
                None => reply.send(n),
            },
            Job::Late(time, reply) => {
                std::thread::sleep(time);
                reply.send(());
            }
            Job::AwaitStop(reply) => {
                reply.send(());
                procession::stopping().wait();
            }
            Job::End(End::Return) => break,
            Job::End(end) | Job::EndWith(end, _) => end.now(),
        }
    }
    seen.iter().sum()
}

impl End {
    pub(crate) fn now(self) {
        match self {
            End::Killed => {
                // SAFETY: the call touches no memory.
                unsafe { libc::raise(libc::SIGKILL) };
            }
            End::Abort => std::process::abort(),
            End::Fault => {
                // SAFETY: the call touches no memory; its default action ends the process.
                unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
                // SAFETY: as above.
                unsafe { libc::raise(libc::SIGSEGV) };
            }
            End::Panic => panic!("as it was told to"),
            End::Exit(code) => std::process::exit(code),
            End::Return => {}
        }
    }
}

/// Closed until it is opened, which any process can wait for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Gate(PathBuf);

impl Gate {
    pub(crate) fn closed() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("gate-{}-{number}", std::process::id());
        let gate = Gate(std::env::temp_dir().join(name));
        std::fs::write(&gate.0, "").unwrap();
        gate
    }

    pub(crate) fn open(&self) {
        std::fs::remove_file(&self.0).unwrap();
    }

    pub(crate) fn pass(&self) {
        while self.0.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A builder of an actor whose messages travel over this.
pub(crate) fn builder<P: ActorProcess>(over: Over) -> Builder<P, Mailed> {
    match over {
        Over::Usual => P::builder(),
        Over::Frames => P::builder().untrusted(),
    }
}

pub(crate) fn start(over: Over) -> Actor<Job, u64> {
    builder::<worker>(over).spawn(()).unwrap()
}

/// A worker of a name that no other has.
pub(crate) fn named(over: Over, name: &str) -> (Actor<Job, u64>, String) {
    let name = format!("{name}-{over:?}");
    (builder::<worker>(over).name(&name).spawn(()).unwrap(), name)
}

/// Has the worker hold a message, so that those behind it wait.
pub(crate) fn hold(actor: &Actor<Job, u64>) -> Gate {
    let gate = Gate::closed();
    let held = gate.clone();
    actor.ask(|reply| Job::Hold(held, reply)).unwrap();
    gate
}

/// The letters of one actor, which has so many.
#[track_caller]
pub(crate) fn letters_of(name: &str, count: usize) -> Vec<DeadLetter> {
    let mut reader = dead_letters();
    let mut letters = Vec::new();
    let start = Instant::now();
    while letters.len() < count {
        let left = LIMIT.saturating_sub(start.elapsed());
        let Some(letter) = reader.recv_timeout(left) else {
            panic!("there are only {} letters of {name}: {letters:?}", letters.len());
        };
        if letter.actor() == name {
            letters.push(letter);
        }
    }
    while let Some(letter) = reader.try_recv() {
        assert_ne!(letter.actor(), name, "a letter too many: {letter}");
    }
    letters
}

/// The numbers in letters that are of [`Job::Add`].
pub(crate) fn added(letters: &[DeadLetter]) -> Vec<u64> {
    let number = |letter: &DeadLetter| match letter.decode::<Job>() {
        Ok(Job::Add(n)) => n,
        Ok(_) => panic!("{letter} is something else"),
        Err(error) => panic!("{letter}: {error}"),
    };
    letters.iter().map(number).collect()
}
