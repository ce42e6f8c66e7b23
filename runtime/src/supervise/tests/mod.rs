//! Supervisors of children that only exist in these tests: in virtual time where only the keeper
//! is concerned, with its thread where the handle is.

mod fake;
mod handle;
mod virtual_time;
