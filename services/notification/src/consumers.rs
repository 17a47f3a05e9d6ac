//! What this service hears.

pub(crate) mod bookings;
