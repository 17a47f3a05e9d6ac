//! The relay-controller as others see it: by its API over TLS, as a process, at its pins.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

mod doors;
mod keys;
mod offline;
mod process;
mod world;
