//! What waits for workers, and what is known of all of them.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::call::{Block, Call, Delivery, News, Sink};
use super::chunk::Chunk;
use super::hand::Preface;
use super::link::Link;
use super::state::nanos;
use crate::error::{DecodeError, PoolError, TaskError, TaskFailure};
use crate::outcome::ExitReason;
use crate::policy::{MOST, MOST_NUMBERS, PART, Pace, Respawn, Verdict};
use crate::wire::{self, Decoder, Tag};

/// What waits, and what is known of the workers together.
pub(super) struct Desk {
    /// The calls that have tasks waiting, each with these, in the order in which they have a turn.
    lines: VecDeque<(Arc<Call>, VecDeque<Chunk>)>,
    /// How many of the lines, at least, are of calls that were dropped.
    stale: usize,
    /// How many tasks wait.
    pub(super) queued: u64,
    /// How many tasks were taken in and have not come to an end.
    pub(super) outstanding: u64,
    /// How many of them were submitted, for the bound on these.
    pub(super) submitted: u64,
    paces: HashMap<u32, Pace>,
    pub(super) workers: u64,
    pub(super) respawn: Respawn,
    /// No worker is started before that, in nanoseconds.
    pub(super) not_before: u64,
    /// How many workers are up.
    pub(super) alive: usize,
    /// The newest call that was told that there is no worker; 0 if none was.
    hopeless: u64,
    /// Why the last start failed.
    pub(super) failure: Option<PoolError>,
    /// The initializer's name, and what reads what it returned.
    pub(super) initialized: Option<Initializer>,
    pub(super) totals: Totals,
    /// What is to be done once the lock is given back.
    pub(super) news: Vec<News>,
    /// Something has come that others than this thread may wait for.
    pub(super) delivered: bool,
}

/// The initializer's name, and what reads what it returned.
pub(super) type Initializer =
    (&'static str, fn(&mut Decoder<'_>) -> Result<Result<(), String>, DecodeError>);

/// How many tasks of the pool came to which end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) retried: u64,
}

impl Desk {
    pub(super) fn new(workers: u64, initialized: Option<Initializer>) -> Self {
        Desk {
            lines: VecDeque::new(),
            stale: 0,
            queued: 0,
            outstanding: 0,
            submitted: 0,
            paces: HashMap::new(),
            workers,
            respawn: Respawn::new(),
            not_before: 0,
            alive: 0,
            hopeless: 0,
            failure: None,
            initialized,
            totals: Totals::default(),
            news: Vec::new(),
            delivered: false,
        }
    }

    /// Takes new tasks in.
    pub(super) fn take_in(&mut self, chunk: Chunk) {
        self.outstanding += chunk.count;
        if matches!(chunk.call.sink, Sink::One(_)) {
            self.submitted += chunk.count;
        }
        self.waits(&chunk.call, chunk.count);
        // A submission has one task, so it has no line yet.
        let line = match chunk.call.sink {
            Sink::Many(_) => self.lines.iter_mut().find(|(call, _)| call.id == chunk.call.id),
            Sink::One(_) => None,
        };
        match line {
            Some((_, chunks)) => chunks.push_back(chunk),
            None => self.lines.push_back((Arc::clone(&chunk.call), [chunk].into())),
        }
    }

    /// Has these tasks, which were here before, wait in front of all others.
    pub(super) fn first(&mut self, chunks: Vec<Chunk>) {
        for chunk in chunks.into_iter().rev() {
            if chunk.count == 0 {
                continue;
            }
            if chunk.call.is_over() {
                self.ended(&chunk.call, chunk.count);
                continue;
            }
            self.waits(&chunk.call, chunk.count);
            match self.lines.front_mut() {
                Some((call, chunks)) if call.id == chunk.call.id => chunks.push_front(chunk),
                _ => self.lines.push_front((Arc::clone(&chunk.call), [chunk].into())),
            }
        }
    }

    fn waits(&mut self, call: &Call, tasks: u64) {
        self.queued += tasks;
        call.waiting.fetch_add(tasks, Ordering::Relaxed);
    }

    fn waits_no_more(&mut self, call: &Call, tasks: u64) {
        self.queued -= tasks;
        call.waiting.fetch_sub(tasks, Ordering::Relaxed);
    }

    /// Which call has its turn.
    pub(super) fn next(&mut self) -> Option<&Arc<Call>> {
        while self.lines.front().is_some_and(|(call, _)| !call.waits()) {
            self.lines.pop_front();
            self.stale = self.stale.saturating_sub(1);
        }
        self.lines.front().map(|(call, _)| call)
    }

    /// Takes the next tasks of the call whose turn it is, so many at the most.
    pub(super) fn take(&mut self, tasks: u64) -> Option<Chunk> {
        let (_, chunks) = self.lines.front_mut()?;
        let waiting = chunks.front_mut()?;
        let chunk = waiting.split_front(tasks);
        if waiting.count == 0 {
            chunks.pop_front();
        }
        self.waits_no_more(&chunk.call, chunk.count);
        // The next call has the next turn.
        if let Some((call, chunks)) = self.lines.pop_front()
            && !chunks.is_empty()
        {
            self.lines.push_back((call, chunks));
        }
        Some(chunk)
    }

    /// Drops what waits of a call; whether something did. Its lines are cleared away when every other
    /// one is such, so that many calls may be dropped one by one.
    pub(super) fn drop_call(&mut self, call: &Call) -> bool {
        let waiting = call.waiting.load(Ordering::Relaxed);
        if waiting == 0 {
            return false;
        }
        self.waits_no_more(call, waiting);
        self.ended(call, waiting);
        self.stale += 1;
        if self.stale * 2 > self.lines.len() {
            self.lines.retain(|(call, _)| call.waits());
            self.stale = 0;
        }
        true
    }

    /// Lets everything that waits fail.
    pub(super) fn fail_all(&mut self, failure: &TaskFailure) {
        self.fail_those(failure, |_| true);
    }

    fn fail_those(&mut self, failure: &TaskFailure, which: impl Fn(&Call) -> bool) {
        let lines = std::mem::take(&mut self.lines);
        let (failed, kept) = lines.into_iter().partition(|(call, _)| which(call));
        self.lines = kept;
        let failed: VecDeque<(Arc<Call>, VecDeque<Chunk>)> = failed;
        for (call, chunks) in failed {
            // What was dropped has failed.
            for chunk in chunks.into_iter().filter(|_| call.waits()) {
                self.waits_no_more(&call, chunk.count);
                self.fail_chunk(&call, &chunk, failure);
            }
        }
    }

    /// Lets tasks fail that nobody has in hand.
    pub(super) fn fail_chunk(&mut self, call: &Arc<Call>, chunk: &Chunk, failure: &TaskFailure) {
        for index in chunk.first..chunk.first + chunk.count {
            let tries = chunk.attempts.tries;
            let error = call.error(index, None, tries, failure.clone(), String::new());
            self.failed(call, index, error);
        }
    }

    /// So many tasks will not be heard of again.
    fn ended(&mut self, call: &Call, tasks: u64) {
        self.outstanding = self.outstanding.saturating_sub(tasks);
        if matches!(call.sink, Sink::One(_)) {
            self.submitted = self.submitted.saturating_sub(tasks);
        }
        self.delivered = true;
    }

    /// Tasks were answered: all with a value, or none.
    pub(super) fn answered(&mut self, call: &Arc<Call>, block: Block, with_values: bool) {
        let count = block.count;
        self.ended(call, count);
        let (done, failed) = if with_values { (count, 0) } else { (0, count) };
        self.count(call, done, failed);
        self.news.extend(call.deliver(Delivery::Results(block)));
    }

    /// A task will not be answered.
    pub(super) fn failed(&mut self, call: &Arc<Call>, index: u64, error: TaskError) {
        self.ended(call, 1);
        self.count(call, 0, 1);
        self.news.extend(call.deliver(Delivery::Failed(index, error)));
    }

    /// So many tasks gave a value, and so many did not and will not.
    pub(super) fn count(&mut self, call: &Call, done: u64, failed: u64) {
        // A task that was cancelled was counted then.
        if call.is_cancelled() {
            return;
        }
        self.totals.done += done;
        self.totals.failed += failed;
        call.counts.done.fetch_add(done, Ordering::Relaxed);
        call.counts.failed.fetch_add(failed, Ordering::Relaxed);
    }

    /// A task is tried once more.
    pub(super) fn again(&mut self, task: Chunk) {
        self.retried(&task.call);
        self.first(vec![task]);
    }

    pub(super) fn retried(&mut self, call: &Call) {
        self.totals.retried += 1;
        call.counts.retried.fetch_add(1, Ordering::Relaxed);
    }

    /// A worker answered so many tasks of a function in that time.
    pub(super) fn measured(&mut self, function: u32, tasks: u64, nanos: u64) {
        self.paces.entry(function).or_default().measured(tasks, nanos);
    }

    /// How long a task of a function takes, in nanoseconds, if that is known.
    pub(super) fn estimate(&self, function: u32) -> Option<u64> {
        self.paces.get(&function).and_then(|pace| pace.estimate())
    }

    /// How many tasks of a call go to a worker at once.
    pub(super) fn chunk(&self, call: &Call) -> u64 {
        let chunk = self.whole_chunk(call);
        if call.numbers { chunk.min(PART) } else { chunk }
    }

    /// The same where numbers are not handed over in parts.
    fn whole_chunk(&self, call: &Call) -> u64 {
        let estimate = self.estimate(call.function);
        let chunk = match (call.terms.chunk_size, estimate) {
            // Those that take no time go several chunks at a time.
            (Some(given), Some(nanos)) => {
                let batches = BATCH / nanos.saturating_mul(given).max(1);
                given.saturating_mul(batches.clamp(1, 256))
            }
            (Some(given), None) => given,
            (None, _) => {
                let left = call.known_left().map(|left| left.saturating_add(self.queued));
                let most = if call.numbers { MOST_NUMBERS } else { MOST };
                let pace = self.paces.get(&call.function);
                pace.map_or(1, |pace| pace.chunk(left, self.workers, most))
            }
        };
        match call.terms.in_flight {
            Some(bound) if call.terms.chunk_size.is_none() => {
                chunk.min((bound / self.workers.saturating_mul(2)).max(1))
            }
            _ => chunk,
        }
    }

    /// How many tasks of a call may be on their way unless it says so itself.
    pub(super) fn window(&self, call: &Call) -> u64 {
        let chunks = self.workers.saturating_mul(2);
        call.terms.in_flight.unwrap_or_else(|| chunks.saturating_mul(self.whole_chunk(call)))
    }

    /// Reads what a worker says before its first task.
    pub(super) fn prefaced(&self, preface: Preface, tag: u32, body: &[u8]) -> Result<(), String> {
        let text = |body| {
            let text: Result<String, DecodeError> = wire::read_row(body, |row| row.section());
            text.unwrap_or_else(|error| error.to_string())
        };
        match (preface, Tag::of_frame(tag)) {
            (Preface::Ready, Ok(Tag::Sync)) => Ok(()),
            (Preface::Initializer, Ok(Tag::Value)) => match self.initialized {
                Some((_, read)) => read_user(|| wire::read_row(body, read)),
                None => Ok(()),
            },
            (Preface::Initializer, Ok(Tag::Panicked)) => {
                let report: Result<crate::PanicReport, _> =
                    wire::read_row(body, |row| row.section());
                Err(report.map_or_else(|error| error.to_string(), |report| report.to_string()))
            }
            (Preface::Initializer, Ok(Tag::Unencodable | Tag::BadArguments)) => Err(text(body)),
            _ => Err("it sent what no worker sends".to_owned()),
        }
    }

    /// A worker ended before it began a task. If somebody else has killed it, that says little of the
    /// next one.
    pub(super) fn ended_early(&mut self, worker: &Link, reason: &ExitReason, now: u64) {
        let error = PoolError::worker(worker.name(), worker.pid(), &reason.to_string());
        let killed = match reason {
            ExitReason::Signaled { signal, .. } => signal.name() == Some("SIGKILL"),
            // Before it had said anything: how it ended is in the text alone.
            ExitReason::StartFailed(why) => why.contains("SIGKILL"),
            _ => false,
        };
        self.start_failed(error, killed, now);
    }

    /// A worker could not be started, or ended before it was ready; whether somebody else killed it.
    pub(super) fn start_failed(&mut self, error: PoolError, killed: bool, now: u64) {
        let time = Instant::now();
        let verdict = self.respawn.failed(time, self.alive, killed, now);
        let (Verdict::After(at) | Verdict::GiveUp(at)) = verdict;
        self.not_before = now.saturating_add(nanos(at.saturating_duration_since(time)));
        if matches!(verdict, Verdict::GiveUp(_)) {
            self.hopeless = Call::newest();
        }
        self.failure = Some(error);
        self.fail_hopeless();
        self.delivered = true;
    }

    /// Lets those fail that waited when no worker was to be had, and what their calls still bring. Calls
    /// that came later are worth another start.
    pub(super) fn fail_hopeless(&mut self) {
        if self.queued == 0 || self.hopeless == 0 {
            return;
        }
        let why = self.failure.as_ref().map(PoolError::story).unwrap_or_default();
        let hopeless = self.hopeless;
        self.fail_those(&TaskFailure::NoWorker(why), |call| call.id <= hopeless);
    }

    /// A worker works: whoever comes has hope.
    pub(super) fn worked(&mut self) {
        self.respawn.worked();
        self.hopeless = 0;
    }
}

/// What an initializer returned. It is the user's code that reads it: the pool survives its panic.
fn read_user(read: impl FnOnce() -> Result<Result<(), String>, DecodeError>) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| error.to_string())?,
        Err(payload) => {
            let report = crate::PanicReport::from(crate::worker::describe_payload(&*payload));
            std::mem::forget(payload);
            Err(format!("what it returned could not be read: {}", report.message()))
        }
    }
}

/// How much work goes to a worker at once where the size of chunks is given, in nanoseconds.
const BATCH: u64 = 100_000;
