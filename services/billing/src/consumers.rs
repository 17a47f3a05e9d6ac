//! What is heard from other services.

pub(crate) mod workspace;
