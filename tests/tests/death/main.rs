//! Death in both directions: children die with their parent, and parents never lose a child.

mod daemons;
mod forks;
mod nesting;
mod parents;
mod reaping;
mod terminal;
mod trees;

procession_tests::leaves_nothing_behind!();
