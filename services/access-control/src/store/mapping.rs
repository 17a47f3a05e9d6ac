//! Rows of door mappings.

use chassis::paging::Page;
use domain::{DoorMappingId, LocationId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{DoorMapping, SubjectKey, SubjectKind, Target, TargetKind};

/// The doors of one subject that are looked at together.
const TARGETS_MAX: i64 = 100;

#[derive(sqlx::FromRow)]
struct MappingRow {
    id: Uuid,
    subject_kind: SubjectKind,
    subject_id: Uuid,
    location_id: Uuid,
    provider: String,
    target_kind: TargetKind,
    target_ref: String,
    target_name: String,
    lead_minutes: Option<i32>,
    lag_minutes: Option<i32>,
    is_active: bool,
}

impl From<MappingRow> for DoorMapping {
    fn from(row: MappingRow) -> Self {
        Self {
            id: DoorMappingId::from_uuid(row.id),
            subject: SubjectKey { kind: row.subject_kind, id: row.subject_id },
            target: Target {
                location: LocationId::from_uuid(row.location_id),
                provider: row.provider,
                kind: row.target_kind,
                provider_ref: row.target_ref,
                display_name: row.target_name,
            },
            lead_minutes: row.lead_minutes,
            lag_minutes: row.lag_minutes,
            is_active: row.is_active,
        }
    }
}

/// Has no mapping of these workspaces come until the end of the transaction, nor any integration. Whoever makes
/// grants for the mappings that stand, and whoever makes a mapping and grants for the bookings that stand, would
/// otherwise miss each other if they came at the same moment. To be taken before the lock of any grant;
/// in the order of ids, so that no two wait for each other.
pub(crate) async fn hold_off_new(
    conn: &mut PgConnection,
    workspaces: &[WorkspaceId],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select pg_advisory_xact_lock_shared(hashtextextended('new door mappings of ' || id, 0))
         from (select distinct id from unnest($1::uuid[]) as id order by id) as workspace",
    )
    .bind(workspaces.iter().map(|workspace| workspace.uuid()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Waits for all who hold off new mappings of these workspaces, and holds them off until the end of the
/// transaction.
pub(crate) async fn lock_new(conn: &mut PgConnection, workspaces: &[WorkspaceId]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select pg_advisory_xact_lock(hashtextextended('new door mappings of ' || id, 0))
         from (select distinct id from unnest($1::uuid[]) as id order by id) as workspace",
    )
    .bind(workspaces.iter().map(|workspace| workspace.uuid()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Inserts a mapping and says whether it is followed; `None` if the subject is mapped to that target
/// already.
pub(crate) async fn try_insert(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    mapping: &DoorMapping,
    now: Timestamp,
) -> Result<Option<bool>, sqlx::Error> {
    sqlx::query_scalar(
        "insert into door_mapping (workspace_id, id, subject_kind, subject_id, location_id, provider,
           target_kind, target_ref, target_name, lead_minutes, lag_minutes, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing
         returning mapping_is_active(workspace_id, provider, location_id)",
    )
    .bind(workspace.uuid())
    .bind(mapping.id.uuid())
    .bind(mapping.subject.kind)
    .bind(mapping.subject.id)
    .bind(mapping.target.location.uuid())
    .bind(&mapping.target.provider)
    .bind(mapping.target.kind)
    .bind(&mapping.target.provider_ref)
    .bind(&mapping.target.display_name)
    .bind(mapping.lead_minutes)
    .bind(mapping.lag_minutes)
    .bind(now)
    .fetch_optional(conn)
    .await
}

/// Deletes a mapping and gives it back; `None` if it is not there.
pub(crate) async fn delete(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: DoorMappingId,
) -> Result<Option<DoorMapping>, sqlx::Error> {
    let row: Option<MappingRow> = sqlx::query_as(
        "delete from door_mapping where workspace_id = $1 and id = $2
         returning id, subject_kind, subject_id, location_id, provider, target_kind, target_ref,
           target_name, lead_minutes, lag_minutes,
           mapping_is_active(workspace_id, provider, location_id) as is_active",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .fetch_optional(conn)
    .await?;
    Ok(row.map(DoorMapping::from))
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<DoorMapping>, sqlx::Error> {
    let rows: Vec<MappingRow> = sqlx::query_as(
        "select id, subject_kind, subject_id, location_id, provider, target_kind, target_ref, target_name,
           lead_minutes, lag_minutes, mapping_is_active(workspace_id, provider, location_id) as is_active
         from door_mapping where workspace_id = $1 and id > $2 order by id limit $3",
    )
    .bind(workspace.uuid())
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(DoorMapping::from).collect())
}

/// The targets that a subject is mapped to.
pub(crate) async fn targets_of(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    subject: SubjectKey,
) -> Result<Vec<Target>, sqlx::Error> {
    let rows: Vec<MappingRow> = sqlx::query_as(
        "select id, subject_kind, subject_id, location_id, provider, target_kind, target_ref, target_name,
           lead_minutes, lag_minutes, true as is_active
         from door_mapping where workspace_id = $1 and subject_kind = $2 and subject_id = $3
         order by id limit $4",
    )
    .bind(workspace.uuid())
    .bind(subject.kind)
    .bind(subject.id)
    .bind(TARGETS_MAX)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| DoorMapping::from(row).target).collect())
}

/// Whether anything is mapped to a target, be it at another location by the same integration.
pub(crate) async fn is_mapped(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    target: &Target,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from door_mapping
           where workspace_id = $1 and provider = $3 and target_kind = $4 and target_ref = $5
             and served_by($1, $3, location_id) is not distinct from served_by($1, $3, $2))",
    )
    .bind(workspace.uuid())
    .bind(target.location.uuid())
    .bind(&target.provider)
    .bind(target.kind)
    .bind(&target.provider_ref)
    .fetch_one(conn)
    .await
}
