//! What this service hears.

pub(crate) mod connections;
