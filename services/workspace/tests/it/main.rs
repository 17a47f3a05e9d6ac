//! The workspace service, through its contract, on real Postgres and NATS.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

mod api_keys;
mod attendees;
mod audit;
mod booking;
mod entitlements;
mod ingest;
mod isolation;
mod passes;
mod roles;
mod sessions;
mod world;
