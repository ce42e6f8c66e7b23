//! Whether and when a child is started again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Backoff;
use crate::outcome::ExitReason;

/// When a supervised child is started again.
///
/// A child has *ended well* if it [`Finished`](crate::ExitReason::Finished), was
/// [`Stopped`](crate::ExitReason::Stopped), or left with code 0.
///
/// # Examples
///
/// ```
/// use procession::{Mailbox, Reply, Restart, Supervisor, process};
///
/// #[process]
/// fn one_answer(mailbox: Mailbox<Reply<u32>>) {
///     let incarnation = mailbox.context().incarnation();
///     mailbox.take(1).for_each(|reply| reply.send(incarnation));
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let tree = Supervisor::builder()
///     .child(one_answer::spec().id("once").restart(Restart::Temporary))
///     .child(one_answer::spec().id("always").restart(Restart::Permanent))
///     .start()?;
/// let once = tree.address::<Reply<u32>>("once")?;
/// let always = tree.address::<Reply<u32>>("always")?;
/// assert_eq!((once.ask(|reply| reply)?, always.ask(|reply| reply)?), (1, 1));
/// assert!(once.ask(|reply| reply).is_err()); // it is gone for good
/// assert_eq!(always.ask(|reply| reply)?, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Restart {
    /// However it ended.
    Permanent,
    /// Unless it has ended well.
    #[default]
    Transient,
    /// Never.
    Temporary,
}

impl Restart {
    fn applies_to(self, reason: &ExitReason) -> bool {
        match self {
            Restart::Permanent => true,
            Restart::Transient => !matches!(
                reason,
                ExitReason::Finished | ExitReason::Stopped | ExitReason::Exited(0)
            ),
            Restart::Temporary => false,
        }
    }
}

/// What bounds the restarts of each child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// At most so many restarts ...
    pub(crate) intensity: u32,
    /// ... within this time.
    pub(crate) window: Duration,
    pub(crate) backoff: Backoff,
    /// A child that has run for so long is healthy: its next restart counts as a first one.
    pub(crate) reset_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            intensity: 5,
            window: Duration::from_secs(60),
            backoff: Backoff::new(Duration::from_millis(100)..Duration::from_secs(10)),
            reset_after: Duration::from_secs(60),
        }
    }
}

/// What happens to a child.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    /// A process of it was started.
    Started,
    /// That process has ended, or none could be started.
    Ended(&'a ExitReason),
    /// It is to be stopped for good.
    Stop,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Nothing,
    /// Start it again after this time.
    Start(Duration),
    /// It has ended for good, as it may.
    Rest,
    /// It has ended too often: this many restarts were within the window.
    GiveUp(u32),
}

/// The restarts of one child.
#[derive(Clone, Debug)]
pub(crate) struct Restarts {
    restart: Restart,
    /// When the restarts within the window were decided on, the oldest first.
    recent: VecDeque<Instant>,
    /// How many there were since it was healthy.
    row: u32,
    /// When it was last started.
    since: Option<Instant>,
    over: bool,
}

impl Restarts {
    pub(crate) fn new(restart: Restart) -> Self {
        Restarts { restart, recent: VecDeque::new(), row: 0, since: None, over: false }
    }

    /// The restarts that count, the oldest first.
    pub(crate) fn recent(&self) -> impl Iterator<Item = Instant> {
        self.recent.iter().copied()
    }

    /// What follows from an event. After [`Action::Rest`], [`Action::GiveUp`] and
    /// [`Event::Stop`] that is nothing, whatever happens.
    pub(crate) fn step(
        &mut self,
        limits: &Limits,
        event: Event<'_>,
        now: Instant,
        chance: u64,
    ) -> Action {
        if self.over {
            return Action::Nothing;
        }
        match event {
            Event::Started => {
                self.since = Some(now);
                Action::Nothing
            }
            Event::Stop => {
                self.over = true;
                Action::Nothing
            }
            Event::Ended(reason) if !self.restart.applies_to(reason) => {
                self.over = true;
                Action::Rest
            }
            Event::Ended(_) => self.start_again(limits, now, chance),
        }
    }

    fn start_again(&mut self, limits: &Limits, now: Instant, chance: u64) -> Action {
        let counts = |at: &Instant| now.saturating_duration_since(*at) < limits.window;
        while self.recent.front().is_some_and(|at| !counts(at)) {
            self.recent.pop_front();
        }
        let restarts = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        if restarts >= limits.intensity {
            self.over = true;
            return Action::GiveUp(restarts);
        }
        // A start that fails has no beginning, so what came before it is not counted twice.
        let ran = self.since.take().map(|since| now.saturating_duration_since(since));
        if ran.is_some_and(|ran| ran >= limits.reset_after) {
            self.row = 0;
        }
        let delay = limits.backoff.delay(self.row, chance);
        self.row = self.row.saturating_add(1);
        self.recent.push_back(now);
        Action::Start(delay)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, so simple that it is right: all that ever happened is looked at each time.
    #[derive(Default)]
    struct Model {
        decided: Vec<Duration>,
        since_healthy: u32,
        started: Option<Duration>,
        over: bool,
    }

    #[derive(Clone, Debug)]
    enum Happens {
        Started,
        Ended(ExitReason),
        Stop,
    }

    const WINDOW: Duration = Duration::from_millis(1_000);
    const HEALTHY: Duration = Duration::from_millis(700);

    fn limits(intensity: u32) -> Limits {
        let backoff = Backoff::new(Duration::from_millis(10)..Duration::from_millis(100));
        Limits { intensity, window: WINDOW, backoff, reset_after: HEALTHY }
    }

    impl Model {
        fn step(
            &mut self,
            restart: Restart,
            intensity: u32,
            happens: &Happens,
            now: Duration,
        ) -> Action {
            let reason = match happens {
                _ if self.over => return Action::Nothing,
                Happens::Started => {
                    self.started = Some(now);
                    return Action::Nothing;
                }
                Happens::Stop => {
                    self.over = true;
                    return Action::Nothing;
                }
                Happens::Ended(reason) => reason,
            };
            let well = [ExitReason::Finished, ExitReason::Stopped, ExitReason::Exited(0)];
            if restart == Restart::Temporary
                || restart == Restart::Transient && well.contains(reason)
            {
                self.over = true;
                return Action::Rest;
            }
            let within = self.decided.iter().filter(|&&at| at + WINDOW > now).count();
            if within >= intensity as usize {
                self.over = true;
                return Action::GiveUp(within.try_into().unwrap());
            }
            if self.started.take().is_some_and(|at| now - at >= HEALTHY) {
                self.since_healthy = 0;
            }
            let delay = match self.since_healthy {
                0 => 0,
                1 => 10,
                2 => 20,
                3 => 40,
                4 => 80,
                _ => 100,
            };
            self.since_healthy += 1;
            self.decided.push(now);
            Action::Start(Duration::from_millis(delay))
        }
    }

    fn reasons() -> impl Strategy<Value = ExitReason> {
        prop_oneof![
            2 => Just(ExitReason::Finished),
            1 => Just(ExitReason::Stopped),
            1 => Just(ExitReason::Exited(0)),
            8 => Just(ExitReason::Exited(3)),
            8 => Just(ExitReason::Killed),
            4 => Just(ExitReason::TimedOut(HEALTHY)),
            4 => Just(ExitReason::StartFailed("no room".to_owned())),
            4 => Just(ExitReason::OutOfMemory { peak: None }),
        ]
    }

    fn happenings() -> impl Strategy<Value = Vec<(Happens, Duration)>> {
        let what = prop_oneof![
            20 => Just(Happens::Started),
            30 => reasons().prop_map(Happens::Ended),
            1 => Just(Happens::Stop),
        ];
        let pause = prop_oneof![Just(0_u64), 0_u64..50, 0_u64..900];
        proptest::collection::vec((what, pause.prop_map(Duration::from_millis)), 0..60)
    }

    fn restarts() -> impl Strategy<Value = Restart> {
        prop_oneof![Just(Restart::Permanent), Just(Restart::Transient), Just(Restart::Temporary)]
    }

    proptest! {
        #[test]
        fn every_decision_is_that_of_the_model(
            restart in restarts(),
            intensity in 0_u32..8,
            happenings in happenings(),
        ) {
            let (begin, limits) = (Instant::now(), limits(intensity));
            let (mut state, mut model) = (Restarts::new(restart), Model::default());
            let mut now = Duration::ZERO;
            for (happens, pause) in happenings {
                now += pause;
                let event = match &happens {
                    Happens::Started => Event::Started,
                    Happens::Ended(reason) => Event::Ended(reason),
                    Happens::Stop => Event::Stop,
                };

                let action = state.step(&limits, event, begin + now, 200);

                prop_assert_eq!(action, model.step(restart, intensity, &happens, now));
            }
        }

        #[test]
        fn no_window_ever_has_more_restarts_than_may_be_and_the_end_comes_once(
            intensity in 0_u32..8,
            pauses in proptest::collection::vec(0_u64..400, 0..60),
        ) {
            let (begin, limits) = (Instant::now(), limits(intensity));
            let mut state = Restarts::new(Restart::Permanent);
            let (mut now, mut starts, mut ends) = (begin, Vec::new(), 0);
            for pause in pauses {
                now += Duration::from_millis(pause);
                match state.step(&limits, Event::Ended(&ExitReason::Killed), now, pause) {
                    Action::Start(_) => {
                        prop_assert_eq!(ends, 0);
                        starts.push(now);
                    }
                    Action::GiveUp(restarts) => {
                        ends += 1;
                        prop_assert_eq!(restarts, intensity);
                    }
                    Action::Nothing => prop_assert_eq!(ends, 1),
                    Action::Rest => prop_assert!(false, "it never ended well"),
                }
                let within = starts.iter().filter(|&&at| now - at < WINDOW).count();
                prop_assert!(within <= intensity as usize);
                prop_assert!(state.recent().count() <= intensity as usize);
            }
            prop_assert!(ends <= 1);
        }
    }

    #[test]
    fn a_child_that_was_healthy_is_restarted_at_once_again() {
        let (begin, limits) = (Instant::now(), limits(100));
        let mut state = Restarts::new(Restart::Permanent);
        let mut end_after = |at: Duration, ran: Duration| {
            state.step(&limits, Event::Started, begin + at, 0);
            state.step(&limits, Event::Ended(&ExitReason::Killed), begin + at + ran, 200)
        };
        let short = Duration::from_millis(1);

        assert_eq!(end_after(Duration::ZERO, short), Action::Start(Duration::ZERO));
        assert_eq!(end_after(short, short), Action::Start(Duration::from_millis(10)));
        assert_eq!(end_after(short * 2, HEALTHY), Action::Start(Duration::ZERO));
    }

    #[test]
    fn the_defaults_are_those_of_the_book() {
        let (begin, limits) = (Instant::now(), Limits::default());
        let mut state = Restarts::new(Restart::default());
        let mut end = |reason| state.step(&limits, Event::Ended(&reason), begin, 200);

        let waits: Vec<Action> = (0..6).map(|_| end(ExitReason::Killed)).collect();

        let millis = |n| Action::Start(Duration::from_millis(n));
        let expected = [millis(0), millis(100), millis(200), millis(400), millis(800)];
        assert_eq!(waits[..5], expected);
        assert_eq!(waits[5], Action::GiveUp(5));
    }
}
