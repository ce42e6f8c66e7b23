//! What becomes of a task after an attempt that gave no value.

/// What went wrong with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Panicked,
    /// The worker ended while it had the task in hand.
    Crashed,
    /// It took too long, and we ended the worker.
    TimedOut,
    Cancelled,
    /// The worker ended, or the task was taken back, before it began.
    NotBegun,
}

/// What a task has been through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attempts {
    /// How often it was begun.
    pub(crate) tries: u32,
    /// How many workers it took down.
    pub(crate) crashes: u32,
}

/// How often a task may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How often after the first time.
    pub(crate) retries: u32,
    /// How many workers it may take down, whatever `retries` says; one at the least.
    pub(crate) poison_after: u32,
}

/// What is to be done with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes back to where it waited.
    Again,
    /// It has failed, for what went wrong last.
    Fail,
    /// It has failed, for what it did to its workers.
    Poison,
}

impl Default for Terms {
    fn default() -> Self {
        Terms { retries: 0, poison_after: 3 }
    }
}

impl Attempts {
    /// The same after one more attempt.
    ///
    /// A time-out ends a worker as well, but we did that: it is no crash.
    pub(crate) fn after(self, trouble: Trouble) -> Attempts {
        let begun = trouble != Trouble::NotBegun;
        let crashed = trouble == Trouble::Crashed;
        Attempts {
            tries: self.tries.saturating_add(begun.into()),
            crashes: self.crashes.saturating_add(crashed.into()),
        }
    }
}

/// What becomes of a task. The attempt that went wrong is counted in `attempts` already.
pub(crate) fn fate(attempts: Attempts, trouble: Trouble, terms: Terms) -> Fate {
    match trouble {
        Trouble::NotBegun => Fate::Again,
        Trouble::Cancelled => Fate::Fail,
        // Who asked for no retries is told how the one attempt ended.
        Trouble::Crashed if terms.retries > 0 && attempts.crashes >= terms.poison_after.max(1) => {
            Fate::Poison
        }
        Trouble::Panicked | Trouble::Crashed | Trouble::TimedOut => {
            if attempts.tries > terms.retries { Fate::Fail } else { Fate::Again }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAILED: [Trouble; 3] = [Trouble::Panicked, Trouble::Crashed, Trouble::TimedOut];

    fn troubles() -> impl Strategy<Value = Trouble> {
        prop_oneof![
            4 => Just(Trouble::Panicked),
            8 => Just(Trouble::Crashed),
            4 => Just(Trouble::TimedOut),
            1 => Just(Trouble::Cancelled),
            4 => Just(Trouble::NotBegun),
        ]
    }

    /// The same, so simple that it is right: the whole story is looked at each time.
    fn model(story: &[Trouble], terms: Terms) -> Fate {
        let count = |what: Trouble| story.iter().filter(|&&trouble| trouble == what).count() as u64;
        let failed: u64 = FAILED.into_iter().map(count).sum();
        match story[story.len() - 1] {
            Trouble::NotBegun => Fate::Again,
            Trouble::Cancelled => Fate::Fail,
            Trouble::Crashed if terms.retries == 0 => Fate::Fail,
            Trouble::Crashed if count(Trouble::Crashed) >= terms.poison_after.into() => {
                Fate::Poison
            }
            _ if failed <= terms.retries.into() => Fate::Again,
            _ => Fate::Fail,
        }
    }

    proptest! {
        #[test]
        fn every_fate_is_that_of_the_model_and_comes_in_the_end(
            retries in prop_oneof![0_u32..6, Just(u32::MAX)],
            poison_after in 0_u32..6,
            troubles in proptest::collection::vec(troubles(), 1..40),
        ) {
            let terms = Terms { retries, poison_after };
            let (mut attempts, mut story) = (Attempts::default(), Vec::new());
            for trouble in troubles {
                attempts = attempts.after(trouble);
                story.push(trouble);

                let fate = fate(attempts, trouble, terms);

                prop_assert_eq!(fate, model(&story, terms));
                prop_assert!(attempts.tries <= retries.saturating_add(1));
                prop_assert!(attempts.crashes <= poison_after.max(1));
                if fate != Fate::Again {
                    break;
                }
            }
        }
    }

    #[test]
    fn without_retries_each_kind_of_failure_is_told_as_what_it_was() {
        for poison_after in [0, 1, 3] {
            for trouble in FAILED {
                let attempts = Attempts::default().after(trouble);
                assert_eq!(fate(attempts, trouble, Terms { retries: 0, poison_after }), Fate::Fail);
            }
        }
    }

    #[test]
    fn a_task_that_took_three_workers_down_is_poison_though_it_might_be_tried_again() {
        let terms = Terms { retries: 100, ..Terms::default() };
        let mut attempts = Attempts::default();
        let mut crash = || {
            attempts = attempts.after(Trouble::TimedOut).after(Trouble::Crashed);
            fate(attempts, Trouble::Crashed, terms)
        };

        assert_eq!([crash(), crash(), crash()], [Fate::Again, Fate::Again, Fate::Poison]);
    }

    #[test]
    fn what_never_began_is_tried_for_ever_and_counts_nothing() {
        let attempts = (0..1_000).fold(Attempts::default(), |attempts, _| {
            let attempts = attempts.after(Trouble::NotBegun);
            assert_eq!(fate(attempts, Trouble::NotBegun, Terms::default()), Fate::Again);
            attempts
        });

        assert_eq!(attempts, Attempts::default());
    }

    #[test]
    fn who_cancels_means_it() {
        let terms = Terms { retries: 100, poison_after: 100 };
        let attempts = Attempts::default().after(Trouble::Cancelled);

        assert_eq!(fate(attempts, Trouble::Cancelled, terms), Fate::Fail);
    }
}
