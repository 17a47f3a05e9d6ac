//! SQL. Takes a connection, never opens a transaction.

pub(crate) mod customer;
pub(crate) mod look;
pub(crate) mod method;
pub(crate) mod settings;
