//! What this service hears.

pub(crate) mod integrations;
pub(crate) mod reconciliations;
pub(crate) mod results;
pub(crate) mod workspace;
