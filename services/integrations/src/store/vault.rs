//! Rows of keys and sealed values. Nothing here is plain.

use domain::{IntegrationId, LocationId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::model::Certificate;

/// A workspace's data key as it is kept.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct WrappedKey {
    pub master_key_id: String,
    pub wrapped: Vec<u8>,
}

pub(crate) async fn find_data_key(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Option<WrappedKey>, sqlx::Error> {
    sqlx::query_as("select master_key_id, wrapped from data_key where workspace_id = $1")
        .bind(workspace.uuid())
        .fetch_optional(conn)
        .await
}

/// Keeps a workspace's data key, unless it has one.
pub(crate) async fn ensure_data_key(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    key: &WrappedKey,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into data_key (workspace_id, master_key_id, wrapped, created_at) values ($1, $2, $3, $4)
         on conflict do nothing",
    )
    .bind(workspace.uuid())
    .bind(&key.master_key_id)
    .bind(&key.wrapped)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// The master keys that data keys are wrapped by.
pub(crate) async fn list_master_keys(conn: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("select distinct master_key_id from data_key order by 1").fetch_all(conn).await
}

/// Data keys that are wrapped by other master keys than this one.
pub(crate) async fn list_wrapped_by_others(
    conn: &mut PgConnection,
    master_key_id: &str,
    limit: u16,
) -> Result<Vec<(WorkspaceId, WrappedKey)>, sqlx::Error> {
    // Two ranges of the index: the rows between them, which are done, are never walked over.
    let rows: Vec<(Uuid, String, Vec<u8>)> = sqlx::query_as(
        "select workspace_id, master_key_id, wrapped from (
           (select * from data_key where master_key_id < $1 limit $2)
           union all
           (select * from data_key where master_key_id > $1 limit $2)
         ) as other limit $2",
    )
    .bind(master_key_id)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    let row = |(workspace, master_key_id, wrapped)| {
        (WorkspaceId::from_uuid(workspace), WrappedKey { master_key_id, wrapped })
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Keeps a data key as it was wrapped anew, unless someone else did so since it was `before`.
pub(crate) async fn rewrap(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    before: &WrappedKey,
    after: &WrappedKey,
) -> Result<bool, sqlx::Error> {
    let updated = sqlx::query(
        "update data_key set master_key_id = $3, wrapped = $4 where workspace_id = $1 and wrapped = $2",
    )
    .bind(workspace.uuid())
    .bind(&before.wrapped)
    .bind(&after.master_key_id)
    .bind(&after.wrapped)
    .execute(conn)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// A value to keep.
#[derive(Debug)]
pub(crate) struct NewCredential<'a> {
    pub name: &'a str,
    pub sealed: &'a [u8],
    pub mask: &'a str,
    pub saved_by: &'a str,
}

/// Keeps a value in place of the one before.
pub(crate) async fn put_credential(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    integration: IntegrationId,
    new: NewCredential<'_>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into credential (workspace_id, integration_id, name, sealed, mask, saved_by, saved_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (workspace_id, integration_id, name) do update
         set sealed = $4, mask = $5, saved_by = $6, saved_at = $7",
    )
    .bind(workspace.uuid())
    .bind(integration.uuid())
    .bind(new.name)
    .bind(new.sealed)
    .bind(new.mask)
    .bind(new.saved_by)
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
    certificate: Option<Json<Certificate>>,
    name: String,
    sealed: Vec<u8>,
}

/// A sealed value, and where it belongs.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub integration: IntegrationId,
    pub location: Option<LocationId>,
    /// The certificate that is pinned there.
    pub certificate: Option<Certificate>,
    pub name: String,
    pub sealed: Vec<u8>,
}

/// The values for a location: the workspace's first, then the location's own.
pub(crate) async fn list_sealed(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    provider: &str,
    location: Option<LocationId>,
) -> Result<Vec<Sealed>, sqlx::Error> {
    let rows: Vec<SealedRow> = sqlx::query_as(
        "select i.id as integration_id, i.location_id, i.certificate, c.name, c.sealed
         from integration i
         join credential c on c.workspace_id = i.workspace_id and c.integration_id = i.id
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
            certificate: row.certificate.map(|certificate| certificate.0),
            name: row.name,
            sealed: row.sealed,
        })
        .collect())
}
