//! What processes that are not parent and child say to each other about slots, and the answers.

use serde::{Deserialize, Serialize};

use super::asks::{self, Told, Unanswered};
use super::life::Life;
use super::router::{self, NoWay, Way};
use super::slot::{self, Arrival, Fed, Slot};
use crate::error::{EncodeError, Loss, Undelivered};
use crate::id::{ProcessId, Right, Target};
use crate::outcome::ExitReason;
use crate::route::letters;
use crate::sys::SetOnce;
use crate::wire::{Decoder, Encoder, OwnedBody, Packet, Tag};
use crate::worker::{longest, worker};

/// What is in a packet.
#[derive(Debug, Serialize, Deserialize)]
enum Parcel {
    /// A message for a slot. The rights are the packet's.
    Message {
        target: Target,
        given: String,
        #[serde(with = "crate::wire::bytes")]
        row: Vec<u8>,
    },
    /// Tell me when all that I sent has found room. The right is the packet's.
    Room { target: Target, given: String },
    /// Tell me when the process that serves a slot ends. The right is the packet's.
    /// After the end of an incarnation, where there is a number.
    Watch { target: Target, given: String, after: u32 },
    /// Do not tell me of it any more: the number of that right.
    Forget { target: Target, given: String, number: u64 },
    /// The answer to an ask.
    Answer(#[serde(with = "crate::wire::bytes")] Vec<u8>),
    /// Why there is none.
    NoAnswer(Unanswered),
}

/// What a parent and a child say to each other about the slot that the child serves.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Aside {
    /// A message.
    Fed(Fed),
    /// No message will follow.
    Closing,
    /// How far the child is: done, and taken.
    Acknowledged(u64, u64),
    /// A message that the child does not handle, and why. Its rights are answered.
    Refused {
        why: Undelivered,
        #[serde(with = "crate::wire::bytes")]
        row: Vec<u8>,
    },
}

/// This process's own path.
pub(crate) fn here() -> &'static ProcessId {
    static HERE: SetOnce<ProcessId> = SetOnce::new();
    HERE.get_or(|| worker().map_or_else(ProcessId::root, |worker| ProcessId::parse(&worker.id)))
}

/// Begins to take what comes for this process, and for those that it starts.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn ready() {
    prepare();
    crate::worker::hear();
}

/// Has what comes be taken once somebody [begins to](ready): a function that starts nobody and sends
/// nothing is sent nothing.
#[unsafe(link_section = ".procession.start")]
pub(crate) fn prepare() {
    // So that copies made from now on are noticed.
    crate::sys::is_copy();
    router::set_post(router::Post { received, unroutable, lost });
}

fn row_of<T: Serialize>(value: &T) -> Vec<u8> {
    // What is encoded here has no way to fail: it is plain data of ours.
    crate::wire::plain(value).unwrap_or_default()
}

/// A word about a slot.
pub(crate) fn aside(aside: &Aside) -> Vec<u8> {
    row_of(aside)
}

/// What a word about a slot says.
pub(crate) fn read_aside(bytes: &[u8]) -> Option<Aside> {
    crate::wire::read_plain(bytes)
}

/// What a child says of the slot that it serves.
pub(crate) fn heard(slot: &Slot, bytes: &[u8]) {
    match read_aside(bytes) {
        Some(Aside::Acknowledged(done, taken)) => slot.acknowledged(done, taken),
        Some(Aside::Refused { why, row }) => letters::post(letters::Letter {
            actor: slot.terms.name.clone(),
            message_type: slot.terms.message_type.to_owned(),
            incarnation: slot.incarnation(),
            attempt: 0,
            loss: Loss::NotDelivered(why),
            row,
        }),
        Some(Aside::Fed(_) | Aside::Closing) | None => {}
    }
}

/// Answers an ask, wherever its asker is. The row is its number and the value.
pub(crate) fn answer(right: Right, answer: Result<Vec<u8>, Unanswered>) {
    if right.asker == *here() {
        asks::tell(
            right.number,
            match answer {
                Ok(row) => Told::Value(OwnedBody::Bytes(row)),
                Err(why) => Told::Not(why),
            },
        );
        return;
    }
    let parcel = match answer {
        Ok(row) => Parcel::Answer(row),
        Err(why) => Parcel::NoAnswer(why),
    };
    // An asker that is gone needs no answer.
    if let Err((packet, NoWay::TooLarge)) = on_its_way(right.asker, Some(right.number), &parcel) {
        no_answer_so_large(packet);
    }
}

/// Tells the asker that its answer is too large to get through this process.
fn no_answer_so_large(answer: Packet) {
    let why = Unanswered::Undeliverable(too_large());
    let _ = on_its_way(answer.to, answer.answers, &Parcel::NoAnswer(why));
}

fn on_its_way(to: ProcessId, answers: Option<u64>, parcel: &Parcel) -> Result<(), (Packet, NoWay)> {
    router::send(packet(to, Vec::new(), answers, parcel))
}

/// Why what is too large to get through this process does not arrive.
fn too_large() -> String {
    EncodeError::TooLarge { limit: longest() }.to_string()
}

/// Tells a watcher that a process has ended.
pub(crate) fn down(right: Right, incarnation: u32, reason: &ExitReason) {
    let mut row = Encoder::new(usize::MAX);
    // Plain data again.
    let _ = row.section(&right.number);
    let told = (incarnation, reason.clone());
    let _ = row.section(&told);
    let row = row.into_vec();
    answer(right, Ok(row));
}

/// Sends a message to a slot of another process.
pub(crate) fn message(
    way: Way,
    to: &ProcessId,
    target: Target,
    given: &str,
    row: Vec<u8>,
    rights: Vec<Right>,
) -> Result<(), Undelivered> {
    let parcel = Parcel::Message { target, given: given.to_owned(), row };
    let packet = packet(to.clone(), rights, None, &parcel);
    way.send(packet).map_err(|(_, why)| undelivered(why))
}

/// Asks the owner of a slot for room.
pub(crate) fn ask_room(
    way: Way,
    to: &ProcessId,
    target: Target,
    given: &str,
    right: Right,
) -> Result<(), Undelivered> {
    let parcel = Parcel::Room { target, given: given.to_owned() };
    let packet = packet(to.clone(), vec![right], None, &parcel);
    way.send(packet).map_err(|(_, why)| undelivered(why))
}

/// Asks to be told when the process that serves a slot ends.
pub(crate) fn watch(
    to: &ProcessId,
    target: Target,
    given: &str,
    after: u32,
    right: Right,
) -> Result<(), Undelivered> {
    if to == here() {
        slot::find(target, given)?.watch(right, after);
        return Ok(());
    }
    let parcel = Parcel::Watch { target, given: given.to_owned(), after };
    let sent = router::send(packet(to.clone(), vec![right], None, &parcel));
    sent.map_err(|(_, why)| undelivered(why))
}

/// Does not ask that any more.
pub(crate) fn forget(to: &ProcessId, target: Target, given: &str, number: u64) {
    if to == here() {
        if let Ok(slot) = slot::find(target, given) {
            slot.forget(number);
        }
        return;
    }
    // If there is no way, the owner is gone, and nobody else watches.
    let parcel = Parcel::Forget { target, given: given.to_owned(), number };
    let _ = on_its_way(to.clone(), None, &parcel);
}

fn undelivered(why: NoWay) -> Undelivered {
    match why {
        NoWay::Gone => Undelivered::Unknown,
        // As an actor says it to whom the same message is too large.
        NoWay::TooLarge => Undelivered::Decode(too_large()),
    }
}

fn packet(to: ProcessId, rights: Vec<Right>, answers: Option<u64>, parcel: &Parcel) -> Packet {
    Packet { to, from: here().clone(), rights, answers, parcel: row_of(parcel) }
}

/// A packet for this process.
fn received(packet: Packet) {
    let Packet { from, rights, answers, parcel, .. } = packet;
    let Some(parcel) = crate::wire::read_plain::<Parcel>(&parcel) else {
        return refuse(rights, &Undelivered::Unknown);
    };
    let mut rights = rights;
    match parcel {
        Parcel::Answer(row) => {
            if let Some(number) = answers {
                asks::tell(number, Told::Value(OwnedBody::Bytes(row)));
            }
        }
        Parcel::NoAnswer(why) => {
            if let Some(number) = answers {
                asks::tell(number, Told::Not(why));
            }
        }
        Parcel::Message { target, given, row } => match slot::find(target, &given) {
            Ok(slot) => {
                let tag = if rights.is_empty() { Tag::Value } else { Tag::Passed };
                slot.arrive(Arrival { from, tag, row, rights });
            }
            Err(why) => {
                letters::post(letters::Letter {
                    actor: format!("(slot {} of {})", target.number, here()),
                    message_type: given,
                    incarnation: 0,
                    attempt: 0,
                    loss: Loss::NotDelivered(why.clone()),
                    row,
                });
                refuse(rights, &why);
            }
        },
        Parcel::Room { target, given } => match (slot::find(target, &given), rights.pop()) {
            (Ok(slot), Some(right)) => slot.make_room(from, right),
            (Err(why), Some(right)) => refuse(vec![right], &why),
            (_, None) => {}
        },
        Parcel::Watch { target, given, after } => {
            match (slot::find(target, &given), rights.pop()) {
                (Ok(slot), Some(right)) => slot.watch(right, after),
                (Err(why), Some(right)) => refuse(vec![right], &why),
                (_, None) => {}
            }
        }
        Parcel::Forget { target, given, number } => {
            if let Ok(slot) = slot::find(target, &given) {
                slot.forget(number);
            }
        }
    }
}

fn refuse(rights: Vec<Right>, why: &Undelivered) {
    for right in rights {
        answer(right, Err(Unanswered::NotDelivered(why.clone())));
    }
}

/// A packet that cannot go on from here: whoever it was for is gone, or it is too large.
fn unroutable(mut packet: Packet, why: NoWay) {
    let rights = std::mem::take(&mut packet.rights);
    let undelivered = undelivered(why);
    match crate::wire::read_plain(&packet.parcel) {
        Some(Parcel::Message { target, given, row }) => letters::post(letters::Letter {
            actor: format!("(slot {} of {})", target.number, packet.to),
            message_type: given,
            incarnation: 0,
            attempt: 0,
            loss: Loss::NotDelivered(undelivered.clone()),
            row,
        }),
        // The right is used up: without a word its asker would wait until it is too late.
        Some(Parcel::Answer(_)) if why == NoWay::TooLarge => no_answer_so_large(packet),
        _ => {}
    }
    refuse(rights, &undelivered);
}

/// A right that was somewhere below a child that has ended.
fn lost(right: Right, dead: &std::sync::Arc<Life>, reason: &ExitReason) {
    let (actor, pid) = (dead.name.clone(), dead.pid);
    answer(right, Err(Unanswered::Died { actor, pid, reason: reason.clone() }));
}

/// What an answer to a watch says: which incarnation, and how it ended.
pub(crate) fn read_down(body: &OwnedBody) -> Option<(u32, ExitReason)> {
    body.body().decode(|mut row: Decoder<'_>| {
        row.section::<u64>().ok()?;
        row.section().ok()
    })
}
