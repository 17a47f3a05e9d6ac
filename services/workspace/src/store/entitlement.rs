//! Rows of entitlements.

use chassis::paging::Page;
use domain::{EntitlementId, LocationId, PersonId, ProviderName, Timestamp, WorkspaceId};
use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use super::corrupt;
use crate::model::entitlement::{Door, DoorKind, Entitlement};

#[derive(sqlx::FromRow)]
struct EntitlementRow {
    workspace_id: Uuid,
    id: Uuid,
    person_id: Uuid,
    location_id: Uuid,
    provider: String,
    target_kind: DoorKind,
    target_ref: String,
    target_name: String,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    reason: String,
    ended_at: Option<Timestamp>,
    version: i64,
    created_at: Timestamp,
}

impl TryFrom<EntitlementRow> for Entitlement {
    type Error = sqlx::Error;
    fn try_from(row: EntitlementRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: EntitlementId::from_uuid(row.id),
            person: PersonId::from_uuid(row.person_id),
            door: Door {
                location: LocationId::from_uuid(row.location_id),
                provider: row.provider.parse::<ProviderName>().map_err(corrupt)?,
                kind: row.target_kind,
                provider_ref: row.target_ref,
                display_name: row.target_name,
            },
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            reason: row.reason,
            ended_at: row.ended_at,
            version: row.version,
            created_at: row.created_at,
        })
    }
}

pub(crate) async fn insert(conn: &mut PgConnection, new: &Entitlement) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into entitlement (workspace_id, id, person_id, location_id, provider, target_kind, target_ref,
           target_name, starts_at, ends_at, reason, version, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(new.person.uuid())
    .bind(new.door.location.uuid())
    .bind(new.door.provider.to_string())
    .bind(new.door.kind)
    .bind(&new.door.provider_ref)
    .bind(&new.door.display_name)
    .bind(new.starts_at)
    .bind(new.ends_at)
    .bind(&new.reason)
    .bind(new.version)
    .bind(new.created_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes that a locked entitlement was ended.
pub(crate) async fn update_ended(conn: &mut PgConnection, ended: &Entitlement) -> Result<(), sqlx::Error> {
    sqlx::query("update entitlement set ended_at = $3, version = $4 where workspace_id = $1 and id = $2")
        .bind(ended.workspace.uuid())
        .bind(ended.id.uuid())
        .bind(ended.ended_at)
        .bind(ended.version)
        .execute(conn)
        .await?;
    Ok(())
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: EntitlementId,
) -> Result<Option<Entitlement>, sqlx::Error> {
    let row: Option<EntitlementRow> =
        sqlx::query_as("select * from entitlement where workspace_id = $1 and id = $2")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(Entitlement::try_from).transpose()
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: EntitlementId,
) -> Result<Option<Entitlement>, sqlx::Error> {
    let row: Option<EntitlementRow> =
        sqlx::query_as("select * from entitlement where workspace_id = $1 and id = $2 for update")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(Entitlement::try_from).transpose()
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: Option<PersonId>,
    page: &Page,
) -> Result<Vec<Entitlement>, sqlx::Error> {
    // Of one person they have an index, which a statement that leaves it open could not use.
    let mut query = QueryBuilder::new("select * from entitlement where workspace_id = ");
    query.push_bind(workspace.uuid()).push(" and id > ").push_bind(page.after);
    if let Some(person) = person {
        query.push(" and person_id = ").push_bind(person.uuid());
    }
    query.push(" order by id limit ").push_bind(page.limit);
    let rows: Vec<EntitlementRow> = query.build_query_as().fetch_all(conn).await?;
    rows.into_iter().map(Entitlement::try_from).collect()
}
