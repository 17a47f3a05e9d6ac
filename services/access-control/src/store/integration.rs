//! Rows of integrations: which one serves a location, and whether mappings are followed.

use std::collections::HashSet;

use domain::{GrantId, LocationId, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{Integration, Target};

/// What the word of an integration changes.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(crate) struct Change {
    /// Mappings may be followed from now on that were not, or the other way round.
    pub of_following: bool,
    /// It serves its location from now on.
    pub begins_to_serve: bool,
}

/// Stores an integration as it is at its newest version, and whether it was active at any.
pub(crate) async fn upsert(
    conn: &mut PgConnection,
    integration: &Integration,
) -> Result<Change, sqlx::Error> {
    sqlx::query_as(
        "with known as (
           select is_active, serves from integration
           where workspace_id = $1 and provider = $2
             and (location_id = $3 or location_id is null and $3 is null)
         )
         insert into integration as i (workspace_id, provider, location_id, version, is_active, serves)
         values ($1, $2, $3, $4, $5, $5)
         on conflict on constraint integration_place do update
           set version = greatest(i.version, excluded.version), serves = i.serves or excluded.serves,
               is_active = case when i.version < excluded.version then excluded.is_active else i.is_active end
         returning is_active is distinct from (select known.is_active from known) as of_following,
           serves and not coalesce((select known.serves from known), false) as begins_to_serve",
    )
    .bind(integration.workspace.uuid())
    .bind(&integration.provider)
    .bind(integration.location.map(LocationId::uuid))
    .bind(integration.version)
    .bind(integration.is_active)
    .fetch_one(conn)
    .await
}

/// Those of the grants whose integration is not active. Where the workspace has none, that is the location's own.
pub(crate) async fn resting_grants(
    conn: &mut PgConnection,
    grants: &[(WorkspaceId, GrantId)],
) -> Result<HashSet<GrantId>, sqlx::Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select g.id from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, id)
         join access_grant g on g.workspace_id = k.workspace_id and g.id = k.id
         left join integration i on i.workspace_id = g.workspace_id and i.provider = g.provider
           and (i.location_id = g.served_by or i.location_id is null and g.served_by is null)
         left join integration own on own.workspace_id = g.workspace_id and own.provider = g.provider
           and own.location_id = g.location_id
         where not coalesce(i.is_active, own.is_active, true)",
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
