//! Relay boards as the adapter calls them, against the sandbox's twins.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod esphome;
mod every_board;
mod modbus;
mod shelly;
mod tasmota;
mod untimed;
mod world;
