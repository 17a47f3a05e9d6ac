//! SQL. Takes a connection, never opens a transaction.

pub(crate) mod file;
pub(crate) mod usage;
