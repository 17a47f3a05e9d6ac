//! The notification service on real Postgres and NATS, with the sandbox as SendGrid and Twilio.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

mod adapter;
mod alerts;
mod delivery;
mod doubt;
mod isolation;
mod ledger;
mod order;
mod sending;
mod vendor;
mod visits;
mod ways_in;
mod webhook;
mod world;
