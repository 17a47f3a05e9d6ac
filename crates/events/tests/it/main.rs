//! The outbox, the bus, consumers and dead letters, on real Postgres and NATS.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests start tasks of their own, and say what went wrong by panicking"
)]

mod consumer;
mod dead_letter;
mod losses;
mod publisher;
mod recorder;
mod retention;
mod trace;
mod world;
