//! What this process knows of slots in other processes that it sends to: how many more messages
//! may be on their way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::asks::{self, Asking, Told, Unanswered, Woken};
use super::post::{self, here};
use super::router::{self, Way};
use super::slot::CREDIT;
use crate::error::Undelivered;
use crate::id::{Place, Right};

/// One slot elsewhere. Room is asked for before the first message, which tells whether it exists,
/// and again when half of the credit is used, so that a sender seldom waits for the answer.
#[derive(Default)]
struct Link {
    credit: u32,
    asked: Option<Asking>,
    /// How much was used since room was asked for.
    since: u32,
    /// Whether it is known to exist.
    met: bool,
}

static LINKS: Mutex<Option<HashMap<Place, Arc<Mutex<Link>>>>> = Mutex::new(None);

/// The most links that are kept; with more, those whose credit is whole are asked for again.
const MOST: usize = 4096;

fn link(place: &Place) -> Arc<Mutex<Link>> {
    let mut links = LINKS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let links = links.get_or_insert_default();
    if links.len() >= MOST && !links.contains_key(place) {
        links.retain(|_, link| Arc::strong_count(link) > 1);
    }
    Arc::clone(links.entry(place.clone()).or_default())
}

fn lock(link: &Mutex<Link>) -> MutexGuard<'_, Link> {
    link.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// How much of a credit a message uses: large ones use more, so that what is under way is bounded.
fn cost(len: usize) -> u32 {
    u32::try_from(1 + len / (64 << 10)).unwrap_or(CREDIT).min(CREDIT)
}

/// Sends a message to a slot of another process. `None` as limit does not wait for credit, except
/// for the very first message.
pub(crate) fn send(
    place: &Place,
    given: &str,
    row: Vec<u8>,
    rights: Vec<Right>,
    limit: Option<Duration>,
) -> Result<(), Undelivered> {
    let link = link(place);
    let cost = cost(row.len());
    let now = Instant::now();
    let deadline = now.checked_add(limit.unwrap_or(FIRST)).unwrap_or(now + FAR);
    loop {
        let mut known = lock(&link);
        known.settle()?;
        let has_credit = known.credit >= cost;
        if !has_credit && known.asked.is_some() {
            if limit.is_none() && known.met {
                return Err(Undelivered::Full);
            }
            let ask = known.asked.as_ref().map(|asking| Arc::clone(&asking.0));
            drop(known);
            match ask.map(|ask| (ask.sleep(deadline), ask)) {
                Some((Woken::Told(told), _)) => lock(&link).hear(told)?,
                // Another thread has heard the answer, and others may sleep on: each wakes the next.
                Some((Woken::Turn, ask)) => ask.your_turn(),
                Some((Woken::Late, _)) => return Err(late(limit)),
                None => {}
            }
            continue;
        }
        // Nobody waits for the parent with the link in hand: others may have less time.
        let Some(way) = router::way(&place.owner) else {
            drop(known);
            // It is free soon, or the parent is stopped.
            let soon = deadline.min(now + SOON);
            let until = if limit.is_some() { deadline } else { soon };
            if !router::wait_for_way(&place.owner, until) {
                return Err(late(limit));
            }
            continue;
        };
        if has_credit {
            // Under the lock, so that messages leave in the order in which credit was taken.
            post::message(way, &place.owner, place.target, given, row, rights)?;
            known.use_up(cost);
            if known.credit <= CREDIT / 2
                && known.asked.is_none()
                && let Some(way) = router::way(&place.owner)
            {
                // The message has gone; whoever sends the next one hears what is wrong.
                let _ = known.ask(way, place, given);
            }
            return Ok(());
        }
        known.ask(way, place, given)?;
    }
}

fn late(limit: Option<Duration>) -> Undelivered {
    limit.map_or(Undelivered::Full, Undelivered::TimedOut)
}

/// How long the first message to a slot waits to be let in, where its sender does not want to wait.
const FIRST: Duration = Duration::from_secs(1);

/// How long who does not want to wait waits while others of the same process send.
const SOON: Duration = Duration::from_millis(100);

/// As good as for ever.
const FAR: Duration = Duration::from_secs(1 << 30);

impl Link {
    fn use_up(&mut self, cost: u32) {
        self.credit -= cost;
        self.since += cost;
    }

    /// Asks for room.
    fn ask(&mut self, way: Way, place: &Place, given: &str) -> Result<(), Undelivered> {
        let asking = asks::begin();
        let right = Right { number: asking.0.number, asker: here().clone() };
        post::ask_room(way, &place.owner, place.target, given, right)?;
        self.asked = Some(asking);
        self.since = 0;
        Ok(())
    }

    /// Hears the answer to what was asked, if it is there.
    fn settle(&mut self) -> Result<(), Undelivered> {
        match self.asked.as_ref().and_then(|asking| asking.0.take()) {
            Some(told) => self.hear(told),
            None => Ok(()),
        }
    }

    /// Hears the answer. Those who sleep until it is there look again.
    fn hear(&mut self, told: Told) -> Result<(), Undelivered> {
        if let Some(asking) = self.asked.take() {
            asking.0.your_turn();
        }
        self.met = matches!(told, Told::Value(_));
        // What was sent after the question is not in the answer.
        self.credit = if self.met { CREDIT - self.since.min(CREDIT) } else { 0 };
        match told {
            Told::Value(_) => Ok(()),
            Told::Not(Unanswered::NotDelivered(why)) => Err(why),
            Told::Not(_) => Err(Undelivered::Unknown),
        }
    }
}
