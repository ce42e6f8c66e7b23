//! The protocol under loom: every interleaving of few steps.
