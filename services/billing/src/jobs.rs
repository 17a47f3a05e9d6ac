//! What happens without being asked.

mod expiry;
mod payments;
mod proof;
mod run;
mod sweep;

pub(crate) use expiry::Expiry;
pub(crate) use payments::{AT_ONCE, Payments};
pub(crate) use proof::Proof;
pub(crate) use run::Run;
pub(crate) use sweep::Sweep;
