//! The slots of this process.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use super::{Line, Slot, State, Status, Terms};
use crate::error::Undelivered;
use crate::id::Target;
use crate::route::asks::random_number;

/// How many slots that are no more are remembered, for what their senders are told.
const REMEMBERED: usize = 1024;

#[derive(Default)]
struct Slots {
    open: HashMap<u64, Arc<Slot>>,
    closed: VecDeque<(Target, Undelivered)>,
}

static SLOTS: Mutex<Option<Slots>> = Mutex::new(None);

fn slots() -> MutexGuard<'static, Option<Slots>> {
    SLOTS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Opens a slot that nobody serves yet.
pub(crate) fn open(terms: Terms, fingerprint: u64, line: Line) -> Arc<Slot> {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed) + 1;
    let state = State {
        status: Status::Open,
        line,
        kept: super::Kept::default(),
        serving: None,
        incarnation: 0,
        last_end: None,
        parked: std::collections::VecDeque::new(),
        pumping: false,
        senders: Vec::new(),
        queue: std::collections::VecDeque::new(),
        tickets: 0,
        watchers: HashMap::new(),
        orphan: false,
        hand: None,
        timed: false,
    };
    let slot = Arc::new(Slot {
        target: Target { number, key: random_number(), fingerprint },
        terms,
        answers: Arc::default(),
        state: Mutex::new(state),
        changed: Condvar::new(),
        here: AtomicBool::new(false),
        drained: AtomicBool::new(false),
    });
    slots().get_or_insert_default().open.insert(number, Arc::clone(&slot));
    slot
}

/// Forgets a slot, but for how it ended.
pub(crate) fn close(slot: &Slot) {
    let why = match &slot.state().status {
        Status::Over(why) => why.clone(),
        Status::Open | Status::Draining => Undelivered::Unknown,
    };
    let mut slots = slots();
    let Some(slots) = slots.as_mut() else { return };
    let Some(closed) = slots.open.remove(&slot.target.number) else { return };
    if slots.closed.len() == REMEMBERED {
        slots.closed.pop_front();
    }
    slots.closed.push_back((closed.target, why));
}

/// The slot of an address, for messages of the named type.
pub(crate) fn find(target: Target, given: &str) -> Result<Arc<Slot>, Undelivered> {
    let slots = slots();
    let slots = slots.as_ref().ok_or(Undelivered::Unknown)?;
    let Some(slot) = slots.open.get(&target.number).filter(|slot| slot.target.key == target.key)
    else {
        let ended = slots.closed.iter().rev().find(|(closed, _)| *closed == target);
        return Err(ended.map_or(Undelivered::Unknown, |(_, why)| why.clone()));
    };
    if slot.target.fingerprint == target.fingerprint && slot.terms.message_type == given {
        return Ok(Arc::clone(slot));
    }
    let takes = slot.terms.message_type.to_owned();
    Err(Undelivered::WrongType { takes, given: given.to_owned() })
}
