//! How workspaces are paid.

use domain::{Timestamp, WorkspaceId};
use sqlx::PgConnection;

use crate::model::settings::Settings;

pub(crate) async fn find(conn: &mut PgConnection, workspace: WorkspaceId) -> Result<Settings, sqlx::Error> {
    let takes_debits: Option<bool> =
        sqlx::query_scalar("select takes_debits from payment_settings where workspace_id = $1")
            .bind(workspace.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(takes_debits.map_or_else(Settings::default, |takes_debits| Settings { takes_debits }))
}

pub(crate) async fn put(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    settings: Settings,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into payment_settings (workspace_id, takes_debits, updated_at) values ($1, $2, $3)
         on conflict (workspace_id) do update
            set takes_debits = excluded.takes_debits, updated_at = excluded.updated_at",
    )
    .bind(workspace.uuid())
    .bind(settings.takes_debits)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}
