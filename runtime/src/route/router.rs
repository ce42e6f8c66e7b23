//! The way from one process of the tree to any other: by path, up to the parent or down to a child.
//!
//! Who passes on waits a moment at the most: words down are queued, and so are words up while the parent
//! takes none. Both queues are bounded by those who send, who have credits. The one upwards has a bound of
//! its own as well, for those who do not keep to theirs: beyond it who passes on waits for the parent.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::edge::Listener;
use super::life::{Life, child};
use crate::id::{ProcessId, Right};
use crate::outcome::{ExitReason, Intent};
use crate::sys::SetOnce;
use crate::wire::{Fault, Packet, Word};
use crate::worker::{self, Inlet, UpTurn, worker};

/// Who is told what arrives in this process, on whatever thread that is. None of them waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Post {
    /// A packet for this process.
    pub(crate) received: fn(Packet),
    /// A packet that came here and cannot go on, or was to go to a child that ended before.
    pub(crate) unroutable: fn(Packet, NoWay),
    /// A right that was somewhere below a child that has ended.
    pub(crate) lost: fn(Right, &Arc<Life>, &ExitReason),
}

/// Why a packet does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoWay {
    /// Whoever it is for is gone, or never was.
    Gone,
    /// This process passes on nothing so large.
    TooLarge,
}

static POST: SetOnce<Post> = SetOnce::new();

/// What happened, in order, until someone is told.
static EVENTS: Inlet<Event> = Inlet::new();

#[derive(Debug)]
enum Event {
    Received(Packet),
    Unroutable(Packet, NoWay),
    Lost(Right, Arc<Life>, ExitReason),
}

/// Names those who are told, once. What came before waits for them.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn set_post(post: Post) {
    if POST.set(post) {
        EVENTS.open(|event| {
            let Some(post) = POST.get() else { return };
            match event {
                Event::Received(packet) => (post.received)(packet),
                Event::Unroutable(packet, why) => (post.unroutable)(packet, why),
                Event::Lost(right, life, reason) => (post.lost)(right, &life, &reason),
            }
        });
    }
    ready();
}

/// Begins to pass on what the parent sends. Called before a worker's function, and harmless again.
pub(crate) fn ready() {
    // Not a `Once`: what waited is passed on in here, and may come by again.
    static BEGUN: AtomicBool = AtomicBool::new(false);
    if !BEGUN.load(Ordering::Relaxed) && !BEGUN.swap(true, Ordering::Relaxed) {
        worker::hear_packets(from_above);
    }
}

/// Sends a packet on its way, which takes a moment at the most unless all too much is on its way already;
/// it comes back if there is no way.
pub(crate) fn send(packet: Packet) -> Result<(), (Packet, NoWay)> {
    ready();
    worker::hear();
    match towards(&packet.to) {
        Towards::Up => {
            let word = Word::Packet(packet);
            worker::up_in_time(&word).map_err(|fault| (packet_of(word), NoWay::of(fault)))
        }
        way => down(way, packet).map_err(|packet| (packet, NoWay::Gone)),
    }
}

impl NoWay {
    fn of(fault: Fault) -> Self {
        if matches!(fault, Fault::NoRoom(_)) { NoWay::TooLarge } else { NoWay::Gone }
    }
}

/// The turn to send one packet, which then does not wait.
pub(crate) struct Way(Option<UpTurn>);

/// The turn to send a packet there, if one would not have to wait now.
pub(crate) fn way(to: &ProcessId) -> Option<Way> {
    ready();
    worker::hear();
    match towards(to) {
        // Where there is no way up, sending tells.
        Towards::Up => worker::up_now().map_or(Some(Way(None)), |turn| Some(Way(Some(turn?)))),
        Towards::Here | Towards::Child(_) => Some(Way(None)),
    }
}

/// Waits until there may be a [`way`], or until the deadline; whether it was in time.
pub(crate) fn wait_for_way(to: &ProcessId, deadline: Instant) -> bool {
    !matches!(towards(to), Towards::Up) || worker::wait_up(deadline)
}

impl Way {
    /// Sends a packet; it comes back if it cannot be sent.
    pub(crate) fn send(self, packet: Packet) -> Result<(), (Packet, NoWay)> {
        let Some(turn) = self.0 else { return send(packet) };
        let word = Word::Packet(packet);
        turn.send(&word).map_err(|fault| (packet_of(word), NoWay::of(fault)))
    }
}

/// Takes a word that a child has sent.
pub(super) fn from_below(life: &Life, word: Word, listener: Option<&Listener>) {
    let packet = match word {
        Word::Packet(packet) => packet,
        Word::Local(bytes) => {
            if let Some(listener) = listener
                && let Err(payload) = catch_unwind(AssertUnwindSafe(|| listener(bytes)))
            {
                std::mem::forget(payload);
            }
            return;
        }
    };
    let Some(packet) = credible(life, packet) else { return };
    if let Err((packet, why)) = send(packet) {
        EVENTS.put(Event::Unroutable(packet, why));
    }
}

/// What a child may say: under its own name, with rights that it had, and one answer to each.
fn credible(life: &Life, mut packet: Packet) -> Option<Packet> {
    let is_below = |id: &ProcessId| *id == life.id || id.step_below(&life.id).is_some();
    if !is_below(&packet.from) {
        let why = "it sent a word in the name of another process".to_owned();
        let _ = life.kill(Intent::Distrust(why));
        return None;
    }
    packet
        .rights
        .retain(|right| life.edge().settle_elsewhere(right.number) || is_below(&right.asker));
    // The second answer to an ask is thrown away as well.
    let answered = packet.answers.is_none_or(|number| life.edge().settle_elsewhere(number));
    answered.then_some(packet)
}

/// Takes a packet that the parent has sent. It never goes back there.
fn from_above(packet: Packet) {
    if let Err(packet) = down(towards(&packet.to), packet) {
        EVENTS.put(Event::Unroutable(packet, NoWay::Gone));
    }
}

/// Takes back what was to go to a child that has ended.
pub(super) fn did_not_go(word: Word) {
    if let Word::Packet(packet) = word {
        EVENTS.put(Event::Unroutable(packet, NoWay::Gone));
    }
}

/// Tells that nobody below a child can use a right any more.
pub(super) fn lose(right: Right, life: &Arc<Life>, reason: &ExitReason) {
    EVENTS.put(Event::Lost(right, Arc::clone(life), reason.clone()));
}

/// The next step of a way.
enum Towards {
    Here,
    Child(u64),
    Up,
}

fn towards(to: &ProcessId) -> Towards {
    let own = worker().map_or_else(ProcessId::root, |worker| ProcessId::parse(&worker.id));
    match to.step_below(&own) {
        Some(number) => Towards::Child(number),
        None if *to == own => Towards::Here,
        None => Towards::Up,
    }
}

fn down(way: Towards, packet: Packet) -> Result<(), Packet> {
    match way {
        Towards::Here => EVENTS.put(Event::Received(packet)),
        Towards::Up => return Err(packet),
        Towards::Child(number) => {
            let Some(life) = child(number) else { return Err(packet) };
            let word = Word::Packet(packet);
            life.edge().send(&word).map_err(|_| packet_of(word))?;
        }
    }
    Ok(())
}

fn packet_of(word: Word) -> Packet {
    match word {
        Word::Packet(packet) => packet,
        Word::Local(_) => unreachable!("it was made from a packet"),
    }
}
