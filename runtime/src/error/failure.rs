//! An error that can cross, made of one that cannot.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The message of any error and the messages of its sources.
///
/// Most errors cannot be serialised. A process function that returns `Result<T, Failure>` may use
/// `?` on all of them; the texts arrive, the types do not. It does not implement
/// [`Error`] itself, as `anyhow::Error` does not, because it is made from every
/// type that does; [`into_error`](Failure::into_error) gives one that does.
///
/// # Examples
///
/// ```
/// use procession::{Failure, process};
///
/// #[process]
/// fn parse(text: String) -> Result<u32, Failure> {
///     Ok(text.trim().parse::<u32>()?)
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// assert_eq!(parse::call(" 42 ".to_owned())?.unwrap(), 42);
/// let failure = parse::call("many".to_owned())?.unwrap_err();
/// assert_eq!(failure.to_string(), "invalid digit found in string");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    message: String,
    sources: Vec<String>,
}

impl Failure {
    /// A failure with a message of its own and no source.
    pub fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), sources: Vec::new() }
    }

    /// The messages of the sources, the nearest first.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(String::as_str)
    }

    /// The same as an [`Error`], with the chain of sources.
    pub fn into_error(self) -> Box<dyn Error + Send + Sync> {
        let mut messages = self.sources.into_iter().rev();
        let mut source = None;
        for message in messages.by_ref() {
            source = Some(Box::new(Link { message, source }));
        }
        Box::new(Link { message: self.message, source })
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut sources = Vec::new();
        let mut next = error.source();
        while let Some(source) = next {
            sources.push(source.to_string());
            next = source.source();
        }
        Failure { message: error.to_string(), sources }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// As `main` prints it: the message, then what caused it.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.sources.iter().try_for_each(|source| write!(f, "\n  caused by: {source}"))
    }
}

#[derive(Debug)]
struct Link {
    message: String,
    source: Option<Box<Link>>,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Link {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
