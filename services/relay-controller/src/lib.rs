//! The daemon at the door hardware: relays with timers, PINs that open without a network, a log that waits until it is
//! taken over. It runs alone, and knows no other part of Latchkey. API: `API.md`.
//!
//! Holds: no relay is on without an end; all are off at start, at the end, after a panic; nothing is switched on
//! again after a start; what was answered is on the disk.

pub mod allowance;
pub mod api;
pub mod bank;
pub mod board;
pub mod certificate;
pub mod channel;
pub mod clock;
pub mod config;
pub mod controller;
pub mod disk;
pub mod error;
pub mod key;
pub mod lines;
pub mod log;
pub mod offline;
pub mod request;
pub mod server;
pub mod settings;
pub mod span;
pub mod time;
pub mod watchdog;
