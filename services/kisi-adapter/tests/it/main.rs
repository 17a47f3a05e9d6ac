//! The adapter on real Postgres and NATS against the sandbox's Kisi twin; and the Kisi client against a
//! local server that answers as each test says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod assignments;
mod cards;
mod commands;
mod conformance;
mod guests;
mod isolation;
mod keys;
mod lists;
mod lock_groups;
mod log;
mod logins;
mod on_demand;
mod people;
mod reconcile;
mod server;
mod twin;
mod unlocks;
mod users;
mod ways_in;
mod world;
