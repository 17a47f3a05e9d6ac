//! SQL. Functions take a connection and never open a transaction; each row struct is private to its
//! file.

pub(crate) mod integration;
pub(crate) mod place;
pub(crate) mod vault;
