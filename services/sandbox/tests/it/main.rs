//! Drives the sandbox as its clients do: over HTTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod boards;
mod harness;
mod kisi;
mod openid;
mod page;
mod s3;
mod sandbox;
mod sendgrid;
mod stripe;
mod twilio;
mod unifi;
