//! Rows of integrations: whether mappings are followed.

use std::collections::HashSet;

use domain::{GrantId, LocationId, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{Integration, Target};

/// Stores an integration unless a newer version of it is known. Says whether mappings may be followed
/// from now on that were not, or the other way round.
pub(crate) async fn upsert(conn: &mut PgConnection, integration: &Integration) -> Result<bool, sqlx::Error> {
    let changed: Option<bool> = sqlx::query_scalar(
        "with known as (
           select is_active from integration
           where workspace_id = $1 and provider = $2
             and (location_id = $3 or location_id is null and $3 is null)
         )
         insert into integration (workspace_id, provider, location_id, version, is_active)
         values ($1, $2, $3, $4, $5)
         on conflict on constraint integration_place do update
           set version = excluded.version, is_active = excluded.is_active
           where integration.version < excluded.version
         returning is_active is distinct from (select known.is_active from known)",
    )
    .bind(integration.workspace.uuid())
    .bind(&integration.provider)
    .bind(integration.location.map(LocationId::uuid))
    .bind(integration.version)
    .bind(integration.is_active)
    .fetch_optional(conn)
    .await?;
    Ok(changed.unwrap_or(false))
}

/// Those of the grants whose mappings are not followed.
pub(crate) async fn resting_grants(
    conn: &mut PgConnection,
    grants: &[(WorkspaceId, GrantId)],
) -> Result<HashSet<GrantId>, sqlx::Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select g.id from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, id)
         join access_grant g on g.workspace_id = k.workspace_id and g.id = k.id
         where not mapping_is_active(g.workspace_id, g.provider, g.location_id)",
    )
    .bind(grants.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(grants.iter().map(|(_, grant)| grant.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(GrantId::from_uuid).collect())
}

/// Whether mappings to a target are followed.
pub(crate) async fn is_followed(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    target: &Target,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select mapping_is_active($1, $2, $3)")
        .bind(workspace.uuid())
        .bind(&target.provider)
        .bind(target.location.uuid())
        .fetch_one(conn)
        .await
}
