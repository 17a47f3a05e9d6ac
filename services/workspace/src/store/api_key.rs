//! Rows of API keys.

use chassis::paging::Page;
use domain::{ApiKeyId, LocationId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{ApiKey, Role};

#[derive(sqlx::FromRow)]
struct ApiKeyRow {
    workspace_id: Uuid,
    id: Uuid,
    display_name: String,
    hash: Vec<u8>,
    role: Role,
    locations: Vec<Uuid>,
    methods: Vec<String>,
    creator: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

impl From<ApiKeyRow> for ApiKey {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: ApiKeyId::from_uuid(row.id),
            display_name: row.display_name,
            hash: row.hash,
            role: row.role,
            locations: row.locations.into_iter().map(LocationId::from_uuid).collect(),
            methods: row.methods,
            creator: row.creator,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
        }
    }
}

pub(crate) async fn insert(conn: &mut PgConnection, key: &ApiKey) -> Result<(), sqlx::Error> {
    let locations: Vec<Uuid> = key.locations.iter().map(|location| location.uuid()).collect();
    sqlx::query(
        "insert into api_key (workspace_id, id, display_name, hash, role, locations, methods, creator,
           created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(key.workspace.uuid())
    .bind(key.id.uuid())
    .bind(&key.display_name)
    .bind(&key.hash)
    .bind(key.role)
    .bind(locations)
    .bind(&key.methods)
    .bind(&key.creator)
    .bind(key.created_at)
    .bind(key.expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: ApiKeyId,
) -> Result<Option<ApiKey>, sqlx::Error> {
    let row: Option<ApiKeyRow> = sqlx::query_as("select * from api_key where workspace_id = $1 and id = $2")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .fetch_optional(conn)
        .await?;
    Ok(row.map(ApiKey::from))
}

/// A key; its row is locked.
pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: ApiKeyId,
) -> Result<Option<ApiKey>, sqlx::Error> {
    let row: Option<ApiKeyRow> =
        sqlx::query_as("select * from api_key where workspace_id = $1 and id = $2 for update")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(ApiKey::from))
}

/// The key with an id, of whatever workspace: one that is shown does not say of which.
pub(crate) async fn find_anywhere(
    conn: &mut PgConnection,
    id: ApiKeyId,
) -> Result<Option<ApiKey>, sqlx::Error> {
    let row: Option<ApiKeyRow> =
        sqlx::query_as("select * from api_key where id = $1").bind(id.uuid()).fetch_optional(conn).await?;
    Ok(row.map(ApiKey::from))
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<ApiKey>, sqlx::Error> {
    let rows: Vec<ApiKeyRow> =
        sqlx::query_as("select * from api_key where workspace_id = $1 and id > $2 order by id limit $3")
            .bind(workspace.uuid())
            .bind(page.after)
            .bind(page.limit)
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(ApiKey::from).collect())
}

/// Writes that a key is revoked. The row must be locked.
pub(crate) async fn revoke(conn: &mut PgConnection, key: &ApiKey) -> Result<(), sqlx::Error> {
    sqlx::query("update api_key set revoked_at = $3 where workspace_id = $1 and id = $2")
        .bind(key.workspace.uuid())
        .bind(key.id.uuid())
        .bind(key.revoked_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes down a use, unless one after `horizon` is written already.
pub(crate) async fn note_use(
    conn: &mut PgConnection,
    key: &ApiKey,
    now: Timestamp,
    horizon: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update api_key set last_used_at = $3
         where workspace_id = $1 and id = $2 and (last_used_at is null or last_used_at <= $4)",
    )
    .bind(key.workspace.uuid())
    .bind(key.id.uuid())
    .bind(now)
    .bind(horizon)
    .execute(conn)
    .await?;
    Ok(())
}
