//! Entry: how a copy of a program becomes a worker, wherever the program comes from.
//!
//! Most of this cannot be seen from inside one test program, so the crates in
//! `fixtures/entry-outside` are built and run as their users would. Everything that is run here is
//! bounded: a guard that fails ends in a failed test, not in a fork bomb.
//!
//! Builds that take long are tried where `PROCESSION_TEST_BUILDS=all` asks for them.

#![expect(clippy::unwrap_used, reason = "all of this is tests")]

mod begin;
mod builds;
mod executable;
mod family;
mod guards;
mod newcomer;
mod output;
mod outside;
mod variable;
mod worker;

procession_tests::leaves_nothing_behind!();
