//! SQL. Functions take a connection and never open a transaction; each row struct is private to its
//! file.

pub(crate) mod booking;
pub(crate) mod ledger;
pub(crate) mod queue;
pub(crate) mod report;
pub(crate) mod staff;
pub(crate) mod suppression;
