//! Which doors are held open, and when that should be over.

use chrono::Duration;
use domain::names::IntegrationName;
use domain::{IntegrationId, OperationId, Timestamp, WorkspaceId};
use door_adapter::LedgerError;
use sqlx::PgPool;
use uuid::Uuid;

use super::Ledger;

/// A door that we hold open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Of which console.
    pub account: IntegrationName,
    /// The console's id of the door.
    pub door: String,
    /// What it was told by.
    pub operation: OperationId,
    /// By when the console ends it by itself.
    pub held_until: Timestamp,
}

/// When a hold that could not be ended is due again.
const AGAIN: Duration = Duration::seconds(20);

impl Ledger {
    /// Notes a hold that should be over then, in place of any other of the door.
    pub(crate) async fn note_hold(&self, hold: &Hold, due_at: Timestamp) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(hold.account.workspace).await?;
        sqlx::query(
            "insert into unifi_hold (workspace_id, account_id, door_ref, operation_id, held_until, due_at)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (workspace_id, account_id, door_ref) do update
               set operation_id = excluded.operation_id, held_until = excluded.held_until,
                   due_at = excluded.due_at",
        )
        .bind(hold.account.workspace.uuid())
        .bind(hold.account.id.uuid())
        .bind(&hold.door)
        .bind(hold.operation.uuid())
        .bind(hold.held_until)
        .bind(due_at)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The hold that a door has by the ledger.
    pub(crate) async fn hold_of(
        &self,
        account: IntegrationName,
        door: &str,
    ) -> Result<Option<Hold>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let row: Option<(Uuid, Timestamp)> = sqlx::query_as(
            "select operation_id, held_until from unifi_hold
             where workspace_id = $1 and account_id = $2 and door_ref = $3",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(door)
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(row.map(|(operation, held_until)| Hold {
            account,
            door: door.to_owned(),
            operation: OperationId::from_uuid(operation),
            held_until,
        }))
    }

    /// The hold is over.
    pub(crate) async fn forget_hold(&self, hold: &Hold) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(hold.account.workspace).await?;
        sqlx::query(
            "delete from unifi_hold
             where workspace_id = $1 and account_id = $2 and door_ref = $3 and operation_id = $4",
        )
        .bind(hold.account.workspace.uuid())
        .bind(hold.account.id.uuid())
        .bind(&hold.door)
        .bind(hold.operation.uuid())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Takes up to `max` holds of all workspaces that should be over at `now`. One that is not forgotten comes again.
pub(crate) async fn take_due(pool: &PgPool, now: Timestamp, max: i64) -> Result<Vec<Hold>, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid, String, Uuid, Timestamp)> = sqlx::query_as(
        "with due as (
           select workspace_id, account_id, door_ref from unifi_hold
           where due_at <= $1 order by due_at limit $2 for update skip locked)
         update unifi_hold h set due_at = $3 from due
         where h.workspace_id = due.workspace_id and h.account_id = due.account_id and h.door_ref = due.door_ref
         returning h.workspace_id, h.account_id, h.door_ref, h.operation_id, h.held_until",
    )
    .bind(now)
    .bind(max)
    .bind(now + AGAIN)
    .fetch_all(pool)
    .await?;
    let hold = |(workspace, account, door, operation, held_until)| {
        let workspace = WorkspaceId::from_uuid(workspace);
        let account = IntegrationName { workspace, id: IntegrationId::from_uuid(account) };
        Hold { account, door, operation: OperationId::from_uuid(operation), held_until }
    };
    Ok(rows.into_iter().map(hold).collect())
}
