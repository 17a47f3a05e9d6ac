//! The stage of whole-platform stories and of the benchmark: real Postgres and NATS of its own, every
//! service as a process of its own, as in production, and the sandbox for the vendors.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a harness of tests"
)]

pub mod bench;
pub mod checks;
pub mod client;
pub mod door;
pub mod machine;
pub mod play;
pub mod sales;
pub mod stage;
pub mod till;

pub use client::Client;
pub use stage::{SERVICES, Stage};
