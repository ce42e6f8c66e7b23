//! How far a pool is, and how fast.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// How far a pool, a map or a stream is at one moment.
///
/// # Examples
///
/// ```
/// let mut progress = procession::Progress::default();
/// progress.done = 30;
/// progress.running = 4;
/// progress.queued = 66;
/// progress.total = Some(100);
/// assert_eq!(progress.to_string(), "30 of 100 done, 4 running, 66 queued");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// How many tasks gave a value.
    pub done: u64,
    /// How many gave none, and will not be tried again.
    pub failed: u64,
    /// How often a task was tried again.
    pub retried: u64,
    /// How many are being run.
    pub running: u64,
    /// How many are waiting: for a worker, or in the hands of one that runs another task.
    pub queued: u64,
    /// How many there are in all, where that is known.
    pub total: Option<u64>,
    /// How many were done a second, over the last seconds. Never negative, infinite or no number.
    pub rate: f64,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Progress { done, failed, retried, running, queued, total, rate } = *self;
        write!(f, "{done} ")?;
        if let Some(total) = total {
            write!(f, "of {total} ")?;
        }
        f.write_str("done")?;
        for (count, what) in [(failed, "failed"), (retried, "retried")] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        write!(f, ", {running} running, {queued} queued")?;
        match rate {
            rate if rate <= 0.0 => Ok(()),
            rate if rate < 10.0 => write!(f, ", {rate:.1}/s"),
            rate => write!(f, ", {rate:.0}/s"),
        }
    }
}

/// A rate is the mean over this time ...
const WINDOW: Duration = Duration::from_secs(4);

/// ... whose beginning moves in steps of this.
const STEP: Duration = Duration::from_millis(250);

/// Works out a rate from how many were done when.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    /// Moments a step or more apart and what was done by then, the oldest first. All are within the
    /// window, but for the first, at which it begins.
    marks: VecDeque<(Instant, u64)>,
    rate: f64,
}

impl Meter {
    /// Begins to measure, with nothing done.
    pub(super) fn new(now: Instant) -> Self {
        Meter { marks: VecDeque::from([(now, 0)]), rate: 0.0 }
    }

    /// The rate, now that so many are done. It may be called as often as one likes, and is best called
    /// once a second at least.
    pub(super) fn feed(&mut self, now: Instant, done: u64) -> f64 {
        let age = |&(at, _): &(Instant, u64)| now.saturating_duration_since(at);
        while self.marks.get(1).is_some_and(|mark| age(mark) >= WINDOW) {
            self.marks.pop_front();
        }
        let begin = self.marks[0];
        let seconds = age(&begin).as_secs_f64();
        // What was done in no time says nothing, and is counted next time.
        if seconds > 0.0 {
            self.rate = done.saturating_sub(begin.1) as f64 / seconds;
        }
        if self.marks.back().is_none_or(|mark| age(mark) >= STEP) {
            self.marks.push_back((now, done));
        }
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    proptest! {
        #[test]
        fn a_rate_is_a_number_whatever_is_fed_and_costs_a_few_marks(
            fed in proptest::collection::vec((any::<u32>(), any::<u64>(), any::<bool>()), 0..100),
        ) {
            let begin = Instant::now() + Duration::from_secs(1 << 40);
            let (mut meter, mut now) = (Meter::new(begin), begin);
            for (nanos, done, back) in fed {
                // Time does not go back, but who asks for it may be overtaken.
                let step = Duration::from_nanos(nanos.into());
                now = if back { now - step } else { now + step };

                let rate = meter.feed(now, done);

                prop_assert!(rate.is_finite() && rate >= 0.0);
                prop_assert!(meter.marks.len() <= 18);
            }
        }

        #[test]
        fn what_is_steady_is_told_as_it_is(
            every in 1_u64..2_000,
            done_each in 1_u64..1_000_000,
            feeds in 1_u64..100,
        ) {
            let begin = Instant::now();
            let mut meter = Meter::new(begin);
            let mut rate = 0.0;
            for n in 1..=feeds {
                rate = meter.feed(begin + millis(every * n), done_each * n);
            }
            let truth = done_each as f64 * 1000.0 / every as f64;
            prop_assert!((rate / truth - 1.0).abs() < 1e-6, "{rate}, not {truth}");
        }
    }

    #[test]
    fn a_rate_follows_within_seconds_and_falls_to_nothing_when_nothing_is_done() {
        let begin = Instant::now();
        let mut meter = Meter::new(begin);
        let (mut done, mut now) = (0, begin);
        let mut run = |each: u64, steps: u64| {
            (0..steps).fold(0.0, |_, _| {
                (now, done) = (now + millis(100), done + each);
                meter.feed(now, done)
            })
        };

        assert!((run(10, 100) - 100.0).abs() < 1e-6);
        let half_way = run(100, 20);
        assert!((400.0..700.0).contains(&half_way), "{half_way}");
        assert!((run(100, 25) - 1000.0).abs() < 1e-6);
        assert!(run(0, 45) == 0.0);
    }

    #[test]
    fn before_any_time_has_passed_there_is_no_rate() {
        let begin = Instant::now();
        let mut meter = Meter::new(begin);

        assert!(meter.feed(begin, 1_000) == 0.0);
        assert!((meter.feed(begin + millis(500), 1_000) - 2_000.0).abs() < 1e-6);
    }

    #[test]
    fn progress_reads_as_one_line_without_what_did_not_happen() {
        let mut progress = Progress { done: 3, running: 2, queued: 7, ..Progress::default() };
        assert_eq!(progress.to_string(), "3 done, 2 running, 7 queued");

        progress = Progress { failed: 1, retried: 4, total: Some(13), rate: 2.25, ..progress };
        let line = "3 of 13 done, 1 failed, 4 retried, 2 running, 7 queued, 2.2/s";
        assert_eq!(progress.to_string(), line);
        progress.rate = 1234.5;
        assert!(progress.to_string().ends_with(", 1234/s"), "{progress}");
    }
}
