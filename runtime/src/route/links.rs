//! What this process knows of slots in other processes that it sends to: how many more messages
//! may be on their way, and what waits for that.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::asks::{self, Asking, Told, Unanswered, Woken};
use super::post::{self, here};
use super::router::{self, Way};
use super::slot::CREDIT;
use crate::error::Undelivered;
use crate::id::{Place, Right};

/// One slot elsewhere.
#[derive(Default)]
struct Link {
    state: Mutex<State>,
    /// Messages of those who do not wait have gone.
    gone: Condvar,
}

/// How things stand with one slot. Room is asked for before the first message, which tells whether it exists,
/// and again when half of the credit is used, so that a sender seldom waits for the answer.
#[derive(Default)]
struct State {
    credit: u32,
    asked: Option<Asking>,
    /// How much was used since room was asked for.
    since: u32,
    /// Whether it is known to exist.
    met: bool,
    /// Messages of those who do not wait, how many there ever were, and how many of those have gone.
    later: VecDeque<Later>,
    begun: u64,
    gone: u64,
    /// A thread sends them.
    sending: bool,
}

/// A message of someone who does not wait.
struct Later {
    given: &'static str,
    row: Vec<u8>,
    rights: Vec<Right>,
    until: Instant,
}

/// By the slot, and by the type of what is sent: what becomes of one of the wrong type concerns no other.
type Links = HashMap<(Place, &'static str), Arc<Link>>;

static LINKS: Mutex<Option<Links>> = Mutex::new(None);

/// The most links that are kept; with more, those whose credit is whole are asked for again.
const MOST: usize = 4096;

fn link(place: &Place, given: &'static str) -> Arc<Link> {
    let mut links = LINKS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let links = links.get_or_insert_default();
    let key = (place.clone(), given);
    if links.len() >= MOST && !links.contains_key(&key) {
        links.retain(|_, link| Arc::strong_count(link) > 1);
    }
    Arc::clone(links.entry(key).or_default())
}

/// How much of a credit a message uses: large ones use more, so that what is under way is bounded.
fn cost(len: usize) -> u32 {
    u32::try_from(1 + len / (64 << 10)).unwrap_or(CREDIT).min(CREDIT)
}

/// Sends a message to a slot of another process. `None` as limit does not wait for credit, except
/// for the very first message.
pub(crate) fn send(
    place: &Place,
    given: &'static str,
    row: Vec<u8>,
    rights: Vec<Right>,
    limit: Option<Duration>,
) -> Result<(), Undelivered> {
    let link = link(place, given);
    let now = Instant::now();
    let deadline = now.checked_add(limit.unwrap_or(FIRST)).unwrap_or(now + FAR);
    link.wait_for_those_before(limit, deadline)?;
    link.send(place, given, row, rights, limit, deadline)
}

/// Sends a message to a slot of another process for someone who does not wait, behind those that wait
/// already. Who has the right to answer it is told if it cannot be sent within the limit.
pub(crate) fn send_later(
    place: &Place,
    given: &'static str,
    row: Vec<u8>,
    rights: Vec<Right>,
    limit: Duration,
) -> Result<(), Undelivered> {
    let link = link(place, given);
    let mut state = link.state();
    if state.later.len() >= MOST_LATER {
        return Err(Undelivered::Full);
    }
    state.later.push_back(Later { given, row, rights, until: Instant::now() + limit });
    state.begun += 1;
    let is_sending = std::mem::replace(&mut state.sending, true);
    drop(state);
    if !is_sending {
        link.send_those(place, limit);
    }
    Ok(())
}

/// How many messages to one slot may wait without anybody who does.
const MOST_LATER: usize = 64;

impl Link {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until what waits now of those who do not wait has gone: it may be of the same sender.
    fn wait_for_those_before(
        &self,
        limit: Option<Duration>,
        deadline: Instant,
    ) -> Result<(), Undelivered> {
        let mut state = self.state();
        let before = state.begun;
        // As a rule they go at once, even if the thread that sends them has yet to begin.
        let soon = Instant::now() + SOON;
        let until = if limit.is_none() && state.met { deadline.min(soon) } else { deadline };
        while state.gone < before {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late(limit));
            }
            let waited = self.gone.wait_timeout(state, left);
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        Ok(())
    }

    /// Has a thread send what waits, one after the other, until nothing does.
    fn send_those(self: &Arc<Self>, place: &Place, limit: Duration) {
        let (link, to) = (Arc::clone(self), place.clone());
        let started = crate::sys::run_aside("procession-ask", move || {
            while let Some(Later { given, row, rights, until }) = link.first_of_those() {
                let sent = link.send(&to, given, row, rights.clone(), Some(limit), until);
                link.has_gone(rights, sent);
            }
        });
        if let Err(error) = started {
            let why = Undelivered::System(format!("there is no thread left for it: {error}"));
            while let Some(message) = self.first_of_those() {
                self.has_gone(message.rights, Err(why.clone()));
            }
        }
    }

    /// What is in the first of those that wait. It stays the first until it [has gone](Link::has_gone).
    fn first_of_those(&self) -> Option<Later> {
        let mut state = self.state();
        let Some(first) = state.later.front_mut() else {
            state.sending = false;
            return None;
        };
        let (row, rights) = (std::mem::take(&mut first.row), std::mem::take(&mut first.rights));
        Some(Later { given: first.given, row, rights, until: first.until })
    }

    /// The first of those that wait was sent, or cannot be.
    fn has_gone(&self, rights: Vec<Right>, sent: Result<(), Undelivered>) {
        let mut state = self.state();
        state.later.pop_front();
        state.gone += 1;
        drop(state);
        self.gone.notify_all();
        if let Err(why) = sent {
            for right in rights {
                post::answer(right, Err(Unanswered::NotDelivered(why.clone())));
            }
        }
    }

    /// Sends a message when there is credit for it.
    fn send(
        &self,
        place: &Place,
        given: &str,
        row: Vec<u8>,
        rights: Vec<Right>,
        limit: Option<Duration>,
        deadline: Instant,
    ) -> Result<(), Undelivered> {
        let cost = cost(row.len());
        let now = Instant::now();
        loop {
            let mut known = self.state();
            known.settle()?;
            let has_credit = known.credit >= cost;
            if !has_credit && known.asked.is_some() {
                if limit.is_none() && known.met {
                    return Err(Undelivered::Full);
                }
                let ask = known.asked.as_ref().map(|asking| Arc::clone(&asking.ask));
                drop(known);
                match ask.map(|ask| (ask.sleep(deadline), ask)) {
                    Some((Woken::Told(told), _)) => self.state().hear(told)?,
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

impl State {
    fn use_up(&mut self, cost: u32) {
        self.credit -= cost;
        self.since += cost;
    }

    /// Asks for room.
    fn ask(&mut self, way: Way, place: &Place, given: &str) -> Result<(), Undelivered> {
        let asking = asks::begin();
        let right = Right::new(asking.number, here().clone(), u64::MAX);
        post::ask_room(way, &place.owner, place.target, given, right)?;
        self.asked = Some(asking);
        self.since = 0;
        Ok(())
    }

    /// Hears the answer to what was asked, if it is there.
    fn settle(&mut self) -> Result<(), Undelivered> {
        match self.asked.as_ref().and_then(|asking| asking.ask.take()) {
            Some(told) => self.hear(told),
            None => Ok(()),
        }
    }

    /// Hears the answer. Those who sleep until it is there look again.
    fn hear(&mut self, told: Told) -> Result<(), Undelivered> {
        if let Some(asking) = self.asked.take() {
            asking.ask.your_turn();
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
