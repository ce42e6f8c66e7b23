//! What runs the tasks of a pool: workers, or the thread that asks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::call::{Block, Call, Delivery};
use super::chunk::Frames;
use super::desk::Totals;
use super::shared::Shared;
use crate::error::TaskFailure;
use crate::policy::{Attempts, Fate, Trouble, fate};
use crate::process::Process;
use crate::wire::{self, Decoder, Shape, Tag};

/// What runs the tasks.
pub(super) enum Engine {
    Workers(Arc<Shared>),
    Inline(Inline),
}

/// The most bytes of a task or a result where nobody says otherwise.
const LONGEST: usize = 1 << 30;

/// The thread that asks.
#[derive(Debug, Default)]
pub(super) struct Inline {
    closed: AtomicBool,
    done: AtomicU64,
    failed: AtomicU64,
    retried: AtomicU64,
}

impl Engine {
    /// The most bytes that a task or a result may have.
    pub(super) fn max_message(&self) -> usize {
        match self {
            Engine::Workers(shared) => shared.spec.settings.max_message,
            Engine::Inline(_) => LONGEST,
        }
    }
}

impl Inline {
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// How many tasks came to which end.
    pub(super) fn totals(&self) -> Totals {
        let [done, failed, retried] =
            [&self.done, &self.failed, &self.retried].map(|count| count.load(Ordering::Relaxed));
        Totals { done, failed, retried }
    }

    pub(super) fn count(&self, call: &Call, done: u64, failed: u64, retried: u64) {
        let counts = &call.counts;
        let both = [(&self.done, &counts.done, done), (&self.failed, &counts.failed, failed)];
        for (all, its, more) in both.into_iter().chain([(&self.retried, &counts.retried, retried)])
        {
            all.fetch_add(more, Ordering::Relaxed);
            its.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Runs a task as a worker would: what it is given and what it gives is encoded and decoded.
    pub(super) fn run<P: Process>(&self, call: &Call, index: u64, input: &P::Input) -> Delivery {
        let (pid, mut attempts) = (std::process::id(), Attempts::default());
        let failure = loop {
            let (failure, trouble) = match self.attempt::<P>(call, input) {
                Ok(frames) => {
                    self.count(call, 1, 0, 0);
                    let attempts = attempts.tries + 1;
                    return Delivery::Results(Block {
                        first: index,
                        count: 1,
                        frames: Frames::new(frames, Shape::Mixed),
                        pid,
                        attempts,
                    });
                }
                Err(failed) => failed,
            };
            attempts = attempts.after(trouble);
            // Nothing else is tried again: it would come to the same.
            let again = trouble == Trouble::Panicked
                && fate(attempts, trouble, call.terms.retry) == Fate::Again;
            if !again {
                break failure;
            }
            self.count(call, 0, 0, 1);
        };
        self.count(call, 0, 1, 0);
        let tries = attempts.tries;
        Delivery::Failed(index, call.error(index, Some(pid), tries, failure, String::new()))
    }

    fn attempt<P: Process>(
        &self,
        call: &Call,
        input: &P::Input,
    ) -> Result<Vec<u8>, (TaskFailure, Trouble)> {
        let not_begun = |failure| (failure, Trouble::NotBegun);
        if self.is_closed() {
            return Err(not_begun(TaskFailure::ShutDown));
        }
        let mut task = Vec::new();
        wire::add_row(&mut task, call.tag(), LONGEST, |row| P::encode(input, row))
            .map_err(|error| not_begun(TaskFailure::Encode(error)))?;
        let body = wire::first_frame(&task).map_or(&[][..], |(_, body, _)| body);
        let mut frames = Vec::new();
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let output = P::run(&mut Decoder::of_bytes(body)).map_err(|error| error.to_string())?;
            let tag = Tag::Value as u32;
            wire::add_row(&mut frames, tag, LONGEST, |row| P::encode_output(&output, row))
                .map_err(|error| error.to_string())
        }));
        match ran {
            Ok(Ok(())) => Ok(frames),
            Ok(Err(why)) => Err((TaskFailure::Undeliverable(why), Trouble::Crashed)),
            Err(payload) => {
                let report = crate::worker::describe_payload(&*payload);
                std::mem::forget(payload);
                Err((TaskFailure::Panicked(report.into()), Trouble::Panicked))
            }
        }
    }
}
