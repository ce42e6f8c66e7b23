//! The actors of these tests: those that messages are sent to, and those that do what they are told
//! from wherever they are in the tree.

use std::time::{Duration, Instant};

use procession::{
    Actor, ActorProcess, Address, AskError, Builder, Down, ExitReason, Mailbox, Mailed, Reply,
    Undelivered, monitor, process,
};
use procession_tests::Over;
use serde::{Deserialize, Serialize};

/// What is sent to a keeper.
#[derive(Serialize, Deserialize)]
pub(crate) enum Note {
    /// Keep this: the `n`th message of a sender.
    Number {
        from: u32,
        n: u64,
        #[serde(with = "procession::bytes")]
        load: Vec<u8>,
    },
    /// How many were kept, and the text of the first one that was out of order.
    Count(Reply<(u64, Option<String>)>),
    /// The same number again.
    Echo(u64, Reply<u64>),
    Pid(Reply<u32>),
    /// Never answered, and never dropped.
    Keep(Reply<u64>),
    /// How many were kept so.
    Held(Reply<u64>),
    /// Answer all of them.
    Release(u64),
    /// Kept by someone else.
    HandOn(Address<Note>, Reply<u64>),
    /// Answered by someone else.
    PassOn(Address<Note>, Reply<u64>),
    /// Who am I asks itself.
    AskYourself(Reply<Heard>),
    Incarnation(Reply<u32>),
    Sleep(Duration),
    Abort,
}

/// Keeps what it is sent, and remembers whether each sender's messages came in order.
#[process]
pub(crate) fn keeper(mailbox: Mailbox<Note>) {
    let context = mailbox.context();
    let mut last = std::collections::HashMap::<u32, u64>::new();
    let (mut count, mut wrong, mut kept) = (0, None, Vec::<Reply<u64>>::new());
    for note in mailbox {
        match note {
            Note::Number { from, n, load } => {
                let before = last.insert(from, n);
                if before.is_some_and(|before| n <= before) || load.iter().any(|&b| b != n as u8) {
                    wrong.get_or_insert(format!("{n} after {before:?} of {from}"));
                }
                count += 1;
            }
            Note::Count(reply) => reply.send((count, wrong.clone())),
            Note::Echo(n, reply) => reply.send(n),
            Note::Pid(reply) => reply.send(std::process::id()),
            Note::Keep(reply) => kept.push(reply),
            Note::Held(reply) => reply.send(kept.len() as u64),
            Note::Release(n) => kept.drain(..).for_each(|reply| reply.send(n)),
            Note::HandOn(to, reply) => to.tell(Note::Keep(reply)).unwrap(),
            Note::PassOn(to, reply) => to.tell(Note::Echo(7, reply)).unwrap(),
            Note::AskYourself(reply) => {
                let own = context.address();
                reply.send(ask(&own, Duration::from_secs(20)));
            }
            Note::Incarnation(reply) => reply.send(context.incarnation()),
            Note::Sleep(time) => std::thread::sleep(time),
            Note::Abort => std::process::abort(),
        }
    }
}

/// What is sent to an office: it does each in a thread of its own.
#[derive(Serialize, Deserialize)]
pub(crate) enum Job {
    /// Start a keeper.
    Hire(Carrier, usize, Reply<Address<Note>>),
    /// Start another office.
    Open(Carrier, Reply<Address<Job>>),
    Pid(Reply<u32>),
    /// Tell so many, of so many bytes, and say how many were sent.
    Tell(Address<Note>, u32, std::ops::Range<u64>, usize, Reply<Result<u64, Undelivered>>),
    /// Tell without waiting until one is refused, and say how many were sent.
    TryTell(Address<Note>, u64, Reply<(u64, Option<Undelivered>)>),
    /// Tell one, and say why not and after how long.
    TellWithin(Address<Note>, Duration, Reply<(Option<Undelivered>, Duration)>),
    /// Ask for an echo.
    Ask(Address<Note>, Duration, Reply<Heard>),
    /// Ask for what is never answered.
    AskKept(Address<Note>, Duration, Reply<Heard>),
    /// Ask one who is to have another one answer.
    AskAround(Address<Note>, Address<Note>, Reply<Heard>),
    /// Ask one who is to have another one keep it.
    AskKeptBy(Address<Note>, Address<Note>, Duration, Reply<Heard>),
    /// Ask for an echo, by a future.
    AskAsync(Address<Note>, Reply<Heard>),
    /// Tell and ask for that long, and say how long it took at the most until one gave up.
    TellAndAsk(Address<Note>, Duration, Duration, Reply<Duration>),
    /// Watch, and say so; then wait for the end.
    Watch(Address<Note>, Reply<()>, Address<Ended>),
    /// Make so many monitors and drop them.
    WatchAndForget(Address<Note>, u32, Reply<()>),
    /// How many dead letters there are.
    Letters(Reply<Vec<String>>),
    Leave,
}

/// What was heard by one who watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) actor: String,
    pub(crate) incarnation: u32,
    pub(crate) reason: ExitReason,
}

impl From<Down> for Ended {
    fn from(down: Down) -> Self {
        Ended {
            actor: down.actor().to_owned(),
            incarnation: down.incarnation(),
            reason: down.reason().clone(),
        }
    }
}

/// What an asker heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Heard {
    Answer(u64),
    NotDelivered(Undelivered),
    MaybeExecuted(String, ExitReason),
    NoReply,
    TimedOut,
    Other(String),
}

impl<M> From<Result<u64, AskError<M>>> for Heard {
    fn from(result: Result<u64, AskError<M>>) -> Self {
        match result {
            Ok(n) => Heard::Answer(n),
            Err(AskError::NotDelivered { reason, .. }) => Heard::NotDelivered(reason),
            Err(AskError::MaybeExecuted { actor, reason, .. }) => {
                Heard::MaybeExecuted(actor, reason)
            }
            Err(AskError::NoReply { .. }) => Heard::NoReply,
            Err(AskError::TimedOut { .. }) => Heard::TimedOut,
            Err(other) => Heard::Other(other.to_string()),
        }
    }
}

/// Asks for an echo.
pub(crate) fn ask(to: &Address<Note>, limit: Duration) -> Heard {
    to.ask_timeout(|reply| Note::Echo(42, reply), limit).into()
}

/// Does what it is told, from where it is.
#[process]
pub(crate) fn office(mailbox: Mailbox<Job>) {
    let (mut keepers, mut offices) = (Vec::new(), Vec::new());
    for job in mailbox {
        match job {
            Job::Hire(carrier, bound, reply) => {
                let keeper = carrier.builder::<keeper>().mailbox(bound).spawn(()).unwrap();
                reply.send(keeper.address());
                keepers.push(keeper);
            }
            Job::Open(carrier, reply) => {
                let office = carrier.builder::<office>().spawn(()).unwrap();
                reply.send(office.address());
                offices.push(office);
            }
            Job::Leave => break,
            job => drop(std::thread::spawn(move || work(job))),
        }
    }
}

fn work(job: Job) {
    match job {
        Job::Pid(reply) => reply.send(std::process::id()),
        Job::Tell(to, from, range, size, reply) => reply.send(tell(&to, from, range, size)),
        Job::TryTell(to, most, reply) => {
            let mut sent = 0;
            let refused = loop {
                if sent == most {
                    break None;
                }
                match to.try_tell(Note::Number { from: 0, n: sent, load: Vec::new() }) {
                    Ok(()) => sent += 1,
                    Err(error) => break Some(error.reason().clone()),
                }
            };
            reply.send((sent, refused));
        }
        Job::TellWithin(to, limit, reply) => {
            let start = Instant::now();
            let note = Note::Number { from: 0, n: 0, load: Vec::new() };
            let refused = to.tell_timeout(note, limit).err();
            reply.send((refused.map(|error| error.reason().clone()), start.elapsed()));
        }
        Job::Ask(to, limit, reply) => reply.send(ask(&to, limit)),
        Job::AskKept(to, limit, reply) => reply.send(to.ask_timeout(Note::Keep, limit).into()),
        Job::AskAround(to, by, reply) => {
            reply.send(to.ask(|reply| Note::PassOn(by, reply)).into());
        }
        Job::AskKeptBy(to, by, limit, reply) => {
            reply.send(to.ask_timeout(|reply| Note::HandOn(by, reply), limit).into());
        }
        Job::AskAsync(to, reply) => {
            let answer = wait_for(to.ask_async(|reply| Note::Echo(42, reply)));
            reply.send(answer.into());
        }
        Job::TellAndAsk(to, time, limit, reply) => {
            let (start, mut longest) = (Instant::now(), Duration::ZERO);
            while start.elapsed() < time {
                let one = Instant::now();
                let note = Note::Number { from: 0, n: 0, load: vec![0; 100_000] };
                let _ = to.tell_timeout(note, limit);
                longest = longest.max(one.elapsed());
                let one = Instant::now();
                let _ = ask(&to, limit);
                longest = longest.max(one.elapsed());
            }
            reply.send(longest);
        }
        Job::Watch(to, reply, tell) => {
            let watch = monitor(&to);
            reply.send(());
            // Whoever asked may have gone.
            let _ = tell.tell(watch.recv().into());
        }
        Job::WatchAndForget(to, count, reply) => {
            (0..count).for_each(|_| drop(monitor(&to)));
            reply.send(());
        }
        Job::Letters(reply) => {
            let mut letters = procession::dead_letters();
            let texts = std::iter::from_fn(|| letters.try_recv());
            reply.send(texts.map(|letter| letter.to_string()).collect());
        }
        Job::Hire(..) | Job::Open(..) | Job::Leave => unreachable!(),
    }
}

pub(crate) fn tell(
    to: &Address<Note>,
    from: u32,
    range: std::ops::Range<u64>,
    size: usize,
) -> Result<u64, Undelivered> {
    let mut sent = 0;
    for n in range {
        let note = Note::Number { from, n, load: vec![n as u8; size] };
        to.tell(note).map_err(|error| error.reason().clone())?;
        sent += 1;
    }
    Ok(sent)
}

/// What carries the messages, as a message says it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Carrier {
    Usual,
    Frames,
}

pub(crate) const BOTH: [Carrier; 2] = [Carrier::Usual, Carrier::Frames];

impl Carrier {
    pub(crate) fn builder<P: ActorProcess>(self) -> Builder<P, Mailed> {
        match self {
            Carrier::Usual => P::builder(),
            Carrier::Frames => P::builder().untrusted(),
        }
    }

    pub(crate) fn plain(self) -> Over {
        match self {
            Carrier::Usual => Over::Usual,
            Carrier::Frames => Over::Frames,
        }
    }

    pub(crate) fn keeper(self) -> Actor<Note> {
        self.builder::<keeper>().spawn(()).unwrap()
    }

    pub(crate) fn office(self) -> Actor<Job> {
        self.builder::<office>().spawn(()).unwrap()
    }
}

/// What offices can be told.
pub(crate) trait Orders {
    fn place(&self) -> Address<Job>;

    fn hire(&self, carrier: Carrier) -> Address<Note> {
        self.hire_with(carrier, 1024)
    }

    fn hire_with(&self, carrier: Carrier, bound: usize) -> Address<Note> {
        self.place().ask(|reply| Job::Hire(carrier, bound, reply)).unwrap()
    }

    fn open(&self, carrier: Carrier) -> Address<Job> {
        self.place().ask(|reply| Job::Open(carrier, reply)).unwrap()
    }

    fn tells(&self, to: &Address<Note>, count: u64, size: usize) -> Result<u64, Undelivered> {
        let to = to.clone();
        self.place().ask(|reply| Job::Tell(to, 0, 0..count, size, reply)).unwrap()
    }

    fn asks(&self, to: &Address<Note>) -> Heard {
        self.asks_within(to, Duration::from_secs(25))
    }

    fn asks_within(&self, to: &Address<Note>, limit: Duration) -> Heard {
        let to = to.clone();
        self.place().ask(|reply| Job::Ask(to, limit, reply)).unwrap()
    }

    fn own_pid(&self) -> u32 {
        self.place().ask(Job::Pid).unwrap()
    }
}

impl Orders for Actor<Job> {
    fn place(&self) -> Address<Job> {
        self.address()
    }
}

impl Orders for Address<Job> {
    fn place(&self) -> Address<Job> {
        self.clone()
    }
}

/// Waits until a keeper has kept so many; they must be in order. Who is told from elsewhere may still
/// be about to get what was sent.
#[track_caller]
pub(crate) fn keeps(keeper: &Address<Note>, expected: u64) {
    let mut seen = None;
    let all = procession_tests::soon(procession_tests::LIMIT, || {
        let (count, wrong) = keeper.ask(Note::Count).unwrap();
        assert_eq!(wrong, None);
        seen = Some(count);
        count >= expected
    });
    assert!(all && seen == Some(expected), "{expected} were sent, {seen:?} are there");
}

/// Sends a signal.
pub(crate) fn signal(pid: u32, number: i32) {
    // SAFETY: the call touches no memory.
    assert_eq!(unsafe { libc::kill(pid.cast_signed(), number) }, 0);
}

/// Stops a process, and has it go on when this is dropped.
pub(crate) struct Stopped(u32);

impl Stopped {
    pub(crate) fn new(pid: u32) -> Self {
        signal(pid, libc::SIGSTOP);
        procession_tests::eventually(procession_tests::LIMIT, || {
            procession_tests::state_of(pid) == Some('T')
        });
        Stopped(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // SAFETY: the call touches no memory. It may be gone.
        unsafe { libc::kill(self.0.cast_signed(), libc::SIGCONT) };
    }
}

/// Waits for a future, without an executor.
pub(crate) fn wait_for<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
