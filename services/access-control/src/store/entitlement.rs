//! Rows of entitlements.

use std::collections::HashMap;

use chrono::Duration;
use domain::{GrantId, Timestamp, Window, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{Entitlement, MINUTES_MAX, Settings};

/// Stores entitlements unless a newer version of their source is known. Each source may be in the list
/// once. Gives the (workspace, source) of those that changed.
pub(crate) async fn upsert(
    conn: &mut PgConnection,
    entitlements: &[&Entitlement],
) -> Result<Vec<(Uuid, Uuid)>, sqlx::Error> {
    sqlx::query_as(
        "insert into entitlement (workspace_id, source_kind, source_id, source_version, person_id,
           resource_id, starts_at, ends_at, stands)
         select workspace_id, 'booking', source_id, source_version, person_id, resource_id, starts_at,
           ends_at, stands
         from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::timestamptz[],
           $7::timestamptz[], $8::boolean[])
           as n (workspace_id, source_id, source_version, person_id, resource_id, starts_at, ends_at, stands)
         order by workspace_id, source_id
         on conflict (workspace_id, source_kind, source_id) do update
           set source_version = excluded.source_version, starts_at = excluded.starts_at,
               ends_at = excluded.ends_at, stands = excluded.stands
           where entitlement.source_version < excluded.source_version
         returning workspace_id, source_id",
    )
    .bind(entitlements.iter().map(|e| e.workspace.uuid()).collect::<Vec<_>>())
    .bind(entitlements.iter().map(|e| e.booking.uuid()).collect::<Vec<_>>())
    .bind(entitlements.iter().map(|e| e.version).collect::<Vec<_>>())
    .bind(entitlements.iter().map(|e| e.person.uuid()).collect::<Vec<_>>())
    .bind(entitlements.iter().map(|e| e.resource.uuid()).collect::<Vec<_>>())
    .bind(entitlements.iter().map(|e| e.window.start()).collect::<Vec<_>>())
    .bind(entitlements.iter().map(|e| e.window.end()).collect::<Vec<_>>())
    .bind(entitlements.iter().map(|e| e.stands).collect::<Vec<_>>())
    .fetch_all(conn)
    .await
}

#[derive(sqlx::FromRow)]
struct WindowRow {
    grant_id: Uuid,
    starts_at: Timestamp,
    ends_at: Timestamp,
    lead_minutes: i32,
    lag_minutes: i32,
}

/// The access windows that lead to each grant and are not over: of all standing entitlements of its
/// person, through all mappings to its target.
pub(crate) async fn windows_of_grants(
    conn: &mut PgConnection,
    grants: &[(WorkspaceId, GrantId)],
    defaults: Settings,
    now: Timestamp,
) -> Result<HashMap<GrantId, Vec<Window>>, sqlx::Error> {
    let rows: Vec<WindowRow> = sqlx::query_as(
        "select g.id as grant_id, e.starts_at, e.ends_at,
           coalesce(m.lead_minutes, s.lead_minutes, $3) as lead_minutes,
           coalesce(m.lag_minutes, s.lag_minutes, $4) as lag_minutes
         from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, id)
         join access_grant g on g.workspace_id = k.workspace_id and g.id = k.id
         join door_mapping m on m.workspace_id = g.workspace_id and m.location_id = g.location_id
           and m.provider = g.provider and m.target_kind = g.target_kind and m.target_ref = g.target_ref
         join entitlement e on e.workspace_id = g.workspace_id and e.person_id = g.person_id
           and e.resource_id = m.resource_id and e.stands and e.ends_at > $5
         left join settings s on s.workspace_id = g.workspace_id",
    )
    .bind(grants.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(grants.iter().map(|(_, grant)| grant.uuid()).collect::<Vec<_>>())
    .bind(defaults.lead_minutes)
    .bind(defaults.lag_minutes)
    // What ended longer ago than the longest lag is history.
    .bind(now - Duration::minutes(MINUTES_MAX.into()))
    .fetch_all(conn)
    .await?;
    let mut windows: HashMap<GrantId, Vec<Window>> = HashMap::new();
    for row in rows {
        let window = Window::new(row.starts_at, row.ends_at).map_err(|e| sqlx::Error::Decode(e.into()))?;
        let (lead, lag) = (row.lead_minutes.into(), row.lag_minutes.into());
        let widened = window.widened(Duration::minutes(lead), Duration::minutes(lag));
        windows.entry(GrantId::from_uuid(row.grant_id)).or_default().push(widened);
    }
    Ok(windows)
}
