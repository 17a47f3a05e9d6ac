//! Use cases: begin, read, decide, write, outbox, commit. No call to an adapter or to a key management
//! service is made inside a transaction.

mod check;
mod connection;
mod credential;
mod key;
mod place;

use std::sync::Arc;

use domain::Clock;
use sqlx::PgPool;

use crate::adapters::Adapters;
use crate::vault::KeyRing;

/// The service's use cases.
pub(crate) struct App {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    keys: KeyRing,
    adapters: Adapters,
}

impl App {
    pub(crate) fn new(pool: PgPool, clock: Arc<dyn Clock>, keys: KeyRing, adapters: Adapters) -> Self {
        Self { pool, clock, keys, adapters }
    }
}
