//! What processes print: whole lines, the last of them kept, nobody held up by it.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod errors;
mod flood;
mod lines;
mod modes;
mod tail;

procession_tests::leaves_nothing_behind!();
