//! The hardware, as the daemon sees it: relays that can be set, and door contacts that can be read.

mod gpio;
mod simulated;

use std::io;

use serde::Serialize;

pub use gpio::{GpioBoard, GpioConfig, GpioLine};
pub use simulated::{Change, Killed, SimulatedBoard, SimulatedConfig, Simulation, levels};

/// Relays and door contacts. Channels count from 0 here. A board is made with all relays off.
pub trait Board: Send {
    /// How many channels it has.
    fn channels(&self) -> usize;
    /// Switches a relay. Returns when the line has the level.
    fn set(&mut self, channel: usize, on: bool) -> io::Result<()>;
    /// What the relay's line reads.
    fn is_on(&mut self, channel: usize) -> io::Result<bool>;
    /// What the door contact reads, if there is one.
    fn contact(&mut self, channel: usize) -> io::Result<Option<DoorContact>>;
}

/// Whether a door stands open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DoorContact {
    /// It does.
    Open,
    /// It is shut.
    Closed,
}
