//! Who a process is.

use std::fmt;

use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessId(String);

impl ProcessId {
    pub(crate) fn root() -> Self {
        ProcessId("/".to_owned())
    }

    pub(crate) fn parse(path: &str) -> Self {
        ProcessId(path.to_owned())
    }

    pub(crate) fn child(&self, number: u64) -> Self {
        let parent = self.0.trim_end_matches('/');
        ProcessId(format!("{parent}/{number}"))
    }

    #[allow(dead_code, reason = "actors use it, and follow")]
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

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[allow(dead_code, reason = "actors use it, and follow")]
/// The right to answer one ask. It can be used once, by whoever holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Right {
    /// Never used twice in the tree, and not to be guessed.
    pub(crate) number: u64,
    /// Who waits for the answer.
    pub(crate) asker: ProcessId,
}
