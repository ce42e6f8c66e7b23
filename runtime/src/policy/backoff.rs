//! How long to wait before a child that keeps ending is started again.

use std::ops::Range;
use std::time::Duration;

/// No wait is longer, so that a time plus a wait is always a time.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Where a wait that is to double begins if it was to begin at nothing.
const SHORTEST: Duration = Duration::from_millis(1);

/// Waits that double from a first to a longest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// From the start of the range to its end. Nothing waits where both are zero.
    pub(crate) fn new(range: Range<Duration>) -> Self {
        let longest = range.end.max(range.start).min(LONGEST);
        Backoff { first: range.start.max(SHORTEST).min(longest), longest }
    }

    /// The wait before a restart that follows this many others in a row: none before the first,
    /// then doubling, a fifth more or less as chance has it.
    ///
    /// Chance is for children that ended together, so that they do not come back together.
    pub(crate) fn delay(self, others: u32, chance: u64) -> Duration {
        let Some(doublings) = others.checked_sub(1) else { return Duration::ZERO };
        let factor = 2_u32.checked_pow(doublings);
        let delay = factor.and_then(|factor| self.first.checked_mul(factor));
        let delay = delay.unwrap_or(self.longest).min(self.longest);
        let permille = 800 + u32::try_from(chance % 401).unwrap_or(200);
        delay * permille / 1000
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The delay without chance: 800 + 200 thousandths.
    fn plain(backoff: Backoff, others: u32) -> Duration {
        backoff.delay(others, 200)
    }

    fn durations() -> impl Strategy<Value = Duration> {
        prop_oneof![
            (0_u64..100_000).prop_map(Duration::from_millis),
            any::<u64>().prop_map(Duration::from_nanos),
            Just(Duration::MAX),
        ]
    }

    proptest! {
        #[test]
        fn no_doubling_overflows_and_each_is_within_a_fifth_of_its_bounds(
            start in durations(),
            end in durations(),
            others: u32,
            chance: u64,
        ) {
            let backoff = Backoff::new(start..end);

            let delay = backoff.delay(others, chance);

            let plain = plain(backoff, others);
            prop_assert!(delay >= plain * 4 / 5 && delay <= plain * 6 / 5);
            prop_assert!(plain <= backoff.longest);
            prop_assert!(others == 0 || plain >= backoff.first);
        }

        #[test]
        fn but_for_chance_waits_never_get_shorter(
            start in durations(),
            end in durations(),
            others in 0_u32..100,
        ) {
            let backoff = Backoff::new(start..end);

            prop_assert!(plain(backoff, others) <= plain(backoff, others + 1));
        }
    }

    #[test]
    fn the_first_restart_is_at_once_and_the_next_ones_wait_twice_as_long_each() {
        let backoff = Backoff::new(Duration::from_millis(100)..Duration::from_secs(10));

        let waits: Vec<u128> = (0..10).map(|n| plain(backoff, n).as_millis()).collect();

        assert_eq!(waits, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    }

    #[test]
    fn a_range_of_zero_never_waits_and_one_that_begins_at_zero_still_doubles() {
        let none = Backoff::new(Duration::ZERO..Duration::ZERO);
        assert_eq!(plain(none, 1_000), Duration::ZERO);

        let some = Backoff::new(Duration::ZERO..Duration::from_secs(1));
        assert_eq!(plain(some, 4), Duration::from_millis(8));
    }
}
