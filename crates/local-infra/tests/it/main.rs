//! Real servers, started, killed, restarted and left behind.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod nats;
mod orphans;
mod postgres;
