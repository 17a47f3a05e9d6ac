//! What happens by time. Idempotent; any number of replicas share the work.

mod expiry;
mod proof;

pub(crate) use expiry::Expiry;
pub(crate) use proof::Proof;
