//! Rows of keys and sealed values. Nothing here is plain.

use domain::{IntegrationId, LocationId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

/// The text that only the right master key opens: the first one that was kept, `fresh` if there was
/// none.
pub(crate) async fn ensure_check(conn: &mut PgConnection, fresh: &[u8]) -> Result<Vec<u8>, sqlx::Error> {
    sqlx::query("insert into master_key_check (sealed) values ($1) on conflict do nothing")
        .bind(fresh)
        .execute(&mut *conn)
        .await?;
    sqlx::query_scalar("select sealed from master_key_check").fetch_one(conn).await
}

/// A workspace's wrapped data key: the first one that was kept, `fresh` if there was none.
pub(crate) async fn ensure_data_key(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    fresh: &[u8],
    now: Timestamp,
) -> Result<Vec<u8>, sqlx::Error> {
    sqlx::query(
        "insert into data_key (workspace_id, wrapped, created_at) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(workspace.uuid())
    .bind(fresh)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    sqlx::query_scalar("select wrapped from data_key where workspace_id = $1")
        .bind(workspace.uuid())
        .fetch_one(conn)
        .await
}

/// Keeps a sealed value in place of the one before.
pub(crate) async fn put_credential(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    integration: IntegrationId,
    name: &str,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into credential (workspace_id, integration_id, name, sealed, saved_at)
         values ($1, $2, $3, $4, $5)
         on conflict (workspace_id, integration_id, name) do update set sealed = $4, saved_at = $5",
    )
    .bind(workspace.uuid())
    .bind(integration.uuid())
    .bind(name)
    .bind(sealed)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets all values of an integration.
pub(crate) async fn delete_credentials(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    integration: IntegrationId,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from credential where workspace_id = $1 and integration_id = $2")
        .bind(workspace.uuid())
        .bind(integration.uuid())
        .execute(conn)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct SealedRow {
    integration_id: Uuid,
    location_id: Option<Uuid>,
    name: String,
    sealed: Vec<u8>,
    wrapped: Vec<u8>,
}

/// A sealed value, where it belongs, and the wrapped key that it is sealed with.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub integration: IntegrationId,
    pub location: Option<LocationId>,
    pub name: String,
    pub sealed: Vec<u8>,
    pub wrapped_key: Vec<u8>,
}

/// The values for a location: the workspace's first, then the location's own.
pub(crate) async fn list_sealed(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    provider: &str,
    location: Option<LocationId>,
) -> Result<Vec<Sealed>, sqlx::Error> {
    let rows: Vec<SealedRow> = sqlx::query_as(
        "select i.id as integration_id, i.location_id, c.name, c.sealed, k.wrapped
         from integration i
         join credential c on c.workspace_id = i.workspace_id and c.integration_id = i.id
         join data_key k on k.workspace_id = i.workspace_id
         where i.workspace_id = $1 and i.provider = $2 and (i.location_id is null or i.location_id = $3)
         order by i.location_id nulls first, c.name",
    )
    .bind(workspace.uuid())
    .bind(provider)
    .bind(location.map(LocationId::uuid))
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Sealed {
            integration: IntegrationId::from_uuid(row.integration_id),
            location: row.location_id.map(LocationId::from_uuid),
            name: row.name,
            sealed: row.sealed,
            wrapped_key: row.wrapped,
        })
        .collect())
}
