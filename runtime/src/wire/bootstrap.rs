//! How a child and its parent meet: what a child is started with, the first word, and the hello.
//!
//! ```text
//!  parent                                        child
//!  variable: descriptors, digest ─────────────►  ChildEnds, UpSender, ControlReceiver
//!  Bootstrap ────────── lane, Tag::Begin ─────►  Bootstrap::read
//!  Hello::read  ◄────────── greeting pipe ─────  Hello::write
//! ```
//!
//! The child inherits its ends of all channels, so nobody else can be at them, nothing has a name, and
//! neither side waits for the other: the first word lies there when the child gets to it. What that
//! word says is for an equal build alone, so the child first compares itself with what the variable
//! says; its hello is for the parent to know, and to compare in full.

use super::codec::{Decoder, Encoder};
use super::heirloom::Heirloom;
use super::lane::{Body, Fault};
use super::special::Special;
use crate::error::DecodeError;
use crate::sys::Build;

/// What a child says first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) nonce: u128,
    pub(crate) pid: u32,
    pub(crate) build: Build,
    pub(crate) table: u64,
}

impl Hello {
    /// How many bytes it has: few enough for a pipe to take them at once.
    pub(crate) const LEN: usize = 10 * 8;

    /// As bytes.
    #[inline]
    pub(crate) fn write(&self) -> [u8; Self::LEN] {
        let [kind, a, b, c, d, e] = self.build.words();
        let nonce = [self.nonce as u64, (self.nonce >> 64) as u64];
        let words = [nonce[0], nonce[1], self.pid.into(), self.table, kind, a, b, c, d, e];
        let mut bytes = [0; Self::LEN];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// From bytes; `None` if they are not a hello of this build's.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let mut words = [0; 10];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let [low, high, pid, table, build @ ..] = words;
        Some(Hello {
            nonce: u128::from(high) << 64 | u128::from(low),
            pid: pid.try_into().ok()?,
            build: Build::of_words(build)?,
            table,
        })
    }
}

/// What a child that is another build than its parent tells by: it must not read what that says.
#[inline]
pub(crate) fn digest_of(build: &Build, table: u64) -> u64 {
    // Like FNV-1a, by words.
    build.words().into_iter().chain([table]).fold(0xcbf2_9ce4_8422_2325, |digest, word| {
        (digest ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29)
    })
}

/// All that a child needs to know: the first word, which comes over its lane.
#[derive(Debug)]
pub(crate) struct Bootstrap {
    pub(crate) entry: u32,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) parent: ParentIs,
    pub(crate) max_message: u64,
    /// The number that all processes of this run of the program share.
    pub(crate) tree: u64,
    pub(crate) special: Special,
}

impl Bootstrap {
    /// As the bytes of a row. Numbers and texts are sections of their own, so that a child needs no
    /// serialiser to begin.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Bootstrap { entry, name, id, parent, max_message, tree, special } = self;
        let special = special.words();
        let mut row = Encoder::new(usize::MAX);
        let mut write = || {
            [entry, &parent.pid].into_iter().try_for_each(|number| row.section(number))?;
            [max_message, tree].into_iter().try_for_each(|number| row.section(number))?;
            [name, id, &parent.name, &parent.id]
                .into_iter()
                .try_for_each(|text| row.section(text))?;
            special.iter().try_for_each(|word| row.section(word))
        };
        // These are numbers and texts: there is nothing in them that could fail.
        let _ = write();
        row.into_vec()
    }

    /// From the body of a message.
    #[inline]
    pub(crate) fn read(body: &Body<'_>) -> Result<Self, Fault> {
        body.decode(Self::read_row).map_err(|_| Fault::Rubbish)
    }

    #[unsafe(link_section = ".procession.start")]
    fn read_row(mut row: Decoder<'_>) -> Result<Self, DecodeError> {
        let [entry, pid] = [row.section()?, row.section()?];
        let [max_message, tree] = [row.section()?, row.section()?];
        let [name, id] = [row.section()?, row.section()?];
        let parent = ParentIs { pid, name: row.section()?, id: row.section()? };
        let special = Special::read(&mut row, tree, &parent)?;
        row.finish::<Self>()?;
        Ok(Bootstrap { entry, name, id, parent, max_message, tree, special })
    }

    /// What the child inherits besides its ends of the lanes.
    pub(crate) fn heirlooms(&mut self) -> impl Iterator<Item = &mut Heirloom> {
        self.special.heirlooms()
    }
}

/// What a child knows of its parent.
#[derive(Clone, Debug)]
pub(crate) struct ParentIs {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) id: String,
}
