//! Addresses: messages between processes that are not parent and child, what becomes of them when
//! something on the way is slow, stopped or dead, and who hears of an end.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod begun;
mod cast;
mod credits;
mod crowds;
mod deaths;
mod mistakes;
mod narrow;
mod routes;
mod standing;
mod watching;

procession_tests::leaves_nothing_behind!();
