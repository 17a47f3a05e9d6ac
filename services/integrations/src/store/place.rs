//! Rows that say which place a location is.

use domain::{IntegrationId, LocationId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

/// Says which place a location is, in place of the one before.
pub(crate) async fn put(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    integration: IntegrationId,
    location: LocationId,
    place_ref: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into place_assignment (workspace_id, integration_id, location_id, place_ref, assigned_at)
         values ($1, $2, $3, $4, $5)
         on conflict (workspace_id, integration_id, location_id) do update
         set place_ref = $4, assigned_at = $5",
    )
    .bind(workspace.uuid())
    .bind(integration.uuid())
    .bind(location.uuid())
    .bind(place_ref)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Which place a location is.
pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    integration: IntegrationId,
    location: LocationId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select place_ref from place_assignment
         where workspace_id = $1 and integration_id = $2 and location_id = $3",
    )
    .bind(workspace.uuid())
    .bind(integration.uuid())
    .bind(location.uuid())
    .fetch_optional(conn)
    .await
}

/// Says that a location is none of the places. Gives the one that it was.
pub(crate) async fn delete(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    integration: IntegrationId,
    location: LocationId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "delete from place_assignment where workspace_id = $1 and integration_id = $2 and location_id = $3
         returning place_ref",
    )
    .bind(workspace.uuid())
    .bind(integration.uuid())
    .bind(location.uuid())
    .fetch_optional(conn)
    .await
}

/// All locations that are a place of the integration, with its id, by location.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    integration: IntegrationId,
) -> Result<Vec<(LocationId, String)>, sqlx::Error> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "select location_id, place_ref from place_assignment
         where workspace_id = $1 and integration_id = $2 order by location_id",
    )
    .bind(workspace.uuid())
    .bind(integration.uuid())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(location, place)| (LocationId::from_uuid(location), place)).collect())
}
