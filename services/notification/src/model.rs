//! What this service knows, as plain values. No IO.

mod alert;
mod booking;
mod content;
mod message;
mod staff;

pub(crate) use alert::{Alert, Finding};
pub(crate) use booking::{Booking, Contact, Verdict, verdict};
pub(crate) use content::{Content, Dispute, DisputeState, Problem, WayIn};
pub(crate) use message::{Channel, Entry, Kind, MessageKey, NewMessage, Standing, State};
pub(crate) use staff::{Staff, StaffRole};
