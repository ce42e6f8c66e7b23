//! The parent's side of a running child: meeting it, forwarding what it prints, watching it end.
//!
//! Each child has one attendant: a thread that sleeps until the child says something or ends. It
//! is started by the thread that spawned the child, because what a test prints is captured by
//! thread. Who waits for a child from its start on takes the attendant's seat: a thread hop that a
//! call does not need. A child over frames has a second thread, which keeps its lane from filling
//! up.

mod answers;
mod asks;
mod attendant;
mod clock;
mod edge;
mod letters;
mod life;
mod links;
mod outbox;
mod output;
mod post;
mod router;
mod seat;
mod slot;
mod words;

pub(crate) use asks::{
    Asking, Told, Unanswered, Woken, begin, begin_here, lone, random_number, tell,
};
pub(crate) use attendant::{AskLast, Attendance, Awaited, LastWord};
pub(crate) use clock::{Timer, at};
pub(crate) use edge::{Listeners, Mourner};
pub(crate) use letters::{Letter, next as next_letter};
pub(crate) use life::{Life, living};
pub(crate) use links::{send as send_far, send_later};
pub(crate) use outbox::Outbox;
pub(crate) use output::{Style, Tail};
pub(crate) use post::{
    Aside, answer, aside, forget, heard, here, prepare, read_aside, read_down, ready, watch,
};
#[cfg(test)]
pub(crate) use router::{Post, send, set_post};
pub(crate) use seat::{Reserved, Seat};
pub(crate) use slot::{Arrival, Fed, Held, Line, Mail, Slot, Taken, Terms, close, find, open};
