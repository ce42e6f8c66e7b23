//! Programs that show Procession at work, one idea a file.
//!
//! - `hello.rs` is the program of the README.
//! - `counter_actor.rs` is an actor in two spellings: a function with a mailbox, and a struct.
//! - `supervised.rs` has an actor crash in three ways while others send to it, and accounts for every
//!   message.
//! - `addresses.rs` sends addresses and rights to answer from one actor to the next.
//! - `mandelbrot.rs` is the main job: it paints a picture over a pool, and the same picture while
//!   somebody kills its workers.
//! - `wordcount.rs` counts the words of real files, a process a file, and goes on when one of them
//!   crashes.
//! - `seeds/` holds twins of notebook programs that were written for Python's `multiprocessing`.
//!   Each says what the original did, and what to notice in the twin.
//!
//! `cargo run --example NAME` runs one; `tests/output` runs them all and compares what they
//! print with `expected/`.
