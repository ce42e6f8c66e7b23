//! Pools: what is given to one is done, once, whatever becomes of its workers.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod callbacks;
mod chunks;
mod closing;
mod crashes;
mod done_once;
mod encoding;
mod forks;
mod futures;
mod initializing;
mod inline;
mod inputs;
mod limits;
mod mapping;
mod numbers;
mod parents;
mod progress;
mod random;
mod settings;
mod streams;
mod submitting;
mod together;
mod waiting;
mod wild;
mod work;

procession_tests::leaves_nothing_behind!();
