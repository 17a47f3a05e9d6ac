//! Use cases: begin, read, decide, write, outbox, commit. No call to an adapter is made inside a
//! transaction.

mod connection;
mod credential;

use std::sync::Arc;

use chassis::postgres::WorkspacePool;
use domain::Clock;
use secrecy::SecretString;

use crate::adapters::Adapters;
use crate::vault::MasterKey;

/// The service's use cases.
pub(crate) struct App {
    pool: WorkspacePool,
    clock: Arc<dyn Clock>,
    master_key: MasterKey,
    adapters: Adapters,
}

impl App {
    pub(crate) fn new(
        pool: WorkspacePool,
        clock: Arc<dyn Clock>,
        master_key: MasterKey,
        adapters: Adapters,
    ) -> Self {
        Self { pool, clock, master_key, adapters }
    }

    /// A text that stands for a value where the same value must be known again.
    pub(crate) fn fingerprint(&self, value: &SecretString) -> String {
        self.master_key.fingerprint(value)
    }
}
