//! Proves the books of each workspace once a day.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, WorkspaceId};
use sqlx::PgPool;
use uuid::Uuid;

use super::Job;
use crate::books;

/// The job.
pub(crate) struct Proof {
    platform: PgPool,
    clock: Arc<dyn Clock>,
}

impl Proof {
    pub(crate) fn new(platform: PgPool, clock: Arc<dyn Clock>) -> Self {
        Self { platform, clock }
    }

    /// Proves the books that are due longest. Whether any were.
    async fn prove_next(&self) -> Result<bool, sqlx::Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let due: Option<Uuid> = sqlx::query_scalar(
            "select workspace_id from ledger_proof where due_at <= $1
              order by due_at limit 1 for update skip locked",
        )
        .bind(now)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(workspace) = due.map(WorkspaceId::from_uuid) else { return Ok(false) };
        let faults = books::prove(&mut tx, workspace).await?;
        for fault in &faults {
            tracing::error!(workspace.id = %workspace, %fault, "the books are wrong");
        }
        sqlx::query(
            "update ledger_proof set due_at = $2, proven_at = $3, faults = $4 where workspace_id = $1",
        )
        .bind(workspace.uuid())
        .bind(now + chrono::Duration::days(1))
        .bind(now)
        .bind(i32::try_from(faults.len()).unwrap_or(i32::MAX))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }
}

impl Job for Proof {
    type Error = sqlx::Error;
    const POLL: Duration = Duration::from_secs(5);
    const WAITS: &'static str = "the proof of the books waits";

    async fn next(&self) -> Result<bool, sqlx::Error> {
        self.prove_next().await
    }
}
