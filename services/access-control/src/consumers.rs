//! What this service hears.

pub(crate) mod integrations;
pub(crate) mod results;
pub(crate) mod workspace;
