//! One process that logs, and a parent that logs after it.
//!
//! The notebook set the logger up once, at the top, and recorded only the parent's line: the
//! child's was lost. Here both come, in order, on standard error.
//!
//! Notice:
//! - `#[procession::setup]` has the logger set up in every process before its function runs,
//!   because a process never comes to `main`. It stays a plain function, which `main` calls.
//! - `call` returns when the process has ended and all that it printed has been passed on, so the
//!   order of the two lines is certain.

use log::{LevelFilter, Log, Metadata, Record};
use procession::process;

/// Writes records as Python's `basicConfig` does.
struct Lines;

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        eprintln!("{}:{}:{}", record.level(), record.target(), record.args());
    }

    fn flush(&self) {}
}

#[procession::setup]
fn logging() {
    // The only error is that there is a logger already, which then stays.
    if log::set_logger(&Lines).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

#[process]
fn process_function(name: String) {
    log::info!(target: "root", "Executing in process with name: {name}");
}

fn main() -> Result<(), procession::Error> {
    logging();
    process_function::call("ChildProcess".to_owned())?;
    log::info!(target: "root", "Main process exiting.");
    Ok(())
}
