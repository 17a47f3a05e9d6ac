//! What happens by time. Idempotent; any number of replicas share the work.

mod proof;

pub(crate) use proof::Proof;
