//! The parent's side of a running child: meeting it, forwarding what it prints, watching it end.
//!
//! Each child has one attendant: a thread that sleeps until the child says something or ends. It
//! is started by the thread that spawned the child, because what a test prints is captured by
//! thread. Who waits for a child from its start on takes the attendant's seat: a thread hop that a
//! call does not need. A child over frames has a second thread, which keeps its lane from filling
//! up.

mod attendant;
#[allow(dead_code, reason = "actors use it, and follow")]
mod edge;
mod life;
mod output;
#[allow(dead_code, reason = "actors use it, and follow")]
mod router;
mod words;

pub(crate) use attendant::{Attendance, Seat, attend};
#[allow(unused_imports, reason = "actors use it, and follow")]
pub(crate) use edge::{Edge, Gone, Listener, Listeners, Mourner};
pub(crate) use life::{Life, living};
pub(crate) use output::{Style, Tail};
#[allow(unused_imports, reason = "actors use it, and follow")]
pub(crate) use router::{Post, ready, send, set_post};
