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
pub(crate) struct Tail(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    bytes: VecDeque<u8>,
    /// Whether it begins somewhere in a line.
    cut: bool,
}

impl Tail {
    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let lost = (kept.bytes.len() + bytes.len()).saturating_sub(KEPT);
        let last = &bytes[bytes.len().saturating_sub(KEPT)..];
        let over = (kept.bytes.len() + last.len()).saturating_sub(KEPT);
        kept.bytes.drain(..over);
        kept.bytes.extend(last);
        kept.cut |= lost > 0;
    }

    /// The kept bytes as text, from the first whole line on.
    pub(crate) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let bytes: Vec<u8> = kept.bytes.iter().copied().collect();
        let cut = kept.cut;
        drop(kept);
        let whole = match bytes.iter().position(|&byte| byte == b'\n') {
            Some(end) if cut => &bytes[end + 1..],
            _ => &bytes[..],
        };
        String::from_utf8_lossy(whole).into_owned()
    }
}

/// One stream of a child on its way to the parent's.
///
/// Where nobody takes what the parent prints (a pager that waits, a terminal that is held) the
/// child's output stays where it is until somebody does, and the attendant stays awake for the
/// child's deadlines and its end.
pub(super) struct Forward<R> {
    from: Option<R>,
    stream: Stream,
    style: Style,
    tail: Tail,
    /// What was taken and is not printed yet.
    waiting: Vec<u8>,
    /// Whether the parent's stream took no more when it was last asked.
    held: bool,
    /// Whether what was printed last ends within a line.
    within: bool,
    unread: bool,
}

/// What a stream waits for.
pub(super) enum Wanted<'a> {
    /// That the child prints.
    Reading(BorrowedFd<'a>),
    /// That the parent's own stream takes more.
    Writing(BorrowedFd<'a>),
}

/// How much is printed at once: what a pipe that takes anything takes without waiting.
const PIECE: usize = 4096;

impl<R: Read + AsFd> Forward<R> {
    pub(super) fn new(from: Option<R>, stream: Stream, style: Style, tail: Tail) -> Self {
        let (waiting, held, within, unread) = (Vec::new(), false, false, false);
        Forward { from, stream, style, tail, waiting, held, within, unread }
    }

    /// What to wait for; nothing once the stream has ended.
    pub(super) fn wanted(&self) -> Option<Wanted<'_>> {
        if self.held {
            return Some(Wanted::Writing(self.stream.descriptor()));
        }
        self.from.as_ref().map(|from| Wanted::Reading(from.as_fd()))
    }

    /// What the child prints to, while it may.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.from.as_ref().map(AsFd::as_fd)
    }

    /// Goes on after a wait: prints what waited, or takes what is there.
    pub(super) fn go_on(&mut self, buffer: &mut [u8]) {
        if std::mem::take(&mut self.held) {
            self.pass_on(false);
        } else {
            self.take(buffer);
            self.pass_on(false);
        }
    }

    /// Takes what is there, which does not wait if there is something or it is the end.
    pub(super) fn take(&mut self, buffer: &mut [u8]) {
        let Some(from) = &mut self.from else { return };
        match from.read(buffer) {
            Ok(0) => self.from = None,
            Ok(len) => {
                let taken = &buffer[..len];
                self.tail.add(taken);
                if self.style != Style::Captured && !self.unread {
                    self.waiting.extend_from_slice(taken);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => self.from = None,
        }
    }

    /// Prints the rest, whole lines or not, as far as that is taken: no more will come.
    pub(super) fn end(&mut self) {
        self.from = None;
        self.held = false;
        self.pass_on(true);
    }

    /// Whether something waits for the parent's stream to take more.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Prints what is left, however long that takes.
    pub(super) fn flush(&mut self) {
        while !self.waiting.is_empty() && !self.unread {
            self.print_piece(true);
        }
    }

    fn pass_on(&mut self, all: bool) {
        // Nothing may be waiting, and a line be open.
        while !self.unread && (self.piece(all) > 0 || all && self.within) {
            if !sys::takes_more(self.stream.descriptor(), self.piece(all)) {
                self.held = true;
                return;
            }
            self.print_piece(all);
        }
    }

    /// How much of what waits is printed next: whole lines, or a part of one too long to be kept.
    fn piece(&self, all: bool) -> usize {
        let near = &self.waiting[..self.waiting.len().min(PIECE)];
        if let Some(end) = near.iter().rposition(|&byte| byte == b'\n') {
            return end + 1;
        }
        if self.within || self.waiting.len() > KEPT {
            let whole = whole_characters(near);
            return if whole == 0 && all { near.len() } else { whole };
        }
        match self.waiting.iter().position(|&byte| byte == b'\n') {
            Some(end) => end + 1,
            None if all => self.waiting.len(),
            None => 0,
        }
    }

    fn print_piece(&mut self, all: bool) {
        let piece: Vec<u8> = self.waiting.drain(..self.piece(all)).collect();
        let mut text = String::from_utf8_lossy(&piece).into_owned();
        if let Style::Prefixed(prefix) = &self.style {
            let lines = text.split_inclusive('\n').enumerate();
            let begun = self.within;
            text = lines
                .flat_map(|(at, line)| [if begun && at == 0 { "" } else { prefix }, line])
                .collect();
        }
        if all && self.waiting.is_empty() && !text.ends_with('\n') {
            // A line that another process begins must not run into this one.
            text.push('\n');
        }
        self.within = !text.ends_with('\n');
        self.unread = !print(self.stream, &text);
    }
}

/// How much of it there is up to a character that is not all there yet.
fn whole_characters(bytes: &[u8]) -> usize {
    let last = &bytes[bytes.len() - bytes.len().min(4)..];
    // The last four bytes begin within a character at most once; what else is wrong with them is
    // not our business.
    let begun = (1..=last.len()).find(|&back| last[last.len() - back] & 0b1100_0000 != 0b1000_0000);
    let Some(back) = begun else { return bytes.len() };
    let lead = last[last.len() - back];
    let wanted = match lead {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => 1,
    };
    if back < wanted { bytes.len() - back } else { bytes.len() }
}

impl Stream {
    /// The parent's own.
    fn descriptor(self) -> BorrowedFd<'static> {
        match self {
            Stream::Out => sys::standard_output(),
            Stream::Err => sys::standard_error(),
        }
    }
}

/// Prints with the macros, which the test harness captures; whether anybody can read it.
///
/// The macros panic where nobody reads any more, so that is asked before.
fn print(stream: Stream, text: &str) -> bool {
    if sys::readers_gone(stream.descriptor()) {
        return false;
    }
    if cfg!(panic = "abort") {
        // Then there is no harness that runs tests in threads, and a disk that is full must not
        // end the program.
        return match stream {
            Stream::Out => std::io::stdout().lock().write_all(text.as_bytes()).is_ok(),
            Stream::Err => std::io::stderr().lock().write_all(text.as_bytes()).is_ok(),
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
