//! Makes relay boards obey.
//!
//! What holds here:
//! - A contact is closed for a time that its board measures: whatever becomes of this process, the door locks.
//! - A board is called only where the operator's rules let hosts lead that people type.

pub mod boards;
mod config;
pub mod driver;

pub use config::BoardsConfig;
