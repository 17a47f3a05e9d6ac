//! What happens by time. Idempotent; any number of replicas share the work.

mod expiry;
mod payments;
mod proof;
mod sweep;

pub(crate) use expiry::Expiry;
pub(crate) use payments::{AT_ONCE, Payments};
pub(crate) use proof::Proof;
pub(crate) use sweep::Sweep;
