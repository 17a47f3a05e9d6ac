//! The gateway between real clients and services of these tests.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

mod access;
mod api_keys;
mod bounds;
mod browser;
mod passing;
mod sign_in;
mod upstream;
mod webhooks;
mod world;
mod wrong_tokens;
