//! Rows of settings.

use domain::WorkspaceId;
use sqlx::PgConnection;

use crate::model::Settings;

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Option<Settings>, sqlx::Error> {
    let row: Option<(i32, i32)> =
        sqlx::query_as("select lead_minutes, lag_minutes from settings where workspace_id = $1")
            .bind(workspace.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(|(lead_minutes, lag_minutes)| Settings { lead_minutes, lag_minutes }))
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Option<Settings>, sqlx::Error> {
    let row: Option<(i32, i32)> =
        sqlx::query_as("select lead_minutes, lag_minutes from settings where workspace_id = $1 for update")
            .bind(workspace.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(|(lead_minutes, lag_minutes)| Settings { lead_minutes, lag_minutes }))
}

pub(crate) async fn upsert(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    settings: Settings,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into settings (workspace_id, lead_minutes, lag_minutes) values ($1, $2, $3)
         on conflict (workspace_id) do update set lead_minutes = $2, lag_minutes = $3",
    )
    .bind(workspace.uuid())
    .bind(settings.lead_minutes)
    .bind(settings.lag_minutes)
    .execute(conn)
    .await?;
    Ok(())
}
