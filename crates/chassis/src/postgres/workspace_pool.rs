//! Connections that work in one workspace at a time.

use domain::WorkspaceId;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};

use super::isolation::WORKSPACE;

/// A pool whose every transaction is begun for one workspace, sees the rows of that one and can write no
/// others. There is no other way to a connection.
#[derive(Debug, Clone)]
pub struct WorkspacePool(PgPool);

impl WorkspacePool {
    pub(super) fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// Begins a transaction in a workspace, in one round trip. Drop it where nothing was written.
    pub async fn begin(&self, workspace: WorkspaceId) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        // Hexadecimal digits and dashes.
        let begin = format!("begin; set local {WORKSPACE} = '{}'", workspace.uuid());
        self.0.begin_with(AssertSqlSafe(begin)).await
    }
}
