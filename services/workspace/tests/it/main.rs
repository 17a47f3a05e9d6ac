//! The workspace service, through its contract, on real Postgres and NATS.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

mod api_keys;
mod audit;
mod booking;
mod ingest;
mod isolation;
mod roles;
mod sessions;
mod world;
