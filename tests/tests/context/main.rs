//! Where processes run and what they can ask: surroundings, names, the family, handles shared by
//! threads.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod handles;
mod surroundings;
mod who;

procession_tests::leaves_nothing_behind!();
