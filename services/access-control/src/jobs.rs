//! What happens by time.

mod cards;
mod listener;
mod operations;
mod preflight;
mod retention;
mod scheduler;
mod schedules;

pub(crate) use cards::Cards;
pub(crate) use listener::Listener;
pub(crate) use operations::Operations;
pub(crate) use preflight::Preflight;
pub(crate) use retention::Retention;
pub(crate) use scheduler::Scheduler;
pub(crate) use schedules::Schedules;
