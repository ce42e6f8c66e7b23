//! What the tests share: waiting for events, and looking whether anything was left behind.
