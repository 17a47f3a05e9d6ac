//! The adapter on real Postgres against the sandbox's UniFi console.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cards;
mod checks;
mod conformance;
mod console;
mod holds;
mod members;
mod visitors;
mod webhooks;
