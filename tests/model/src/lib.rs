//! The ring's source compiled a second time, against loom's threads and atomics.
//!
//! The rest of the runtime knows nothing of loom. Without `--cfg loom` there is nothing here:
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release -p procession-model
//! ```

#![cfg(all(loom, test))]

mod wire;
