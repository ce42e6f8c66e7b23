//! How processes end, and that the reason is always told.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod aborting;
mod crash;
mod exits;
mod forced;
mod memory;
mod panics;
mod texts;
mod undeliverable;
mod wild;
mod wild_sockets;

procession_tests::leaves_nothing_behind!();
