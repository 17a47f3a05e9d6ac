//! What the harness says of services, on a service of its own that keeps notes.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

mod isolation;
mod notes;
