//! The integrations service, through its contract, on real Postgres and NATS, with an adapter that
//! knows one good key.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

mod adapter;
mod connecting;
mod hearing;
mod isolation;
mod master_key;
mod resolving;
mod secrecy;
mod world;
