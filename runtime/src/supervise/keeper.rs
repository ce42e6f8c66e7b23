//! The thread that looks after the children.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::board::Board;
use super::builder::Strategy;
use super::kept::{Kept, later};
use super::post::{Command, News, Post, Stopper};
use super::status::SupervisorEnd;
use crate::actor::Supervised;
use crate::error::{SpawnError, SuperviseError};
use crate::outcome::ExitReason;
use crate::policy::{Action, Limits};

/// How many children that have ended are remembered, so that a supervisor that starts and ends
/// them for ever does not grow. Those that ended first are forgotten first.
const REMEMBERED: usize = 256;

/// How a supervisor looks after its children.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) strategy: Strategy,
    pub(super) limits: Limits,
    /// How long children have to end where nobody says.
    pub(super) grace: Duration,
}

/// Whoever holds the children. It ends with all of them ended, which it then publishes.
pub(super) struct Keeper {
    plan: Plan,
    post: Arc<Post>,
    board: Arc<Board>,
    /// In the order in which they were first started.
    children: BTreeMap<u64, Kept>,
    started: u64,
    course: Course,
    chance: (RandomState, u64),
}

enum Course {
    Keeping,
    /// The children are being stopped, the last one first: each is asked when the one after it has
    /// ended, or when the first grace is over, all at once. So each has all of its grace, and yet
    /// one that hangs takes no more than that from all.
    Stopping {
        end: SupervisorEnd,
        grace: Duration,
        all_at: Instant,
    },
}

impl Keeper {
    pub(super) fn new(plan: Plan, post: Arc<Post>, board: Arc<Board>) -> Self {
        Keeper {
            plan,
            post,
            board,
            children: BTreeMap::new(),
            started: 0,
            course: Course::Keeping,
            chance: (RandomState::new(), 0),
        }
    }

    /// Starts the children in order, says whether that went well, and looks after them to the end.
    pub(super) fn run(
        mut self,
        children: Vec<Box<dyn Supervised>>,
        answer: &SyncSender<Result<(), SuperviseError>>,
    ) {
        let failed = self.begin(children, Instant::now()).err();
        match failed {
            // Here and below: whoever waits for an answer may have died waiting.
            None => drop(answer.try_send(Ok(()))),
            Some(_) => self.stop(SupervisorEnd::Stopped, self.plan.grace, Instant::now()),
        }
        while !self.is_over() {
            let news = self.post.take(self.next());
            self.step(news, Instant::now());
        }
        // That it has ended is told when nothing is left of it.
        drop(self);
        if let Some(error) = failed {
            let _ = answer.try_send(Err(error));
        }
    }

    /// Starts the children in order, up to the first that fails.
    pub(super) fn begin(
        &mut self,
        children: Vec<Box<dyn Supervised>>,
        now: Instant,
    ) -> Result<(), SuperviseError> {
        children.into_iter().try_for_each(|child| self.add(child, now))
    }

    /// Does all that is to be done now.
    pub(super) fn step(&mut self, news: News, now: Instant) {
        let News { stop, ends, commands, .. } = news;
        // Before the ends: from here on nothing is started any more.
        if let Some(grace) = stop {
            self.stop(SupervisorEnd::Stopped, grace, now);
        }
        for (key, end) in ends {
            self.ended(key, end, now);
        }
        for command in commands {
            self.obey(command, now);
        }
        self.start_due(now);
        self.stop_next(now);
        for (key, child) in &mut self.children {
            if child.is_stopping() {
                child.kill_if_due(now);
                self.board.show(*key, child);
            }
        }
    }

    /// When there is something to do although nothing happens.
    pub(super) fn next(&self) -> Option<Instant> {
        let all_at = match self.course {
            Course::Stopping { all_at, .. } if self.children.values().any(Kept::is_unasked) => {
                Some(all_at)
            }
            _ => None,
        };
        self.children.values().filter_map(Kept::next).chain(all_at).min()
    }

    /// Whether it has stopped and all children have ended.
    pub(super) fn is_over(&self) -> bool {
        self.is_stopping() && self.children.values().all(Kept::is_over)
    }

    fn is_stopping(&self) -> bool {
        matches!(self.course, Course::Stopping { .. })
    }

    fn obey(&mut self, command: Command, now: Instant) {
        match command {
            Command::Start { child, answer } => {
                let started = if self.is_stopping() {
                    Err(SuperviseError::Ended { supervisor: self.plan.name.clone() })
                } else {
                    self.add(child, now)
                };
                let _ = answer.try_send(started);
            }
            Command::Stop { id, grace, answer } => self.stop_child(&id, grace, answer, now),
            Command::Look { id, look } => {
                look(self.find(&id).and_then(|key| Some(&*self.children.get(&key)?.spec)));
            }
        }
    }

    /// Starts a child that is new.
    fn add(&mut self, child: Box<dyn Supervised>, now: Instant) -> Result<(), SuperviseError> {
        let (supervisor, id) = (self.plan.name.clone(), child.id().to_owned());
        let former = self.find(&id);
        let other = former.and_then(|key| self.children.get(&key));
        if other.is_some_and(|other| !other.is_over()) {
            return Err(SuperviseError::DuplicateId { supervisor, child: id });
        }
        let key = self.started;
        // A key is used once, also where nothing comes of it.
        self.started += 1;
        let mut child = Kept::new(child, now);
        let started = child.start(&self.plan.limits, (&self.post, key), now);
        started.map_err(|source| SuperviseError::Start { supervisor, child: id, source })?;
        if let Some(former) = former {
            self.forget(former);
        }
        self.board.show(key, &child);
        self.children.insert(key, child);
        Ok(())
    }

    /// A process of a child has ended.
    fn ended(&mut self, key: u64, end: (u64, ExitReason), now: Instant) {
        let chance = self.draw();
        let Some(child) = self.children.get_mut(&key) else { return };
        let reason = end.1.clone();
        let action = child.ended(&self.plan.limits, end, (now, chance));
        self.follow(key, action, reason, now);
        self.answer_stoppers(key);
    }

    /// Does what follows from the end of one child for the others.
    fn follow(&mut self, key: u64, action: Action, reason: ExitReason, now: Instant) {
        let Some(child) = self.children.get(&key) else { return };
        self.board.show(key, child);
        match action {
            // The one that ended is the one that is started again. Other strategies begin here.
            Action::Start(_) => match self.plan.strategy {
                Strategy::OneForOne => {}
            },
            Action::GiveUp(restarts) => {
                let child = child.spec.id().to_owned();
                let end = SupervisorEnd::GivenUp { child, restarts, reason };
                self.stop(end, self.plan.grace, now);
            }
            Action::Rest => self.forget_the_first(),
            Action::Nothing => {}
        }
    }

    /// Starts the children whose wait is over, each once: one that fails is due again later.
    fn start_due(&mut self, now: Instant) {
        let due = |(key, child): (&u64, &Kept)| child.is_due(now).then_some(*key);
        let due: Vec<u64> = self.children.iter().filter_map(due).collect();
        for key in due {
            let chance = self.draw();
            // Giving one up stops all others, so that they are due no more.
            let Some(child) = self.children.get_mut(&key).filter(|child| child.is_due(now)) else {
                continue;
            };
            match child.start(&self.plan.limits, (&self.post, key), now) {
                Ok(()) => self.board.show(key, child),
                Err(error) => {
                    let reason = start_failed(&error);
                    let action = child.decide(&self.plan.limits, reason.clone(), (now, chance));
                    self.follow(key, action, reason, now);
                }
            }
        }
    }

    /// Begins to stop all children, or has those that are being stopped end within this grace too.
    fn stop(&mut self, end: SupervisorEnd, grace: Duration, now: Instant) {
        match &mut self.course {
            Course::Keeping => {
                self.course = Course::Stopping { end, grace, all_at: later(now, grace) };
            }
            Course::Stopping { grace: former, all_at, .. } => {
                *former = grace.min(*former);
                *all_at = later(now, grace).min(*all_at);
            }
        }
        for (key, child) in self.children.iter_mut().rev() {
            if child.is_stopping() {
                child.stop(&self.plan.limits, grace, now);
            } else {
                child.seal(&self.plan.limits, now);
            }
            self.board.show(*key, child);
        }
        self.stop_next(now);
    }

    /// Asks those children to stop whose turn it is.
    fn stop_next(&mut self, now: Instant) {
        let Course::Stopping { grace, all_at, .. } = self.course else { return };
        for (key, child) in self.children.iter_mut().rev() {
            if child.is_unasked() {
                child.stop(&self.plan.limits, grace, now);
                self.board.show(*key, child);
            }
            if !child.is_over() && now < all_at {
                break;
            }
        }
    }

    fn stop_child(&mut self, id: &str, grace: Duration, stopper: Stopper, now: Instant) {
        let child = self.find(id).and_then(|key| Some((key, self.children.get_mut(&key)?)));
        let Some((key, child)) = child else {
            let (supervisor, child) = (self.plan.name.clone(), id.to_owned());
            let _ = stopper.try_send(Err(SuperviseError::NoSuchChild { supervisor, child }));
            return;
        };
        child.stoppers.push(stopper);
        child.stop(&self.plan.limits, grace, now);
        self.board.show(key, child);
        self.answer_stoppers(key);
    }

    /// Forgets a child that was to be stopped and has ended, and then tells who wanted that.
    fn answer_stoppers(&mut self, key: u64) {
        let Some(child) = self.children.get_mut(&key).filter(|child| !child.stoppers.is_empty())
        else {
            return;
        };
        let Some(reason) = child.ending() else { return };
        let stoppers = mem::take(&mut child.stoppers);
        self.forget(key);
        for stopper in stoppers {
            let _ = stopper.try_send(Ok(reason.clone()));
        }
    }

    fn find(&self, id: &str) -> Option<u64> {
        self.children.iter().find(|(_, child)| child.spec.id() == id).map(|(key, _)| *key)
    }

    fn forget(&mut self, key: u64) {
        self.children.remove(&key);
        self.board.forget(key);
    }

    fn forget_the_first(&mut self) {
        let over = || self.children.iter().filter(|(_, child)| child.is_over());
        if over().count() > REMEMBERED
            && let Some(key) = over().next().map(|(key, _)| *key)
        {
            self.forget(key);
        }
    }

    fn draw(&mut self) -> u64 {
        let (random, drawn) = &mut self.chance;
        *drawn = drawn.wrapping_add(1);
        random.hash_one(*drawn)
    }
}

/// Publishes the end, also where that was never meant to be.
impl Drop for Keeper {
    fn drop(&mut self) {
        let end = match &self.course {
            Course::Stopping { end, .. } if self.is_over() => end.clone(),
            _ => SupervisorEnd::Lost("its thread panicked".to_owned()),
        };
        for child in self.children.values() {
            child.kill();
        }
        self.children.clear();
        self.post.close();
        self.board.end(end);
    }
}

/// A start that fails is an end like any other.
fn start_failed(error: &SpawnError) -> ExitReason {
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        why = format!("{why}: {cause}");
        source = cause.source();
    }
    ExitReason::StartFailed(why)
}
