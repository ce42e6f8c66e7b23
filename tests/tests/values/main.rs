//! What is sent arrives: values of any size and shape, over both carriers, both ways.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod early;
mod property;
mod shapes;
mod signals;
mod sizes;

procession_tests::leaves_nothing_behind!();
