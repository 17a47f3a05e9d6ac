//! How much workspaces have.

use domain::WorkspaceId;
use sqlx::PgConnection;

use crate::model::File;

/// What a workspace has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Usage {
    pub used_bytes: i64,
    pub files: i64,
}

pub(crate) async fn find(conn: &mut PgConnection, workspace: WorkspaceId) -> Result<Usage, sqlx::Error> {
    let found: Option<Usage> = sqlx::query_as("select used_bytes, files from usage where workspace_id = $1")
        .bind(workspace.uuid())
        .fetch_optional(conn)
        .await?;
    Ok(found.unwrap_or_default())
}

/// Counts a file that was not there. What its workspace has then; others who add wait for each other here.
pub(crate) async fn add(conn: &mut PgConnection, file: &File) -> Result<Usage, sqlx::Error> {
    sqlx::query_as(
        "insert into usage as u (workspace_id, used_bytes, files) values ($1, $2, 1)
         on conflict (workspace_id) do update
           set used_bytes = u.used_bytes + excluded.used_bytes, files = u.files + 1
         returning used_bytes, files",
    )
    .bind(file.workspace.uuid())
    .bind(file.used_bytes)
    .fetch_one(conn)
    .await
}

/// Counts a file as it is now, not as it was; one that uses nothing any more is none.
pub(crate) async fn change(conn: &mut PgConnection, before: &File, after: &File) -> Result<(), sqlx::Error> {
    if before.used_bytes == after.used_bytes {
        return Ok(());
    }
    let is_over = after.used_bytes == 0;
    sqlx::query("update usage set used_bytes = used_bytes + $2, files = files - $3 where workspace_id = $1")
        .bind(after.workspace.uuid())
        .bind(after.used_bytes - before.used_bytes)
        .bind(i64::from(is_over))
        .execute(conn)
        .await?;
    Ok(())
}
