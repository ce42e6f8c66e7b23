//! How processes start, and what is said when they do not.

mod directories;
mod early;
mod entry_file;
mod limits;
mod privileges;
mod streams;

procession_tests::leaves_nothing_behind!();
