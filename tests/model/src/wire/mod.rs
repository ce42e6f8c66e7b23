//! As much of the runtime's `wire` as the ring needs.

#![expect(dead_code, reason = "the model does not spin and hands over no regions")]

#[path = "../../../../runtime/src/wire/patience.rs"]
mod patience;
#[path = "../../../../runtime/src/wire/ring/mod.rs"]
mod ring;
