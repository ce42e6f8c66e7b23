//! Death in both directions: children die with their parent, and parents never lose a child.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod daemons;
mod forks;
mod nesting;
mod parents;
mod reaping;
mod terminal;
mod trees;

procession_tests::leaves_nothing_behind!();
