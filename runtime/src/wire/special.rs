//! What only some children need to know: that they serve a mailbox or a pool, or have little memory.
//!
//! It is written number by number, as all of the first word, so that a child needs no serialiser to
//! begin.

use super::bootstrap::ParentIs;
use super::codec::Decoder;
use super::heirloom::Heirloom;
use super::mailbox::MailboxEnds;
use super::workbench::BeltEnds;
use crate::error::DecodeError;
use crate::id::{Place, ProcessId, Target};

/// What only some children need to know.
#[derive(Debug, Default)]
pub(crate) struct Special {
    pub(crate) memory_limit: Option<u64>,
    pub(crate) serves: Option<Serves>,
    /// What tasks and results of a pool travel on; without one they do as words and over the lane.
    pub(crate) belt: Option<BeltEnds>,
}

/// The slot that a child serves.
#[derive(Debug)]
pub(crate) struct Serves {
    pub(crate) place: Place,
    pub(crate) incarnation: u32,
    /// How many processes have died with the first of its messages in hand.
    pub(crate) crashes: u32,
    /// The ring that holds its messages; without one they come as words.
    pub(crate) ends: Option<MailboxEnds>,
}

/// Which parts there are.
const LIMITED: u64 = 1;
const SERVES: u64 = 2;
const RING: u64 = 4;
const BELT: u64 = 8;

impl Special {
    /// What there is to say of it behind what any child is told: nothing where it is nothing special.
    ///
    /// Whose slot a child serves is not said: it is its parent's.
    pub(super) fn words(&self) -> Vec<u64> {
        let Special { memory_limit, serves, belt } = self;
        let ends = serves.as_ref().and_then(|serves| serves.ends.as_ref());
        let mut parts = 0;
        let mut words = vec![parts];
        if let Some(bytes) = memory_limit {
            parts |= LIMITED;
            words.push(*bytes);
        }
        if let Some(Serves { place, incarnation, crashes, .. }) = serves {
            parts |= SERVES;
            let Target { number, key, fingerprint } = place.target;
            let [incarnation, crashes] = [incarnation, crashes].map(|&number| number.into());
            words.extend([number, key, fingerprint, incarnation, crashes]);
        }
        if let Some(ends) = ends {
            parts |= RING;
            words.extend(ends.words());
        }
        if let Some(belt) = belt {
            parts |= BELT;
            words.extend(belt.words());
        }
        words[0] = parts;
        if parts == 0 { Vec::new() } else { words }
    }

    #[unsafe(link_section = ".procession.start")]
    pub(super) fn read(
        row: &mut Decoder<'_>,
        tree: u64,
        parent: &ParentIs,
    ) -> Result<Self, DecodeError> {
        if row.left() == 0 {
            return Ok(Special::default());
        }
        let [parts] = numbers(row)?;
        let has = |part| parts & part != 0;
        let memory_limit = if has(LIMITED) { Some(row.section()?) } else { None };
        let slot = if has(SERVES) { Some(numbers(row)?) } else { None };
        let ends = if has(RING) { Some(MailboxEnds::of_words(numbers(row)?)) } else { None };
        let belt = if has(BELT) { Some(BeltEnds::of_words(numbers(row)?)) } else { None };
        let serves = slot.map(|[number, key, fingerprint, incarnation, crashes]| {
            let owner = ProcessId::parse(&parent.id);
            let place = Place { tree, owner, target: Target { number, key, fingerprint } };
            let [incarnation, crashes] = [incarnation, crashes].map(|number| number as u32);
            Serves { place, incarnation, crashes, ends }
        });
        Ok(Special { memory_limit, serves, belt })
    }

    /// What the child inherits because of it.
    pub(super) fn heirlooms(&mut self) -> impl Iterator<Item = &mut Heirloom> {
        let mailbox = self.serves.iter_mut().filter_map(|serves| serves.ends.as_mut());
        let belt = self.belt.iter_mut().flat_map(BeltEnds::heirlooms);
        mailbox.flat_map(MailboxEnds::heirlooms).chain(belt)
    }
}

#[inline]
fn numbers<const COUNT: usize>(row: &mut Decoder<'_>) -> Result<[u64; COUNT], DecodeError> {
    let mut numbers = [0; COUNT];
    for number in &mut numbers {
        *number = row.section()?;
    }
    Ok(numbers)
}
