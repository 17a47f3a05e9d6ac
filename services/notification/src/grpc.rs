//! The contract's methods: check, call, convert back; nothing else.

mod ledger;
mod webhook;

pub(crate) use ledger::notification_service;
pub(crate) use webhook::{Proofs, webhook_service};
