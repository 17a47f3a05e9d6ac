//! What happens by time.

mod listener;
mod operations;
mod preflight;
mod scheduler;

pub(crate) use listener::Listener;
pub(crate) use operations::Operations;
pub(crate) use preflight::Preflight;
pub(crate) use scheduler::Scheduler;
