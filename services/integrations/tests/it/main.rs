//! The integrations service, through its contract, on real Postgres and NATS, with an adapter that
//! knows two good keys.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

mod accounts;
mod adapter;
mod audit;
mod certificates;
mod checking;
mod connecting;
mod console;
mod hearing;
mod isolation;
mod master_key;
mod places;
mod resolving;
mod rotation;
mod secrecy;
mod world;
