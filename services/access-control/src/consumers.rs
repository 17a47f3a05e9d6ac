//! What this service hears.

pub(crate) mod door_events;
pub(crate) mod integrations;
pub(crate) mod listings;
pub(crate) mod reconciliations;
pub(crate) mod results;
pub(crate) mod users;
pub(crate) mod ways_in;
pub(crate) mod workspace;
