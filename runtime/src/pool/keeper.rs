//! The pool's own thread: it starts workers, and turns the crank while nobody waits for results.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::chunk::Frames;
use super::hand::{Hand, Preface};
use super::link::Link;
use super::shared::Shared;
use super::state::{Phase, State};
use crate::error::PoolError;
use crate::outcome::Intent;
use crate::process::Settings;
use crate::wire::{Fault, Shape, Tag, WAKE, add_frame};

/// How workers are started.
pub(super) struct Spec {
    pub(super) settings: Settings,
    pub(super) name: String,
    /// The task that each begins with, as a frame.
    pub(super) initializer: Option<Vec<u8>>,
    /// How many there are, and how many submitted tasks may wait or run.
    pub(super) workers: usize,
    pub(super) queue: u64,
}

/// What the keeper is to do.
enum Order {
    Start { seat: usize, generation: u64 },
    End,
}

/// Begins to keep a pool.
pub(super) fn keep(shared: &Arc<Shared>) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    crate::sys::run_aside("procession-pool", move || {
        let keep = || {
            while let Order::Start { seat, generation } = shared.keep(order) {
                start(&shared, seat, generation);
            }
        };
        // Without it nobody would start workers: what is outstanding hears of that.
        while let Err(payload) = catch_unwind(AssertUnwindSafe(keep)) {
            std::mem::forget(payload);
            shared.with(|state, _| state.abort());
        }
    })
    .map(drop)
}

fn order(state: &mut State, now: u64) -> Option<Order> {
    if state.is_finished() {
        return Some(Order::End);
    }
    let seat = state.wanted(now)?;
    let place = &mut state.seats[seat];
    place.starting = true;
    place.generation += 1;
    Some(Order::Start { seat, generation: place.generation })
}

fn start(shared: &Arc<Shared>, seat: usize, generation: u64) {
    let started = link(shared, seat, generation);
    shared.arrived(|state, now| {
        state.seats[seat].starting = false;
        let mut link = match started {
            Ok(link) => link,
            Err(error) => return state.desk.start_failed(error, false, now),
        };
        let mut frames = shared.spec.initializer.clone().unwrap_or_default();
        let mut preface: VecDeque<_> =
            shared.spec.initializer.iter().map(|_| Preface::Initializer).collect();
        preface.push_back(Preface::Ready);
        let sync = Tag::Sync as u32 | WAKE;
        add_frame(&mut frames, sync, &[]);
        let put = link.put(sync, &Frames::new(frames, Shape::Mixed));
        if state.phase == Phase::Over {
            link.kill(Intent::Stop);
        }
        state.desk.alive += 1;
        let mut hand = Hand::new(link, preface, now);
        // With any other fault it is dead, and its end is on its way.
        if let (Err(Fault::NoRoom(_)), Some((name, _))) = (put, state.desk.initialized) {
            let why = "no descriptor or memory for its input".to_owned();
            let error = PoolError::initializer(name, &why);
            hand.give_up(error, why, &mut state.desk, now);
        }
        state.seats[seat].hand = Some(hand);
    });
}

fn link(shared: &Arc<Shared>, seat: usize, generation: u64) -> Result<Link, PoolError> {
    let mut settings = shared.spec.settings.again().map_err(PoolError::system)?;
    settings.name = Some(format!("{}-{}", shared.spec.name, seat + 1));
    let pool = Arc::clone(shared);
    let ended = Box::new(move |_: &_, reason: &_| pool.ended(seat, generation, reason));
    Ok(Link::start(settings, &shared.gong, ended)?)
}

impl State {
    /// Whether there will never be anything to do again.
    pub(super) fn is_finished(&self) -> bool {
        self.phase != Phase::Open && self.is_settled() && self.is_vacant()
    }
}
