//! What comes in over the bus.

pub(crate) mod commands;
pub(crate) mod integrations;
