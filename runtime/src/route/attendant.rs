//! What whoever looks after one child does.

use std::os::fd::BorrowedFd;
use std::process::{ChildStderr, ChildStdout};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::answers::Answers;
use super::edge::Listener;
use super::life::{End, Life};
use super::outbox::{Outbox, read, unread};
use super::output::{Forward, Stream, Style, Tail, Wanted};
use super::words::Words;
use crate::launch::{Expected, Meeting, Unmet};
use crate::outcome::{Evidence, Intent, PanicReport, Said, conclude};
use crate::sys::{self, Interest};
use crate::wire::{Closer, Decoder, Fault, LaneSender, OwnedBody, Reports, Tag, UpReceiver};

/// All that an attendant needs.
pub(crate) struct Attendance {
    pub(crate) life: Arc<Life>,
    pub(crate) meeting: Meeting,
    pub(crate) expected: Expected,
    pub(crate) outcome: Awaited,
    pub(crate) reports: Reports,
    pub(crate) closer: Closer,
    /// Where its words arrive, and who hears those for this process alone.
    pub(crate) words: UpReceiver,
    pub(crate) listener: Option<Listener>,
    pub(crate) stdout: (Option<ChildStdout>, Style, Tail),
    pub(crate) stderr: (Option<ChildStderr>, Style, Tail),
    pub(crate) start_limit: Duration,
    pub(crate) timeout: Option<(Duration, Instant)>,
    pub(crate) limited: bool,
}

/// Where the outcome will come from.
pub(crate) enum Awaited {
    /// The lane, which nobody else reads but who wants the value.
    Lane(Arc<Outbox>),
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

impl Attendance {
    /// Sits down with it.
    pub(super) fn sit(self) -> Sitting {
        let Attendance { life, expected, outcome, reports, closer, timeout, limited, .. } = self;
        let stderr = self.stderr.2.clone();
        let streams = Streams {
            out: Forward::new(self.stdout.0, Stream::Out, self.stdout.1, self.stdout.2),
            err: Forward::new(self.stderr.0, Stream::Err, self.stderr.1, self.stderr.2),
            buffer: vec![0; 16 * 1024],
        };
        let greeting = Greeting {
            life: Arc::clone(&life),
            meeting: Some(self.meeting),
            expected,
            until: Instant::now().checked_add(self.start_limit).map(|at| (self.start_limit, at)),
            result: None,
        };
        let words = Words::new(Arc::clone(&life), self.words, self.listener);
        Sitting {
            life,
            streams,
            greeting,
            words,
            outcome,
            reports,
            closer,
            timeout,
            limited,
            stderr,
        }
    }
}

/// One child, looked after by whoever has this.
pub(super) struct Sitting {
    pub(super) life: Arc<Life>,
    streams: Streams,
    greeting: Greeting,
    words: Words,
    outcome: Awaited,
    reports: Reports,
    closer: Closer,
    timeout: Option<(Duration, Instant)>,
    limited: bool,
    stderr: Tail,
}

impl Sitting {
    /// Whether it may wait for a moment. Nobody else waits for a child whose lanes somebody reads.
    pub(super) fn may_wait(&self) -> bool {
        matches!(self.outcome, Awaited::Lane(..))
    }

    /// Looks after the child until it has ended.
    pub(super) fn stay(mut self) {
        if let Awaited::Lane(outbox) = &self.outcome
            && let Err(error) = outbox.pump()
        {
            let why = format!("there is no thread left for its lane: {error}");
            let _ = self.life.kill(Intent::GiveUp(why));
        }
        self.watch(false);
        self.bury();
    }

    /// Looks after the child until its value is there, or until it has ended.
    pub(super) fn value(&mut self) -> Option<OwnedBody> {
        let mut hung_up = false;
        loop {
            hung_up = self.watch(!hung_up);
            let Awaited::Lane(outbox) = &self.outcome else { return None };
            match outbox.look() {
                None if hung_up => {}
                value => return value,
            }
        }
    }

    /// Whether its value can be looked for.
    pub(super) fn has_value(&self) -> bool {
        matches!(&self.outcome, Awaited::Lane(outbox) if outbox.can_look())
    }

    /// Says how a child ended that has ended.
    pub(super) fn bury(self) {
        let Sitting { life, mut streams, greeting, mut words, outcome, .. } = self;
        let (expected, begun) = greeting.last_words();
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
        let (report, over) = report.unzip();
        life.finish(|watch, terminated, intent| {
            let (ended, peak) = watch.reap();
            let (begun, limited) = (matches!(begun, Some(Ok(()))), self.limited);
            let evidence = Evidence {
                ended,
                said,
                report,
                over: over.unwrap_or_default(),
                terminated,
                intent,
                begun,
                program: expected.names_another(),
                in_init: expected.in_init,
                peak,
                limited,
                stderr: &self.stderr.text(),
            };
            End { reason: conclude(evidence), value }
        });
        streams.flush();
    }

    /// Sleeps until the child says or prints something, and until it ends; or, if that is wanted, until
    /// it has hung up its greeting, which it does with its outcome. Whether that is why.
    ///
    /// A child's end is the end of one descriptor after the other, each of which would be news.
    fn watch(&mut self, until_outcome: bool) -> bool {
        let Sitting { life, streams, greeting, words, timeout, .. } = self;
        loop {
            let deadlines = [greeting.until, *timeout];
            let next = deadlines.into_iter().flatten().map(|(_, at)| at).min();
            let backlog = life.edge().backlog();
            let mut asked = [
                interest(streams.out.wanted()),
                interest(streams.err.wanted()),
                Interest::in_reading(Some(life.watch().as_fd())),
                Interest::in_reading(words.as_fd()),
                Interest::in_reading(words.wake()),
                backlog.as_ref().map_or(Interest::in_reading(None), |child| {
                    Interest::in_writing(child.as_fd())
                }),
                Interest::in_the_end(greeting.as_fd().filter(|_| until_outcome)),
            ];
            if sys::poll(&mut asked, next).is_err() {
                // The system has no memory to wait with; reaping waits as well.
                return false;
            }
            let [printed, complained, ended, spoke, woken, hears, hung_up] =
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
            if ended || hung_up {
                return !ended;
            }
            if ways_open(streams, words) < ways && ends(life) {
                return false;
            }
            let now = Instant::now();
            if let Some((limit, _)) = greeting.until.take_if(|(_, at)| *at <= now)
                && greeting.result.is_none()
            {
                greeting.meeting = None;
                let why = format!("it said nothing within {limit:?}");
                let _ = life.kill(Intent::GiveUp(why));
            }
            if let Some((limit, _)) = timeout.take_if(|(_, at)| *at <= now) {
                let _ = life.kill(Intent::TimeOut(limit));
            }
        }
    }
}

/// How many ways from a child are open.
fn ways_open(streams: &Streams, words: &Words) -> usize {
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
struct Greeting {
    life: Arc<Life>,
    meeting: Option<Meeting>,
    expected: Expected,
    until: Option<(Duration, Instant)>,
    result: Option<Result<(), String>>,
}

impl Greeting {
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.meeting.as_ref().map(Meeting::as_fd)
    }

    /// Meets a child that has said something.
    fn meet(&mut self) {
        let Some(meeting) = &mut self.meeting else {
            return;
        };
        match meeting.greet(self.life.pid, &self.expected) {
            Ok(()) => {
                self.until = None;
                self.result = Some(Ok(()));
            }
            Err(Unmet::HungUp) => self.meeting = None,
            Err(Unmet::Wrong(why)) => {
                // There can be no meeting with it.
                let _ = self.life.kill(Intent::GiveUp(why.clone()));
                self.meeting = None;
                self.until = None;
                self.result = Some(Err(why));
            }
        }
    }

    /// Meets a child if it has said something.
    fn listen(&mut self) {
        if self.result.is_some() || self.meeting.is_none() {
            return;
        }
        let mut asked = [Interest::in_reading(self.as_fd())];
        if sys::poll(&mut asked, Some(Instant::now())).is_ok() && asked[0].ready {
            self.meet();
        }
    }

    /// How the meeting with a child that has ended went.
    fn last_words(mut self) -> (Expected, Option<Result<(), String>>) {
        self.listen();
        (self.expected, self.result)
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

    /// Prints what is left. Where the parent's own streams do not take it yet, a thread waits for that:
    /// it must not hold up the news, which may be waited for by who is here.
    fn flush(self) {
        let held = self.out.is_held() || self.err.is_held();
        let here = Arc::new(Mutex::new(self));
        let print = |streams: &Mutex<Streams>| {
            let mut streams = streams.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            streams.out.flush();
            streams.err.flush();
        };
        let there = Arc::clone(&here);
        let begun = held.then(|| sys::run_aside("procession-output", move || print(&there)));
        if begun.is_none_or(|begun| begun.is_err()) {
            print(&here);
        }
    }
}

impl Awaited {
    /// What has come from a child that is dead.
    fn collect(
        self,
        reports: &Reports,
        closer: &Closer,
    ) -> (Said, Option<OwnedBody>, Option<(PanicReport, bool)>) {
        closer.close();
        let ((said, value), report) = match self {
            Awaited::Lane(outbox) => {
                let (said, value, report) = outbox.collect();
                ((said, value), report)
            }
            Awaited::Answers(_regions, answers) => {
                let last = answers
                    .bury()
                    .map(|word| word.map_or_else(unread, |(tag, body)| read(tag, body)));
                (last.unwrap_or((Said::Nothing, None)), None)
            }
            Awaited::Asked(ask) => {
                let (word, report) = ask();
                (word.map_or_else(unread, |(tag, body)| read(tag, body)), report)
            }
            Awaited::Nothing => ((Said::Nothing, None), None),
        };
        let report = report.or_else(|| reports.last()).and_then(|report| {
            let mut row = Decoder::of_bytes(&report);
            let report = row.section::<PanicReport>().ok()?;
            // Whether that is over is not said of a panic without a hook.
            Some((report, row.section::<u8>().is_ok_and(|over| over != 0)))
        });
        (said, value, report)
    }
}
