//! Rows of settings.

use domain::{LocationId, WorkspaceId};
use sqlx::PgConnection;

use crate::model::{LocationSettings, Settings};

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

#[derive(sqlx::FromRow)]
struct LocationRow {
    lead_minutes: Option<i32>,
    lag_minutes: Option<i32>,
    sends_way_in: bool,
}

impl From<LocationRow> for LocationSettings {
    fn from(row: LocationRow) -> Self {
        Self { lead_minutes: row.lead_minutes, lag_minutes: row.lag_minutes, sends_way_in: row.sends_way_in }
    }
}

/// What a location says; nothing, if it was never asked to.
pub(crate) async fn find_of_location(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    location: LocationId,
) -> Result<LocationSettings, sqlx::Error> {
    let row: Option<LocationRow> = sqlx::query_as(
        "select lead_minutes, lag_minutes, sends_way_in from location_settings
         where workspace_id = $1 and location_id = $2",
    )
    .bind(workspace.uuid())
    .bind(location.uuid())
    .fetch_optional(conn)
    .await?;
    Ok(row.map(LocationSettings::from).unwrap_or_default())
}

/// Has a location say something else, and gives what it said before.
pub(crate) async fn replace_of_location(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    location: LocationId,
    settings: LocationSettings,
) -> Result<LocationSettings, sqlx::Error> {
    sqlx::query(
        "insert into location_settings (workspace_id, location_id) values ($1, $2) on conflict do nothing",
    )
    .bind(workspace.uuid())
    .bind(location.uuid())
    .execute(&mut *conn)
    .await?;
    // Locks the row, so that the later one of two finds what the other left.
    let before: LocationRow = sqlx::query_as(
        "select lead_minutes, lag_minutes, sends_way_in from location_settings
         where workspace_id = $1 and location_id = $2 for update",
    )
    .bind(workspace.uuid())
    .bind(location.uuid())
    .fetch_one(&mut *conn)
    .await?;
    sqlx::query(
        "update location_settings set lead_minutes = $3, lag_minutes = $4, sends_way_in = $5
         where workspace_id = $1 and location_id = $2",
    )
    .bind(workspace.uuid())
    .bind(location.uuid())
    .bind(settings.lead_minutes)
    .bind(settings.lag_minutes)
    .bind(settings.sends_way_in)
    .execute(conn)
    .await?;
    Ok(before.into())
}
