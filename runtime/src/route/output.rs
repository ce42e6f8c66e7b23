//! What a child prints: by whole lines to where the parent prints, and the last of it kept.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};

use crate::sys;

/// How much is kept, and how long a line may be before it is passed on in parts.
const KEPT: usize = 64 * 1024;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As they were written.
    Lines,
    /// Behind a prefix.
    Prefixed(String),
    /// Nowhere.
    Captured,
}

/// Which of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

/// The last that came out of a stream, for all who want to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let bytes = &bytes[bytes.len().saturating_sub(KEPT)..];
        let over = (kept.len() + bytes.len()).saturating_sub(KEPT);
        kept.drain(..over);
        kept.extend(bytes);
    }

    /// The kept bytes as text, from the first whole line on.
    pub(crate) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let bytes: Vec<u8> = kept.iter().copied().collect();
        drop(kept);
        let whole = match bytes.iter().position(|&byte| byte == b'\n') {
            Some(end) if bytes.len() == KEPT => &bytes[end + 1..],
            _ => &bytes[..],
        };
        String::from_utf8_lossy(whole).into_owned()
    }
}

/// One stream of a child on its way to the parent's.
pub(super) struct Forward<R> {
    from: Option<R>,
    stream: Stream,
    style: Style,
    tail: Tail,
    line: Vec<u8>,
    unread: bool,
}

impl<R: Read + AsFd> Forward<R> {
    pub(super) fn new(from: Option<R>, stream: Stream, style: Style, tail: Tail) -> Self {
        Forward { from, stream, style, tail, line: Vec::new(), unread: false }
    }

    /// What to wait for; nothing once the stream has ended.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.from.as_ref().map(AsFd::as_fd)
    }

    /// Takes what is there, which does not wait if there is something or it is the end.
    pub(super) fn take(&mut self, buffer: &mut [u8]) {
        let Some(from) = &mut self.from else { return };
        match from.read(buffer) {
            Ok(0) => self.from = None,
            Ok(len) => {
                let taken = &buffer[..len];
                self.tail.add(taken);
                if self.style != Style::Captured {
                    self.line.extend_from_slice(taken);
                    self.pass_on(false);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => self.from = None,
        }
    }

    /// Passes on the last line, whole or not: no more will come.
    pub(super) fn end(&mut self) {
        self.from = None;
        self.pass_on(true);
    }

    fn pass_on(&mut self, all: bool) {
        let whole = match self.line.iter().rposition(|&byte| byte == b'\n') {
            _ if all || self.line.len() > KEPT => self.line.len(),
            Some(end) => end + 1,
            None => return,
        };
        let lines: Vec<u8> = self.line.drain(..whole).collect();
        if lines.is_empty() || self.unread {
            return;
        }
        let mut text = String::from_utf8_lossy(&lines).into_owned();
        if !text.ends_with('\n') {
            // A line that another process begins must not run into this one.
            text.push('\n');
        }
        if let Style::Prefixed(prefix) = &self.style {
            text = text.split_inclusive('\n').flat_map(|line| [prefix, line]).collect();
        }
        self.unread = !print(self.stream, &text);
    }
}

/// Prints with the macros, which the test harness captures; whether anybody can read it.
///
/// The macros panic where nobody reads any more, so that is asked before.
fn print(stream: Stream, text: &str) -> bool {
    let stdout = std::io::stdout();
    let stderr = std::io::stderr();
    let descriptor = match stream {
        Stream::Out => stdout.as_fd(),
        Stream::Err => stderr.as_fd(),
    };
    if sys::readers_gone(descriptor) {
        return false;
    }
    if cfg!(panic = "abort") {
        // Then there is no harness that runs tests in threads, and a disk that is full must not
        // end the program.
        return match stream {
            Stream::Out => stdout.lock().write_all(text.as_bytes()).is_ok(),
            Stream::Err => stderr.lock().write_all(text.as_bytes()).is_ok(),
        };
    }
    catch_unwind(|| match stream {
        Stream::Out => print!("{text}"),
        Stream::Err => eprint!("{text}"),
    })
    .is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_tail_is_the_end_of_what_was_written(
            chunks in proptest::collection::vec("[a-z\n]{0,40000}", 0..6),
        ) {
            let tail = Tail::default();
            let whole = chunks.concat();

            chunks.iter().for_each(|chunk| tail.add(chunk.as_bytes()));

            let text = tail.text();
            prop_assert!(text.len() <= KEPT);
            prop_assert!(whole.ends_with(&text));
            prop_assert!(whole.len() >= KEPT || text == whole);
        }
    }
}
