//! SQL. Functions take a connection and never open a transaction; each row struct is private to its
//! file.

pub(crate) mod drift;
pub(crate) mod entitlement;
pub(crate) mod grant;
pub(crate) mod integration;
pub(crate) mod mapping;
pub(crate) mod person;
pub(crate) mod preflight;
pub(crate) mod settings;
