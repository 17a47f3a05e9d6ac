//! Use cases: begin, read, decide, write, outbox, commit. No call to an adapter or to a key management
//! service is made inside a transaction.

mod check;
mod connection;
mod credential;
mod key;
mod place;

use std::sync::Arc;

use chassis::postgres::WorkspacePool;
use domain::Clock;
use sqlx::PgPool;

use crate::adapters::Adapters;
use crate::vault::KeyRing;

/// The service's use cases.
pub(crate) struct App {
    pool: WorkspacePool,
    /// For what works across workspaces: checks that are due, rotation of keys.
    platform: PgPool,
    clock: Arc<dyn Clock>,
    keys: KeyRing,
    adapters: Adapters,
}

impl App {
    pub(crate) fn new(
        pool: WorkspacePool,
        platform: PgPool,
        clock: Arc<dyn Clock>,
        keys: KeyRing,
        adapters: Adapters,
    ) -> Self {
        Self { pool, platform, clock, keys, adapters }
    }
}
