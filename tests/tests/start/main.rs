//! How processes start, and what is said when they do not.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod descriptors;
mod directories;
mod early;
mod entry_file;
mod limits;
mod mounts;
mod privileges;
mod streams;

procession_tests::leaves_nothing_behind!();
