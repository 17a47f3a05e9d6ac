//! Works off commands: each account by itself, in order of urgency.
//!
//! Commands stand in the database, in lanes: one for each account. A process claims lanes that have work
//! with a lease and works each in a task of its own, so that a slow account delays no other. A process
//! that dies loses its leases to the others. Several processes never work one lane at once, as far as
//! leases can tell; where they err, the providers' ledgers and lookups make up for it.

mod lease;
mod log_reader;
mod reconciler;
mod recorder;
mod scheduler;
mod turns;
mod worker;

pub(crate) use log_reader::LogReader;
pub(crate) use reconciler::Reconciler;
pub(crate) use recorder::Recorder;
pub(crate) use scheduler::Scheduler;
pub(crate) use worker::{Worker, not_connected, senseless};
