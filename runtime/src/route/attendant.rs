//! The thread that looks after one child.

use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{ChildStderr, ChildStdout};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::answers::Answers;
use super::edge::Listener;
use super::life::{End, Life};
use super::output::{Forward, Stream, Style, Tail, Wanted};
use super::words::Words;
use crate::launch::{Expected, Meeting, Unmet};
use crate::outcome::{Evidence, ExitReason, Intent, PanicReport, Said, conclude};
use crate::sys::{self, Interest};
use crate::wire::{
    Closer, Decoder, Fault, LaneReceiver, LaneSender, OwnedBody, Reports, Tag, UpReceiver,
};

/// All that an attendant needs.
pub(crate) struct Attendance {
    pub(crate) life: Arc<Life>,
    pub(crate) meeting: Meeting,
    pub(crate) expected: Expected,
    /// Whether its first word lies there for it.
    pub(crate) begun: Result<(), Unmet>,
    pub(crate) outcome: Awaited,
    pub(crate) reports: Reports,
    pub(crate) closer: Closer,
    /// Where its words arrive, and who hears those for this process alone.
    pub(crate) words: UpReceiver,
    pub(crate) listener: Option<Listener>,
    /// The arguments, where they are too much for a lane that nobody reads yet.
    pub(crate) arguments: Option<Vec<u8>>,
    pub(crate) stdout: (Option<ChildStdout>, Style, Tail),
    pub(crate) stderr: (Option<ChildStderr>, Style, Tail),
    pub(crate) start_limit: Duration,
    pub(crate) timeout: Option<(Duration, Instant)>,
    pub(crate) limited: bool,
}

/// Where the outcome will come from.
pub(crate) enum Awaited {
    /// The lane, which nobody else reads.
    Lane(LaneSender, LaneReceiver),
    /// The lane that answers come over. The sender keeps the arguments' regions.
    Answers(LaneSender, Arc<Answers>),
    /// Somebody else reads the lanes.
    Nothing,
    /// Somebody else reads the lanes, and says what the last word of a child was that is dead.
    Asked(AskLast),
}

/// What was last in a lane, and the report of a panic that came along.
pub(crate) type LastWord = (Result<(Tag, OwnedBody), Fault>, Option<Vec<u8>>);

/// Says that of a child that is dead.
pub(crate) type AskLast = Box<dyn FnOnce() -> LastWord + Send>;

/// Where a child's attendant sits, until someone who waits for the child takes the place.
#[derive(Clone)]
pub(crate) struct Seat(Arc<Mutex<Option<Attendance>>>);

/// How long the attendant leaves its seat to whoever wants to wait: less than a child needs until
/// it says anything, so nothing is missed. Who starts a process and joins it at once then meets
/// it without a detour through another thread.
const DEFERENCE: Duration = Duration::from_micros(1000);

/// Looks after a child from now on. On failure there is no thread for it, and the child is killed.
pub(crate) fn attend(attendance: Attendance) -> std::io::Result<Seat> {
    let life = Arc::clone(&attendance.life);
    // Nobody else waits for a child whose lanes somebody reads.
    let defers = matches!(attendance.outcome, Awaited::Lane(..));
    let seat = Seat(Arc::new(Mutex::new(Some(attendance))));
    let own = seat.clone();
    let deference = if defers { DEFERENCE } else { Duration::ZERO };
    std::thread::Builder::new()
        .name("procession-attendant".to_owned())
        .stack_size(256 * 1024)
        .spawn(move || {
            sys::block_signals();
            std::thread::park_timeout(deference);
            own.attend();
        })
        .inspect_err(|_| {
            // Nobody else will: it was created a moment ago and is not known to anyone.
            life.unmourned();
            let why = "there is no thread left for it".to_owned();
            let _ = life.kill(Intent::GiveUp(why));
            seat.attend();
        })
        .map(|_| seat.clone())
}

impl Seat {
    /// Takes the seat and stays until the child has ended, unless it is taken.
    pub(crate) fn attend(&self) {
        let attendance = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let Some(attendance) = attendance else { return };
        let life = Arc::clone(&attendance.life);
        // What panics here would leave everyone waiting who waits for the child.
        if catch_unwind(AssertUnwindSafe(|| attendance.run())).is_err() {
            let _ = life.watch().signal(sys::SIGKILL);
            life.finish(|watch, _, _| {
                watch.reap();
                let reason =
                    ExitReason::Lost("the thread that looked after it panicked".to_owned());
                End { reason, value: None }
            });
        }
    }
}

impl Attendance {
    fn run(self) {
        let Attendance { life, meeting, expected, begun, outcome, arguments, .. } = self;
        let outcome = Outcome::expect(outcome, arguments).unwrap_or_else(|error| {
            let why = format!("there is no thread left for its lane: {error}");
            let _ = life.kill(Intent::GiveUp(why));
            Outcome::Nothing
        });
        let stderr = self.stderr.2.clone();
        let mut streams = Streams {
            out: Forward::new(self.stdout.0, Stream::Out, self.stdout.1, self.stdout.2),
            err: Forward::new(self.stderr.0, Stream::Err, self.stderr.1, self.stderr.2),
            buffer: vec![0; 16 * 1024],
        };
        let mut greeting = Greeting {
            life: &life,
            waiting: Some(meeting),
            expected: expected.clone(),
            until: Instant::now().checked_add(self.start_limit).map(|at| (self.start_limit, at)),
            result: None,
        };
        if let Err(Unmet::Wrong(why)) = begun {
            greeting.fail(why);
        }
        let mut words = Words::new(&life, self.words, self.listener);
        watch(&life, &mut streams, &mut words, &mut greeting, self.timeout);
        let begun = greeting.last_words();
        streams.drain();
        streams.linger();
        let rubbish = words.drain();
        let (mut said, value, report) = outcome.collect(&self.reports, &self.closer);
        if let (Said::Nothing, Some(why)) = (&said, rubbish) {
            said = Said::Rubbish(why);
        }
        if let Some(Err(why)) = &begun {
            said = Said::StartFailed(why.clone());
        }
        life.finish(|watch, terminated, intent| {
            let (ended, peak) = watch.reap();
            let (begun, limited) = (matches!(begun, Some(Ok(()))), self.limited);
            let evidence = Evidence {
                ended,
                said,
                report,
                terminated,
                intent,
                begun,
                program: expected.names_another(),
                in_init: expected.in_init,
                peak,
                limited,
                stderr: &stderr.text(),
            };
            End { reason: conclude(evidence), value }
        });
        // What the parent's own streams did not take yet must not hold up the news.
        streams.out.flush();
        streams.err.flush();
    }
}

/// Sleeps until the child says or prints something, and until it ends.
///
/// A child's end is the end of one descriptor after the other, each of which would be news.
fn watch(
    life: &Life,
    streams: &mut Streams,
    words: &mut Words<'_>,
    greeting: &mut Greeting<'_>,
    mut timeout: Option<(Duration, Instant)>,
) {
    loop {
        let deadlines = [greeting.until, timeout];
        let next = deadlines.into_iter().flatten().map(|(_, at)| at).min();
        let backlog = life.edge().backlog();
        let mut asked = [
            interest(streams.out.wanted()),
            interest(streams.err.wanted()),
            Interest::in_reading(Some(life.watch().as_fd())),
            Interest::in_reading(words.as_fd()),
            Interest::in_reading(words.wake()),
            backlog
                .as_ref()
                .map_or(Interest::in_reading(None), |child| Interest::in_writing(child.as_fd())),
        ];
        if sys::poll(&mut asked, next).is_err() {
            // The system has no memory to wait with; reaping waits as well.
            return;
        }
        let [printed, complained, ended, spoke, woken, hears] =
            asked.map(|interest| interest.ready);
        greeting.listen();
        let ways = ways_open(streams, words);
        if printed {
            streams.out.go_on(&mut streams.buffer);
        }
        if complained {
            streams.err.go_on(&mut streams.buffer);
        }
        if spoke {
            words.go_on();
        }
        if woken {
            words.woken();
        }
        if hears {
            life.edge().go_on();
        }
        if ended || (ways_open(streams, words) < ways && ends(life)) {
            return;
        }
        let now = Instant::now();
        if let Some((limit, _)) = greeting.until.take_if(|(_, at)| *at <= now)
            && greeting.result.is_none()
        {
            greeting.waiting = None;
            let why = format!("it said nothing within {limit:?}");
            let _ = life.kill(Intent::GiveUp(why));
        }
        if let Some((limit, _)) = timeout.take_if(|(_, at)| *at <= now) {
            let _ = life.kill(Intent::TimeOut(limit));
        }
    }
}

/// How many ways from a child are open.
fn ways_open(streams: &Streams, words: &Words<'_>) -> usize {
    let ways = [streams.out.as_fd(), streams.err.as_fd(), words.as_fd()];
    ways.iter().flatten().count()
}

/// How long a child that has closed something is looked at for nothing but its end.
const LEAVING: Duration = Duration::from_millis(1);

/// Whether a child that has closed something ends with that.
fn ends(life: &Life) -> bool {
    let mut asked = [Interest::in_reading(Some(life.watch().as_fd()))];
    sys::poll(&mut asked, Some(Instant::now() + LEAVING)).is_ok() && asked[0].ready
}

fn interest(wanted: Option<Wanted<'_>>) -> Interest<'_> {
    match wanted {
        Some(Wanted::Writing(descriptor)) => Interest::in_writing(descriptor),
        Some(Wanted::Reading(descriptor)) => Interest::in_reading(Some(descriptor)),
        None => Interest::in_reading(None),
    }
}

/// The meeting, until it has taken place or cannot any more.
///
/// Nobody waits for what a child says first: it goes on by itself, or ends if it finds that it is
/// another build. So it is heard when there is news of the child, or at the end of the time that it
/// has for it.
struct Greeting<'a> {
    life: &'a Life,
    waiting: Option<Meeting>,
    expected: Expected,
    until: Option<(Duration, Instant)>,
    result: Option<Result<(), String>>,
}

impl Greeting<'_> {
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.waiting.as_ref().map(Meeting::as_fd)
    }

    /// Meets a child that has said something.
    fn meet(&mut self) {
        let Some(meeting) = self.waiting.take() else {
            return;
        };
        match meeting.greet(self.life.pid, &self.expected) {
            Ok(()) => {
                self.until = None;
                self.result = Some(Ok(()));
            }
            Err(Unmet::HungUp) => {}
            Err(Unmet::Wrong(why)) => self.fail(why),
        }
    }

    /// Gives up a child that there can be no meeting with.
    fn fail(&mut self, why: String) {
        let _ = self.life.kill(Intent::GiveUp(why.clone()));
        self.waiting = None;
        self.until = None;
        self.result = Some(Err(why));
    }

    /// Meets a child if it has said something.
    fn listen(&mut self) {
        let mut asked = [Interest::in_reading(self.as_fd())];
        if self.waiting.is_some()
            && sys::poll(&mut asked, Some(Instant::now())).is_ok()
            && asked[0].ready
        {
            self.meet();
        }
    }

    /// How the meeting with a child that has ended went.
    fn last_words(mut self) -> Option<Result<(), String>> {
        self.listen();
        self.result
    }
}

/// How long the news of an end waits for who reads what the parent prints.
const MOMENT: Duration = Duration::from_millis(100);

/// What a child prints.
struct Streams {
    out: Forward<ChildStdout>,
    err: Forward<ChildStderr>,
    buffer: Vec<u8>,
}

impl Streams {
    /// Takes what a child that has ended had still printed. What keeps a stream open after it, a
    /// daemon that it started, is not waited for: its output ends with the child's.
    fn drain(&mut self) {
        // More than a pipe can hold, in case somebody goes on writing.
        for _ in 0..256 {
            if self.out.as_fd().is_none() && self.err.as_fd().is_none() {
                break;
            }
            let mut asked =
                [Interest::in_reading(self.out.as_fd()), Interest::in_reading(self.err.as_fd())];
            if sys::poll(&mut asked, Some(Instant::now())).is_err() {
                break;
            }
            let [printed, complained] = asked.map(|interest| interest.ready);
            if printed {
                self.out.take(&mut self.buffer);
            }
            if complained {
                self.err.take(&mut self.buffer);
            }
            if !printed && !complained {
                break;
            }
        }
        self.out.end();
        self.err.end();
    }

    /// Gives who reads what the parent prints a moment to take what is left: a program that ends with
    /// the news of this would lose it.
    fn linger(&mut self) {
        let until = Instant::now() + MOMENT;
        while (self.out.is_held() || self.err.is_held()) && Instant::now() < until {
            let mut asked = [interest(self.out.wanted()), interest(self.err.wanted())];
            if sys::poll(&mut asked, Some(until)).is_err() {
                return;
            }
            let [out, err] = asked.map(|interest| interest.ready);
            if out {
                self.out.end();
            }
            if err {
                self.err.end();
            }
        }
    }
}

/// What the child's lane brought.
type Brought = (Said, Option<OwnedBody>, Option<Vec<u8>>);

/// Where the outcome will come from.
enum Outcome {
    /// From shared memory, whenever it is looked at. The sender keeps the arguments' regions.
    Lane(Box<(LaneSender, LaneReceiver)>),
    /// From among the answers.
    Answers(Box<(LaneSender, Arc<Answers>)>),
    /// From whoever reads the lane.
    Asked(AskLast),
    /// From a thread that keeps the lane from filling up.
    Pumped(JoinHandle<Brought>),
    Nothing,
}

impl Outcome {
    fn expect(awaited: Awaited, arguments: Option<Vec<u8>>) -> std::io::Result<Self> {
        let (mut to_child, mut from_child) = match awaited {
            Awaited::Lane(to_child, from_child) => (to_child, from_child),
            Awaited::Answers(to_child, answers) => {
                return Ok(Outcome::Answers(Box::new((to_child, answers))));
            }
            Awaited::Nothing => return Ok(Outcome::Nothing),
            Awaited::Asked(ask) => return Ok(Outcome::Asked(ask)),
        };
        let Some(arguments) = arguments else {
            return Ok(Outcome::Lane(Box::new((to_child, from_child))));
        };
        let pump = std::thread::Builder::new()
            .name("procession-lane".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || {
                sys::block_signals();
                // Whoever ends before it has read them has an end of its own to tell.
                let _ = to_child.send_bytes(Tag::Value, &arguments);
                drop(arguments);
                let (said, value) = hear(&mut from_child, None);
                (said, value, from_child.take_report())
            })?;
        Ok(Outcome::Pumped(pump))
    }

    /// What has come from a child that is dead.
    fn collect(
        self,
        reports: &Reports,
        closer: &Closer,
    ) -> (Said, Option<OwnedBody>, Option<PanicReport>) {
        // Only who waits needs to be woken.
        if !matches!(self, Outcome::Lane(..)) {
            closer.close();
        }
        let (said, value, report) = match self {
            Outcome::Lane(mut lanes) => {
                let (said, value) = hear(&mut lanes.1, Some(Instant::now()));
                (said, value, reports.last())
            }
            Outcome::Answers(answers) => {
                let (said, value) = match answers.1.bury() {
                    Some(Ok((tag, body))) => read(tag, body),
                    Some(Err(fault)) => unread(fault),
                    None => (Said::Nothing, None),
                };
                (said, value, reports.last())
            }
            Outcome::Asked(ask) => {
                let (word, report) = ask();
                let (said, value) = match word {
                    Ok((tag, body)) => read(tag, body),
                    Err(fault) => unread(fault),
                };
                (said, value, report.or_else(|| reports.last()))
            }
            Outcome::Pumped(pump) => pump.join().unwrap_or((Said::Nothing, None, None)),
            Outcome::Nothing => (Said::Nothing, None, None),
        };
        let report = report
            .and_then(|report| Decoder::new(&mut report.as_slice()).section::<PanicReport>().ok());
        (said, value, report)
    }
}

/// Takes the outcome out of a lane.
fn hear(lane: &mut LaneReceiver, deadline: Option<Instant>) -> (Said, Option<OwnedBody>) {
    match lane.receive(deadline) {
        Ok(message) => read(message.tag, message.body.to_owned()),
        Err(fault) => unread(fault),
    }
}

fn unread(fault: Fault) -> (Said, Option<OwnedBody>) {
    let said = match fault {
        Fault::Gone | Fault::TimedOut => Said::Nothing,
        Fault::NoRoom => Said::Undeliverable("no descriptor or memory is left for it".into()),
        Fault::Rubbish => Said::Rubbish("what it wrote over its lane makes no sense".into()),
    };
    (said, None)
}

fn read(tag: Tag, body: OwnedBody) -> (Said, Option<OwnedBody>) {
    let text = |body: &OwnedBody| {
        let read = body.body().decode(|mut row| row.section::<String>());
        read.unwrap_or_else(|error| error.to_string())
    };
    match tag {
        Tag::Value => (Said::Value, Some(body)),
        Tag::Panicked => (Said::Panicked, None),
        Tag::Unencodable => (Said::Undeliverable(text(&body)), None),
        Tag::BadArguments => (Said::StartFailed(text(&body)), None),
        _ => (Said::Rubbish("it sent what no worker sends".into()), None),
    }
}
