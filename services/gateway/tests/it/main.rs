//! The gateway between real clients and services of these tests.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

mod access;
mod bounds;
mod browser;
mod passing;
mod upstream;
mod webhooks;
mod world;
