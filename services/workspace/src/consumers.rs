//! What this service hears.

pub(crate) mod audit;
pub(crate) mod billing;
pub(crate) mod ingest;
