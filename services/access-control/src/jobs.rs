//! What happens by time.

mod scheduler;

pub(crate) use scheduler::Scheduler;
