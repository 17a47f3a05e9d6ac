//! The contract's methods: check, call, convert back; nothing else.

mod connection;
mod method;

pub(crate) use connection::connection_service;
pub(crate) use method::payment_method_service;
