//! What this service hears.

pub(crate) mod ingest;
