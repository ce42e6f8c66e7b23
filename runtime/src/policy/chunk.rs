//! How many tasks travel to a worker at once.
//!
//! A chunk is worth its way if the work in it takes much longer than the way does, and it is too
//! large if others wait for the one worker that has it. So a chunk is a span of time, of as many tasks
//! as fit into it by what tasks of the function have taken so far. Where it is known how many tasks
//! are left, no worker gets more than its share of half of them: *guided self-scheduling* (C. D.
//! Polychronopoulos and D. J. Kuck, "Guided Self-Scheduling: A Practical Scheduling Scheme for
//! Parallel Supercomputers", IEEE Transactions on Computers C-36(12), 1987). Chunks get smaller
//! towards the end, so the workers end together however uneven the tasks are.

/// How long the work in a chunk is to take, in nanoseconds: many times what it costs to hand over,
/// little enough that nobody notices who had to wait for it.
const SPAN: u64 = 2_000_000;

/// No chunk has more tasks, however short they are: by then the way costs next to nothing.
pub(crate) const MOST: u64 = 4096;

/// The same of tasks that are numbers, which take so little that a chunk of that size is done before
/// anybody who sleeps is awake.
pub(crate) const MOST_NUMBERS: u64 = 15_000;

/// How many of these travel at once: others are worked on while they are put and taken.
pub(crate) const PART: u64 = 5_000;

/// How long the tasks of one function take, and so how many of them make a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Nanoseconds a task.
    estimate: Option<u64>,
}

impl Pace {
    /// Says that so many tasks have taken so long altogether.
    ///
    /// What was measured contains what it cost to hand the chunk over, and whatever else a busy machine
    /// did meanwhile. Both make tasks look longer than they are, never shorter, so a small figure is
    /// believed more than a large one: three to one.
    pub(crate) fn measured(&mut self, tasks: u64, nanos: u64) {
        let Some(sample) = nanos.checked_div(tasks) else { return };
        let estimate = match self.estimate {
            None => sample,
            Some(before) if sample <= before => sample + (before - sample) / 4,
            // Rounded up, so that it gets there.
            Some(before) => before + (sample - before).div_ceil(4),
        };
        self.estimate = Some(estimate.max(1));
    }

    /// How long a task takes, in nanoseconds; nothing before one was measured.
    pub(crate) fn estimate(self) -> Option<u64> {
        self.estimate
    }

    /// How many tasks to hand over at once, at least one and so many at the most: of so many that are left
    /// to hand over, if that is known, and for so many workers.
    pub(crate) fn chunk(self, left: Option<u64>, workers: u64, most: u64) -> u64 {
        let fitting = self.estimate.map_or(1, |estimate| SPAN / estimate).min(most);
        let share = left.map_or(most, |left| left.div_ceil(workers.saturating_mul(2).max(1)));
        fitting.min(share).max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// What it costs to hand a chunk over in these tests, in nanoseconds.
    const WAY: u64 = 20_000;

    proptest! {
        #[test]
        fn a_chunk_is_never_empty_never_huge_and_never_more_than_its_share(
            measured in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..20),
            left: Option<u64>,
            workers: u64,
        ) {
            let mut pace = Pace::default();
            for (tasks, nanos) in measured {
                pace.measured(tasks, nanos);

                let chunk = pace.chunk(left, workers, MOST);
                prop_assert!((1..=MOST).contains(&chunk));
                prop_assert!(chunk == 1 || pace.estimate().is_some_and(|it| chunk * it <= SPAN));
                if let Some(left) = left {
                    prop_assert!(chunk <= left.div_ceil(workers.saturating_mul(2).max(1)).max(1));
                }
            }
        }

        #[test]
        fn an_estimate_is_always_between_what_it_was_and_what_was_measured(
            samples in proptest::collection::vec(1_u64.., 1..50),
        ) {
            let mut pace = Pace::default();
            for sample in samples {
                let before = pace.estimate().unwrap_or(sample);

                pace.measured(1, sample);

                let after = pace.estimate().unwrap();
                prop_assert!((before.min(sample)..=before.max(sample)).contains(&after));
                prop_assert!(before == sample || after != before);
            }
        }

        #[test]
        fn whatever_a_task_takes_its_chunks_are_right_after_ten_of_them(
            // Even over the orders of magnitude, from 10 ns to 1 s.
            exponent in 1.0..9.0_f64,
        ) {
            let task = 10_f64.powf(exponent) as u64;
            let ideal = (SPAN / task).clamp(1, MOST);
            let mut pace = Pace::default();
            for _ in 0..10 {
                let chunk = pace.chunk(None, 2, MOST);
                pace.measured(chunk, chunk * task + WAY);
            }

            let chunk = pace.chunk(None, 2, MOST);

            prop_assert!(chunk <= ideal && chunk * 4 >= ideal, "{chunk}, not {ideal}");
        }

        #[test]
        fn workers_end_together_but_for_what_one_of_them_has_at_once(
            workers in 1_usize..9,
            // Mostly short, some long: in microseconds.
            times in proptest::collection::vec(prop_oneof![9 => 1_u64..50, 1 => 1_u64..2000], 1..3000),
        ) {
            let tasks: Vec<u64> = times.iter().map(|micros| micros * 1000).collect();

            let (took, most) = simulated(workers, &tasks);

            // R. L. Graham, "Bounds on Multiprocessing Timing Anomalies", 1969. A pool takes back what
            // nobody has begun of that, too.
            let (even, handovers) = (ideal(workers, &tasks), HANDOVER * tasks.len() as u64);
            prop_assert!(took <= even + handovers + most, "{took}, not {even} and {most}");
        }
    }

    #[test]
    fn who_knows_nothing_hands_over_one_task() {
        let mut pace = Pace::default();
        assert_eq!((pace.estimate(), pace.chunk(None, 4, MOST)), (None, 1));

        pace.measured(0, 1_000);
        assert_eq!((pace.estimate(), pace.chunk(Some(1_000_000), 4, MOST)), (None, 1));
    }

    #[test]
    fn tasks_that_become_slow_travel_one_by_one_from_the_next_chunk_on() {
        let mut pace = Pace::default();
        pace.measured(4096, 409_600);
        assert_eq!((pace.estimate(), pace.chunk(None, 2, MOST)), (Some(100), 4096));

        pace.measured(1, 1_000_000_000);

        assert_eq!(pace.chunk(None, 2, MOST), 1);
    }

    #[test]
    fn one_chunk_that_was_disturbed_does_not_spoil_the_next_ones() {
        let mut pace = Pace::default();
        pace.measured(500, 500_000);
        // A time slice of somebody else's.
        pace.measured(500, 4_500_000);
        assert!(pace.chunk(None, 2, MOST) >= 150, "{pace:?}");

        pace.measured(166, 166_000);
        assert!(pace.chunk(None, 2, MOST) >= 250, "{pace:?}");
    }

    #[test]
    fn the_last_chunks_are_small() {
        let mut pace = Pace::default();
        pace.measured(4096, 40_960);

        let mut chunks = Vec::new();
        let mut left = 100;
        while left > 0 {
            chunks.push(pace.chunk(Some(left), 2, MOST));
            left -= chunks[chunks.len() - 1];
        }

        assert_eq!(chunks[..4], [25, 19, 14, 11]);
        assert_eq!(chunks[chunks.len() - 3..], [1, 1, 1]);
    }

    /// Two workers or sixteen reach 19 of 20 parts of what is possible.
    #[test]
    fn even_growing_and_alternating_tasks_keep_every_worker_busy() {
        let count = 40_000_u64;
        let uniform = |_| 20_000;
        // A candidate prime is tried up to its root: the last tasks are the longest.
        let growing = |n: u64| 200 * (n + 1).isqrt();
        let falling = |n: u64| 200 * (count - n).isqrt();
        let alternating = |n: u64| if n.is_multiple_of(2) { 1_000 } else { 100_000 };
        let in_halves = |n: u64| if n < count / 2 { 1_000 } else { 100_000 };
        let shapes: [(&str, &dyn Fn(u64) -> u64); 5] = [
            ("uniform", &uniform),
            ("growing", &growing),
            ("falling", &falling),
            ("alternating", &alternating),
            ("in halves", &in_halves),
        ];
        for (name, shape) in shapes {
            let tasks: Vec<u64> = (0..count).map(shape).collect();
            for workers in [1, 2, 4, 16] {
                let took = simulate(workers, &tasks);

                let efficiency = ideal(workers, &tasks) as f64 / took as f64;
                assert!(efficiency >= 0.95, "{name}, {workers} workers: {efficiency:.3}");
            }
        }
    }

    #[test]
    fn one_long_task_at_the_end_costs_no_more_than_itself() {
        let mut tasks = vec![10_000; 20_000];
        tasks.push(50_000_000);
        for workers in [2, 4, 16] {
            let took = simulate(workers, &tasks);

            let bound = ideal(workers, &tasks) + 50_000_000;
            assert!(took <= bound + bound / 20, "{workers} workers: {took}, not {bound}");
        }
    }

    /// How long it would take if nobody ever waited and no way cost anything.
    fn ideal(workers: usize, tasks: &[u64]) -> u64 {
        tasks.iter().sum::<u64>() / workers as u64
    }

    /// What a chunk costs whoever has the next one at hand already.
    const HANDOVER: u64 = 3_000;

    fn simulate(workers: usize, tasks: &[u64]) -> u64 {
        simulated(workers, tasks).0
    }

    /// How long so many workers take for these tasks in this order, two chunks ahead: it is a chunk's
    /// end that brings the next but one. And the most work that one has at once.
    fn simulated(workers: usize, tasks: &[u64]) -> (u64, u64) {
        struct Worker {
            /// The chunks it has, as what they take and how many tasks they are.
            chunks: VecDeque<(u64, u64)>,
            /// When the first of them is done.
            done: u64,
        }

        let mut most = 0;
        let (mut pace, mut left, mut now) = (Pace::default(), tasks, 0);
        let mut all: Vec<Worker> =
            (0..workers).map(|_| Worker { chunks: VecDeque::new(), done: 0 }).collect();
        loop {
            // Everybody's first chunk comes before anybody's second.
            for ahead in 1..=2 {
                for worker in &mut all {
                    if worker.chunks.len() >= ahead || left.is_empty() {
                        continue;
                    }
                    let size = pace.chunk(Some(left.len() as u64), workers as u64, MOST);
                    let (chunk, rest) = left.split_at(left.len().min(size as usize));
                    let takes = chunk.iter().sum::<u64>() + HANDOVER;
                    worker.chunks.push_back((takes, size));
                    if worker.chunks.len() == 1 {
                        worker.done = now + takes;
                    }
                    most = most.max(worker.chunks.iter().map(|(takes, _)| takes).sum());
                    left = rest;
                }
            }
            let busy = all.iter_mut().filter(|worker| !worker.chunks.is_empty());
            let Some(next) = busy.min_by_key(|worker| worker.done) else { return (now, most) };
            now = next.done;
            if let Some((takes, size)) = next.chunks.pop_front() {
                pace.measured(size, takes);
            }
            if let Some((takes, _)) = next.chunks.front() {
                next.done = now + takes;
            }
        }
    }
}
