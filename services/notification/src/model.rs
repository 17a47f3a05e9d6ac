//! What this service knows, as plain values. No IO.

mod alert;
mod booking;
mod content;
mod message;
mod report;
mod staff;
mod suppression;

pub(crate) use alert::{Alert, Finding};
pub(crate) use booking::{Booking, Contact, Verdict, verdict};
pub(crate) use content::{Arrival, Content, Dispute, DisputeState, Problem, WayIn};
pub(crate) use message::{
    Channel, Delivery, Entry, Filter, Kind, MessageKey, NewMessage, Standing, State, Trail,
};
pub(crate) use report::{Receipt, Report, ReportKind};
pub(crate) use staff::{Staff, StaffRole};
pub(crate) use suppression::{Suppression, SuppressionReason};
