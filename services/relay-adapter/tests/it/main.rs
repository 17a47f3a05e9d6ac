//! Relay boards as the adapter calls them, against the sandbox's twins.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod conformance;
mod controller;
mod daemon;
mod esphome;
mod every_board;
mod holds;
mod isolation;
mod modbus;
mod rounds;
mod shelly;
mod stage;
mod tasmota;
mod untimed;
mod world;
