//! Calls through real connections to a local server that does as it is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod circuits;
mod console;
mod limits;
mod outcomes;
mod server;
mod spans;
mod typed_hosts;
