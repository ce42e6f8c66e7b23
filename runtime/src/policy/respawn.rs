//! When a worker is started in place of one that never got to work.
//!
//! A worker that dies of its task is replaced at once: that is the task's fault, and what tasks may do
//! is bounded elsewhere. One that cannot be started, or dies before it begins a task, will most likely
//! be followed by others like it. So the next ones wait longer and longer, and where nobody is left to
//! work, those who wait for a value are told instead of being kept waiting.

use std::time::{Duration, Instant};

use super::Backoff;

/// So many failures in a row are no chance, if there is nobody left.
const ENOUGH: u32 = 3;

/// The same where somebody else has killed the last one: some seconds of that.
const ENOUGH_KILLED: u32 = 8;

/// What follows a start that came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start another one at this time.
    After(Instant),
    /// Tell everybody who waits that there is no worker. For those who come later, start another one at
    /// this time; if it comes to nothing as well, that is the end of it for them too.
    GiveUp(Instant),
}

/// The starts of a pool that came to nothing.
#[derive(Clone, Debug)]
pub(crate) struct Respawn {
    backoff: Backoff,
    /// How many there were in a row.
    row: u32,
}

impl Respawn {
    pub(crate) fn new() -> Self {
        let backoff = Backoff::new(Duration::from_millis(100)..Duration::from_secs(10));
        Respawn { backoff, row: 0 }
    }

    /// Says that a worker began a task: workers can be had.
    pub(crate) fn worked(&mut self) {
        self.row = 0;
    }

    /// What follows from a start that failed or a worker that ended before it began a task, while so
    /// many others are alive, and whether somebody else had killed it.
    pub(crate) fn failed(
        &mut self,
        now: Instant,
        alive: usize,
        killed: bool,
        chance: u64,
    ) -> Verdict {
        let next = now + self.backoff.delay(self.row, chance);
        self.row = self.row.saturating_add(1);
        let enough = if killed { ENOUGH_KILLED } else { ENOUGH };
        if alive == 0 && self.row >= enough { Verdict::GiveUp(next) } else { Verdict::After(next) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Happens {
        Worked,
        Failed { alive: usize, killed: bool },
    }

    fn happenings() -> impl Strategy<Value = Vec<(Happens, Duration)>> {
        let what = prop_oneof![
            1 => Just(Happens::Worked),
            4 => (0_usize..3, any::<bool>()).prop_map(|(alive, killed)| Happens::Failed { alive, killed }),
            4 => any::<bool>().prop_map(|killed| Happens::Failed { alive: 0, killed }),
        ];
        let pause = (0_u64..20_000).prop_map(Duration::from_millis);
        proptest::collection::vec((what, pause), 0..40)
    }

    /// The waits in milliseconds, without chance.
    const WAITS: [u64; 9] = [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000];

    proptest! {
        #[test]
        fn every_verdict_follows_from_the_failures_since_a_worker_last_worked(
            happenings in happenings(),
        ) {
            let (mut now, mut respawn) = (Instant::now(), Respawn::new());
            let mut story = Vec::new();
            for (happens, pause) in happenings {
                now += pause;
                story.push(happens);
                let Happens::Failed { alive, killed } = happens else {
                    respawn.worked();
                    continue;
                };

                let verdict = respawn.failed(now, alive, killed, 200);

                let failed = |happens: &&Happens| matches!(happens, Happens::Failed { .. });
                let row = story.iter().rev().take_while(failed).count();
                let next = now + Duration::from_millis(WAITS[(row - 1).min(WAITS.len() - 1)]);
                let given_up = alive == 0 && row >= if killed { 8 } else { 3 };
                let expected = if given_up { Verdict::GiveUp(next) } else { Verdict::After(next) };
                prop_assert_eq!(verdict, expected);
            }
        }

        #[test]
        fn who_starts_as_soon_as_may_be_and_always_fails_starts_some_sixty_workers_in_ten_minutes(
            alive in 0_usize..2,
            chances in proptest::collection::vec(any::<u64>(), 200),
        ) {
            let begin = Instant::now();
            let (mut now, mut respawn, mut starts) = (begin, Respawn::new(), 0);
            for chance in chances {
                if now - begin > Duration::from_secs(600) {
                    break;
                }
                starts += 1;
                let (Verdict::After(next) | Verdict::GiveUp(next)) =
                    respawn.failed(now, alive, false, chance);
                now = next;
            }
            prop_assert!((40..90).contains(&starts), "{starts} starts");
        }
    }

    #[test]
    fn three_in_a_row_are_enough_if_nobody_is_left() {
        let (now, mut respawn) = (Instant::now(), Respawn::new());
        let after = |millis| Verdict::After(now + Duration::from_millis(millis));

        assert_eq!(respawn.failed(now, 0, false, 200), after(0));
        assert_eq!(respawn.failed(now, 0, false, 200), after(100));
        let again = now + Duration::from_millis(200);
        assert_eq!(respawn.failed(now, 0, false, 200), Verdict::GiveUp(again));
    }

    #[test]
    fn while_somebody_works_the_others_are_tried_for_ever() {
        let (now, mut respawn) = (Instant::now(), Respawn::new());
        for _ in 0..1_000 {
            assert!(matches!(respawn.failed(now, 1, false, 0), Verdict::After(_)));
        }

        assert!(matches!(respawn.failed(now, 0, false, 0), Verdict::GiveUp(_)));
    }

    #[test]
    fn a_worker_that_works_makes_good_for_all_that_failed() {
        let (now, mut respawn) = (Instant::now(), Respawn::new());
        for _ in 0..3 {
            respawn.failed(now, 0, false, 0);
        }

        respawn.worked();

        assert_eq!(respawn.failed(now, 0, false, 0), Verdict::After(now));
    }
}
