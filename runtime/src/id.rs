//! Who a process is.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sys;

/// A process's place in the tree of processes: `/` is the program that a person started, `/3` the
/// third process that it started, `/3/1` the first one of that.
///
/// Unlike a pid, it is never used twice while the program runs.
///
/// # Examples
///
/// ```
/// use procession::process;
///
/// #[process]
/// fn own_id() -> String {
///     procession::current().id().to_string()
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let child = own_id::spawn()?;
/// let id = child.id().to_string();
/// assert_eq!(child.id().depth(), 1);
/// assert_eq!(child.join()?, id);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(Arc<str>);

impl ProcessId {
    pub(crate) fn root() -> Self {
        ProcessId("/".into())
    }

    pub(crate) fn parse(path: &str) -> Self {
        ProcessId(path.into())
    }

    /// The same as [`parse`](ProcessId::parse), for paths that come again and again.
    #[unsafe(link_section = ".procession.start")]
    fn known(path: &str) -> Self {
        thread_local! {
            static LAST: Cell<Option<ProcessId>> = const { Cell::new(None) };
        }
        let last = LAST.take().filter(|last| *last.0 == *path);
        let known = last.unwrap_or_else(|| Self::parse(path));
        LAST.set(Some(known.clone()));
        known
    }

    pub(crate) fn child(&self, number: u64) -> Self {
        let parent = self.0.trim_end_matches('/');
        ProcessId(format!("{parent}/{number}").into())
    }

    /// Which child of `ancestor` this process is or descends from; `None` if it is not below it.
    pub(crate) fn step_below(&self, ancestor: &ProcessId) -> Option<u64> {
        let below = self.0.strip_prefix(ancestor.0.trim_end_matches('/'))?.strip_prefix('/')?;
        below.split('/').next()?.parse().ok()
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many processes are above this one.
    pub fn depth(&self) -> usize {
        self.0.split('/').filter(|step| !step.is_empty()).count()
    }
}

/// As text.
impl Serialize for ProcessId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ProcessId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Path;
        impl Visitor<'_> for Path {
            type Value = ProcessId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the path of a process")
            }

            fn visit_str<E: Error>(self, path: &str) -> Result<ProcessId, E> {
                Ok(ProcessId::known(path))
            }
        }
        deserializer.deserialize_str(Path)
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The right to answer one ask. It can be used once, by whoever holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Right {
    /// Never used twice in the tree, and not to be guessed.
    #[serde(with = "whole")]
    pub(crate) number: u64,
    /// Who waits for the answer.
    pub(crate) asker: ProcessId,
    /// Until when, in nanoseconds of the monotonic clock, which is the same for all processes.
    #[serde(with = "whole")]
    pub(crate) until: u64,
    /// Whether it is in another message than the one that asks.
    pub(crate) passed: bool,
}

/// Large numbers as their eight bytes: as numbers of any size they would be written piece by piece.
mod whole {
    use super::{Deserializer, Error, Serializer, Visitor, fmt};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&number.to_le_bytes())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = u64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("eight bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<u64, E> {
                match bytes.try_into() {
                    Ok(bytes) => Ok(u64::from_le_bytes(bytes)),
                    Err(_) => Err(E::invalid_length(bytes.len(), &self)),
                }
            }
        }
        deserializer.deserialize_bytes(Whole)
    }
}

impl Right {
    /// The right to answer an ask of this process.
    pub(crate) fn new(number: u64, asker: ProcessId, until: u64) -> Self {
        Right { number, asker, until, passed: false }
    }

    /// Whether nobody waits for the answer any more.
    #[unsafe(link_section = ".procession.start")]
    pub(crate) fn is_late(&self) -> bool {
        let soon = sys::coarse_nanos().saturating_add(TICK);
        self.until <= soon && self.until <= sys::monotonic_nanos()
    }
}

/// The coarse clock is behind by no more, in nanoseconds.
const TICK: u64 = 20_000_000;

/// What identifies a slot, where the messages of an actor wait, to everybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Target {
    /// Never used twice in a process.
    pub(crate) number: u64,
    /// Nobody guesses it.
    pub(crate) key: u64,
    /// Of the messages' type.
    pub(crate) fingerprint: u64,
}

/// Where a slot is: in which process of which tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The number that all processes of one run of the program share.
    pub(crate) tree: u64,
    pub(crate) owner: ProcessId,
    pub(crate) target: Target,
}
