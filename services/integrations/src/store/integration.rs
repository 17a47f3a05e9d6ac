//! Rows of integrations.

use chassis::paging::Page;
use domain::{IntegrationId, LocationId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{Integration, Status};

#[derive(sqlx::FromRow)]
struct IntegrationRow {
    workspace_id: Uuid,
    id: Uuid,
    provider: String,
    location_id: Option<Uuid>,
    status: Status,
    status_reason: String,
    account_display_name: String,
    status_at: Timestamp,
    heard_at: Timestamp,
    version: i64,
    credential_names: Vec<String>,
}

impl From<IntegrationRow> for Integration {
    fn from(row: IntegrationRow) -> Self {
        Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: IntegrationId::from_uuid(row.id),
            provider: row.provider,
            location: row.location_id.map(LocationId::from_uuid),
            status: row.status,
            status_reason: row.status_reason,
            account_display_name: row.account_display_name,
            status_at: row.status_at,
            heard_at: row.heard_at,
            version: row.version,
            credential_names: row.credential_names,
        }
    }
}

macro_rules! select_integration {
    ($rest:literal) => {
        concat!(
            "select workspace_id, id, provider, location_id, status, status_reason, account_display_name,
                    status_at, heard_at, version,
                    array(select c.name from credential c
                          where c.workspace_id = i.workspace_id and c.integration_id = i.id
                          order by c.name) as credential_names
             from integration i ",
            $rest
        )
    };
}

/// Makes the integration of a workspace or location with a provider, or says of the one that is there
/// that its values are new and unchecked. Locks the row.
pub(crate) async fn put(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    provider: &str,
    location: Option<LocationId>,
    reason: &str,
    now: Timestamp,
) -> Result<IntegrationId, sqlx::Error> {
    let id: Uuid = sqlx::query_scalar(
        "insert into integration
           (workspace_id, id, provider, location_id, status, status_reason, account_display_name,
            status_at, heard_at, version, created_at)
         values ($1, $2, $3, $4, $5, $6, '', $7, $7, 1, $7)
         on conflict on constraint integration_place do update
         set status = $5, status_reason = $6, account_display_name = '', status_at = $7, heard_at = $7,
             version = integration.version + 1
         returning id",
    )
    .bind(workspace.uuid())
    .bind(IntegrationId::new().uuid())
    .bind(provider)
    .bind(location.map(LocationId::uuid))
    .bind(Status::Unchecked)
    .bind(reason)
    .bind(now)
    .fetch_one(conn)
    .await?;
    Ok(IntegrationId::from_uuid(id))
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: IntegrationId,
) -> Result<Option<Integration>, sqlx::Error> {
    let row: Option<IntegrationRow> =
        sqlx::query_as(select_integration!("where workspace_id = $1 and id = $2"))
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(Integration::from))
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: IntegrationId,
) -> Result<Option<Integration>, sqlx::Error> {
    let row: Option<IntegrationRow> =
        sqlx::query_as(select_integration!("where workspace_id = $1 and id = $2 for update of i"))
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(Integration::from))
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<Integration>, sqlx::Error> {
    let rows: Vec<IntegrationRow> =
        sqlx::query_as(select_integration!("where workspace_id = $1 and id > $2 order by id limit $3"))
            .bind(workspace.uuid())
            .bind(page.after)
            .bind(page.limit)
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(Integration::from).collect())
}

/// Writes the status. The row must be locked.
pub(crate) async fn update(conn: &mut PgConnection, integration: &Integration) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update integration
         set status = $3, status_reason = $4, account_display_name = $5, status_at = $6, heard_at = $7,
             version = $8
         where workspace_id = $1 and id = $2",
    )
    .bind(integration.workspace.uuid())
    .bind(integration.id.uuid())
    .bind(integration.status)
    .bind(&integration.status_reason)
    .bind(&integration.account_display_name)
    .bind(integration.status_at)
    .bind(integration.heard_at)
    .bind(integration.version)
    .execute(conn)
    .await?;
    Ok(())
}
