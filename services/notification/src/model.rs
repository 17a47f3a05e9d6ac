//! What this service knows, as plain values. No IO.

mod alert;
mod booking;
mod content;
mod message;
mod staff;

pub(crate) use alert::{Alert, Finding, Verdict};
pub(crate) use booking::Booking;
pub(crate) use content::{Content, Problem};
pub(crate) use message::{Channel, Entry, Kind, MessageKey, NewMessage, Standing, State};
pub(crate) use staff::{Staff, StaffRole};
