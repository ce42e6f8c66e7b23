//! One child in the keeper's hands.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::post::{Post, Stopper};
use super::status::{ChildState, ChildStatus};
use crate::actor::{Incarnation, Supervised};
use crate::error::SpawnError;
use crate::outcome::ExitReason;
use crate::policy::{Action, Event, Limits, Restarts};

/// No process is given longer to end, so that a time plus a grace is always a time.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(super) fn later(now: Instant, by: Duration) -> Instant {
    now + by.min(LONGEST)
}

pub(super) struct Kept {
    pub(super) spec: Box<dyn Supervised>,
    restarts: Restarts,
    phase: Phase,
    /// How often it was tried to start it, so that the end of one try is not taken for another's.
    attempt: u64,
    incarnation: u32,
    last_exit: Option<ExitReason>,
    /// Who waits for it to be stopped, for which it is then forgotten.
    pub(super) stoppers: Vec<Stopper>,
}

enum Phase {
    Running(Incarnation),
    /// It has ended, or has never begun.
    Waiting {
        until: Instant,
    },
    /// It was asked to stop, and is killed at that time; it was killed if there is none.
    Stopping {
        process: Incarnation,
        kill_at: Option<Instant>,
    },
    /// Its slot was given up.
    Over(ChildState),
}

impl Kept {
    pub(super) fn new(spec: Box<dyn Supervised>, now: Instant) -> Self {
        let restarts = Restarts::new(spec.restart());
        Kept {
            spec,
            restarts,
            phase: Phase::Waiting { until: now },
            attempt: 0,
            incarnation: 0,
            last_exit: None,
            stoppers: Vec::new(),
        }
    }

    /// Starts the next incarnation.
    pub(super) fn start(
        &mut self,
        limits: &Limits,
        (post, key): (&Arc<Post>, u64),
        now: Instant,
    ) -> Result<(), SpawnError> {
        self.attempt += 1;
        let notice = post.notice(key, self.attempt);
        let process = self.spec.start(Box::new(move |reason| notice.tell(reason)))?;
        self.incarnation = self.incarnation.saturating_add(1);
        self.phase = Phase::Running(process);
        self.restarts.step(limits, Event::Started, now, 0);
        Ok(())
    }

    /// The process of this attempt has ended. Returns what follows from that for the supervisor;
    /// what follows for the child is done.
    pub(super) fn ended(
        &mut self,
        limits: &Limits,
        (attempt, reason): (u64, ExitReason),
        (now, chance): (Instant, u64),
    ) -> Action {
        let has_process = matches!(self.phase, Phase::Running(_) | Phase::Stopping { .. });
        if attempt != self.attempt || !has_process {
            return Action::Nothing;
        }
        self.decide(limits, reason, (now, chance))
    }

    /// The same, where there is no process, or none could be started.
    pub(super) fn decide(
        &mut self,
        limits: &Limits,
        reason: ExitReason,
        (now, chance): (Instant, u64),
    ) -> Action {
        self.last_exit = Some(reason.clone());
        let action = self.restarts.step(limits, Event::Ended(&reason), now, chance);
        match action {
            Action::Start(delay) => self.phase = Phase::Waiting { until: later(now, delay) },
            Action::GiveUp(_) => self.give_up(reason, ChildState::GivenUp),
            Action::Rest | Action::Nothing => self.give_up(reason, ChildState::Ended),
        }
        action
    }

    fn give_up(&mut self, reason: ExitReason, state: fn(ExitReason) -> ChildState) {
        if !self.is_over() {
            self.spec.give_up(&reason);
            self.phase = Phase::Over(state(reason));
        }
    }

    /// It is not started any more: if nothing runs, that was it.
    pub(super) fn seal(&mut self, limits: &Limits, now: Instant) {
        self.restarts.step(limits, Event::Stop, now, 0);
        if let Phase::Waiting { .. } = self.phase {
            self.give_up(ExitReason::Stopped, ChildState::Ended);
        }
    }

    /// Has it end for good: at once if nothing runs, or else within the grace. One that is
    /// stopping already gets no more time than this.
    pub(super) fn stop(&mut self, limits: &Limits, grace: Duration, now: Instant) {
        self.seal(limits, now);
        let deadline = later(now, grace);
        match &mut self.phase {
            Phase::Stopping { kill_at: Some(at), .. } => *at = deadline.min(*at),
            Phase::Running(_) => {
                // What stands there for a moment is seen by nobody.
                let phase = mem::replace(&mut self.phase, Phase::Waiting { until: now });
                if let Phase::Running(process) = phase {
                    process.ask_to_stop();
                    self.phase = Phase::Stopping { process, kill_at: Some(deadline) };
                }
            }
            _ => {}
        }
    }

    /// Kills it if its grace is over.
    pub(super) fn kill_if_due(&mut self, now: Instant) {
        if let Phase::Stopping { process, kill_at } = &mut self.phase
            && kill_at.is_some_and(|at| at <= now)
        {
            process.kill();
            *kill_at = None;
        }
    }

    /// Kills it if it runs, for want of anybody who would look after it.
    pub(super) fn kill(&self) {
        if let Phase::Running(process) | Phase::Stopping { process, .. } = &self.phase {
            process.kill();
        }
    }

    /// Whether its wait is over.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Waiting { until } if until <= now)
    }

    /// When there is something to do for it although nothing happens.
    pub(super) fn next(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting { until } => Some(until),
            Phase::Stopping { kill_at, .. } => kill_at,
            Phase::Running(_) | Phase::Over(_) => None,
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. })
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }

    /// Whether it goes on, and nobody has asked it to stop.
    pub(super) fn is_unasked(&self) -> bool {
        !self.is_over() && !self.is_stopping()
    }

    /// How it ended for good, if it has.
    pub(super) fn ending(&self) -> Option<ExitReason> {
        match &self.phase {
            Phase::Over(ChildState::Ended(reason) | ChildState::GivenUp(reason)) => {
                Some(reason.clone())
            }
            _ => None,
        }
    }

    pub(super) fn restarts(&self) -> Vec<Instant> {
        self.restarts.recent().collect()
    }

    pub(super) fn status(&self) -> ChildStatus {
        let (pid, state) = match &self.phase {
            Phase::Running(process) => (Some(process.pid), ChildState::Running),
            Phase::Waiting { until } => (None, ChildState::Waiting { until: *until }),
            Phase::Stopping { process, .. } => (Some(process.pid), ChildState::Stopping),
            Phase::Over(state) => (None, state.clone()),
        };
        ChildStatus {
            id: self.spec.id().to_owned(),
            pid,
            incarnation: self.incarnation,
            restarts: 0,
            waiting: 0,
            state,
            last_exit: self.last_exit.clone(),
        }
    }
}
