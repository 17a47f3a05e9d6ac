//! What happens by time.

mod listener;
mod preflight;
mod scheduler;

pub(crate) use listener::Listener;
pub(crate) use preflight::Preflight;
pub(crate) use scheduler::Scheduler;
