//! Rows of what accounts have, and what that says of mappings.

use std::collections::{HashMap, HashSet};

use domain::{DoorMappingId, LocationId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{DoorMapping, Health, ListedDoor, Listing, SubjectKey, SubjectKind, TargetKind};

#[derive(sqlx::FromRow)]
struct DoorRow {
    kind: TargetKind,
    #[sqlx(rename = "ref")]
    provider_ref: String,
    name: String,
    warnings: Vec<String>,
}

impl From<DoorRow> for ListedDoor {
    fn from(row: DoorRow) -> Self {
        let DoorRow { kind, provider_ref, name: display_name, warnings } = row;
        Self { kind, provider_ref, display_name, warnings }
    }
}

/// Keeps a listing, or a part of one. It is in force in place of the one before once all of its parts are there, unless
/// a newer one is.
pub(crate) async fn put(conn: &mut PgConnection, listing: &Listing) -> Result<(), sqlx::Error> {
    let (workspace, account) = (listing.account.workspace.uuid(), listing.account.id.uuid());
    // An account's parts one after the other: whoever keeps the last one sees all.
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('doors of ' || $1::uuid, 0))")
        .bind(account)
        .execute(&mut *conn)
        .await?;
    let in_force: Option<i64> = sqlx::query_scalar(
        "select version from door_listing where workspace_id = $1 and account_id = $2 and version >= $3",
    )
    .bind(workspace)
    .bind(account)
    .bind(listing.version)
    .fetch_optional(&mut *conn)
    .await?;
    if in_force.is_some() {
        return Ok(());
    }
    insert_doors(conn, listing).await?;
    let parts: i64 = sqlx::query_scalar(
        "with new as (
           insert into listing_part (workspace_id, account_id, version, part) values ($1, $2, $3, $4)
           on conflict do nothing
         )
         select count(*) from (
           select part from listing_part where workspace_id = $1 and account_id = $2 and version = $3
           union select $4) as known",
    )
    .bind(workspace)
    .bind(account)
    .bind(listing.version)
    .bind(listing.part)
    .fetch_one(&mut *conn)
    .await?;
    if parts < i64::from(listing.part_count) {
        return Ok(());
    }
    sqlx::query(
        "insert into door_listing (workspace_id, account_id, version, listed_at) values ($1, $2, $3, $4)
         on conflict (workspace_id, account_id) do update
           set version = excluded.version, listed_at = excluded.listed_at",
    )
    .bind(workspace)
    .bind(account)
    .bind(listing.version)
    .bind(listing.listed_at)
    .execute(&mut *conn)
    .await?;
    for forget in [
        "delete from listed_door where workspace_id = $1 and account_id = $2 and version < $3",
        "delete from listing_part where workspace_id = $1 and account_id = $2 and version <= $3",
    ] {
        sqlx::query(forget).bind(workspace).bind(account).bind(listing.version).execute(&mut *conn).await?;
    }
    Ok(())
}

async fn insert_doors(conn: &mut PgConnection, listing: &Listing) -> Result<(), sqlx::Error> {
    // Arrays of arrays are matrices to Postgres; no warning has a line of its own.
    sqlx::query(
        "insert into listed_door (workspace_id, account_id, version, kind, ref, name, warnings)
         select $1, $2, $3, kind, ref, name, array_remove(string_to_array(warnings, E'\\n'), '')
         from unnest($4::text[], $5::text[], $6::text[], $7::text[]) as d (kind, ref, name, warnings)
         on conflict do nothing",
    )
    .bind(listing.account.workspace.uuid())
    .bind(listing.account.id.uuid())
    .bind(listing.version)
    .bind(listing.doors.iter().map(|door| door.kind).collect::<Vec<_>>())
    .bind(listing.doors.iter().map(|door| door.provider_ref.as_str()).collect::<Vec<_>>())
    .bind(listing.doors.iter().map(|door| door.display_name.as_str()).collect::<Vec<_>>())
    .bind(listing.doors.iter().map(|door| door.warnings.join("\n")).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// What serves a provider's doors at a location has, and when it last had just that; `None`: it was never listed.
/// Each whole comparison finds it so, or has it listed anew.
pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    provider: &str,
    location: LocationId,
) -> Result<Option<(Timestamp, Vec<ListedDoor>)>, sqlx::Error> {
    let listing: Option<(Uuid, i64, Timestamp)> = sqlx::query_as(
        "select l.account_id, l.version, greatest(l.listed_at, r.ended_at)
         from door_listing l
         left join reconciliation r on r.workspace_id = l.workspace_id and r.account_id = l.account_id
         where l.workspace_id = $1 and l.account_id = account_of($1, $2, $3)",
    )
    .bind(workspace.uuid())
    .bind(provider)
    .bind(location.uuid())
    .fetch_optional(&mut *conn)
    .await?;
    let Some((account, version, listed_at)) = listing else { return Ok(None) };
    let rows: Vec<DoorRow> = sqlx::query_as(
        "select kind, ref, name, warnings from listed_door
         where workspace_id = $1 and account_id = $2 and version = $3
         order by kind, name, ref",
    )
    .bind(workspace.uuid())
    .bind(account)
    .bind(version)
    .fetch_all(conn)
    .await?;
    Ok(Some((listed_at, rows.into_iter().map(ListedDoor::from).collect())))
}

/// Those of the subjects that are mapped to a provider's doors at a location.
pub(crate) async fn mapped(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    provider: &str,
    location: LocationId,
) -> Result<HashSet<SubjectKey>, sqlx::Error> {
    let rows: Vec<(SubjectKind, Uuid)> = sqlx::query_as(
        "select subject_kind, subject_id from door_mapping
         where workspace_id = $1 and location_id = $2 and provider = $3",
    )
    .bind(workspace.uuid())
    .bind(location.uuid())
    .bind(provider)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(kind, id)| SubjectKey { kind, id }).collect())
}

#[derive(sqlx::FromRow)]
struct HealthRow {
    id: Uuid,
    is_listed: bool,
    is_there: bool,
    warnings: Vec<String>,
    lacking: Option<String>,
}

/// What stands between these mappings and their doors: by the last listing, and by what the provider said to
/// commands since.
pub(crate) async fn health(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    mappings: &[DoorMapping],
) -> Result<HashMap<DoorMappingId, Health>, sqlx::Error> {
    let rows: Vec<HealthRow> = sqlx::query_as(
        "select m.id, l.account_id is not null as is_listed, d.ref is not null as is_there,
           coalesce(d.warnings, '{}') as warnings, g.last_error as lacking
         from unnest($2::uuid[]) as k (id)
         join door_mapping m on m.workspace_id = $1 and m.id = k.id
         left join door_listing l on l.workspace_id = m.workspace_id
           and l.account_id = account_of(m.workspace_id, m.provider, m.location_id)
         left join listed_door d on d.workspace_id = l.workspace_id and d.account_id = l.account_id
           and d.version = l.version and d.kind = m.target_kind and d.ref = m.target_ref
         left join lateral (
           select last_error from access_grant
           where workspace_id = m.workspace_id and provider = m.provider and target_kind = m.target_kind
             and target_ref = m.target_ref and problem = 'ACCESS_REASON_PROVIDER_LACKS_DOOR'
             and served_by is not distinct from served_by(m.workspace_id, m.provider, m.location_id)
           limit 1
         ) as g on true",
    )
    .bind(workspace.uuid())
    .bind(mappings.iter().map(|mapping| mapping.id.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    let health = |row: HealthRow| {
        let gone = (row.is_listed && !row.is_there).then(|| {
            "the provider has no such door or group any more: map another one, or make it there again"
                .to_owned()
        });
        let health = Health { broken: row.lacking.or(gone), warnings: row.warnings };
        (DoorMappingId::from_uuid(row.id), health)
    };
    Ok(rows.into_iter().map(health).collect())
}
