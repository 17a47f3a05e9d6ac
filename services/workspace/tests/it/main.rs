//! The workspace service, through its contract, on real Postgres and NATS.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

mod api_keys;
mod attendees;
mod audit;
mod booking;
mod contracts;
mod entitlements;
mod ingest;
mod invoices;
mod isolation;
mod lists;
mod memberships;
mod migration;
mod passes;
mod plans;
mod retelling;
mod roles;
mod sessions;
mod teams;
mod visits;
mod world;
