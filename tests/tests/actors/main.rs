//! Actors: what is promised of their mailboxes, answers and ends, over both carriers.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod crash;
mod ending;
mod futures;
mod here;
mod late;
mod racing;
mod receiving;
mod replies;
mod rights;
mod sizes;
mod surroundings;
mod telling;
mod work;

procession_tests::leaves_nothing_behind!();
