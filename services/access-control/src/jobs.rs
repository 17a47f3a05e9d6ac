//! What happens by time.

mod listener;
mod scheduler;

pub(crate) use listener::Listener;
pub(crate) use scheduler::Scheduler;
