//! Rows of the audit log.

use domain::{AuditEntryId, Timestamp, WorkspaceId};
use proto::audit::v1 as pb;
use sqlx::types::Json;
use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use crate::model::audit::{AuditEntry, AuditFilter};

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: Uuid,
    happened_at: Timestamp,
    entry: Json<pb::AuditEntry>,
}

impl From<EntryRow> for AuditEntry {
    fn from(row: EntryRow) -> Self {
        Self { id: AuditEntryId::from_uuid(row.id), time: row.happened_at, told: row.entry.0 }
    }
}

/// Adds entries, each of a workspace. Those that are there already stay as they are.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    entries: &[(WorkspaceId, &AuditEntry)],
) -> Result<(), sqlx::Error> {
    let actor = |entry: &AuditEntry| entry.told.actor.as_ref().map_or_else(String::new, |a| a.name.clone());
    sqlx::query(
        "insert into audit_entry (workspace_id, id, happened_at, actor, subject, entry)
         select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::jsonb[])
         on conflict do nothing",
    )
    .bind(entries.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(entries.iter().map(|(_, entry)| entry.id.uuid()).collect::<Vec<_>>())
    .bind(entries.iter().map(|(_, entry)| entry.time).collect::<Vec<_>>())
    .bind(entries.iter().map(|(_, entry)| actor(entry)).collect::<Vec<_>>())
    .bind(entries.iter().map(|(_, entry)| entry.told.subject.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|(_, entry)| Json(&entry.told)).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// When an entry was made.
pub(crate) async fn find_time(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: Uuid,
) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar("select happened_at from audit_entry where workspace_id = $1 and id = $2")
        .bind(workspace.uuid())
        .bind(id)
        .fetch_optional(conn)
        .await
}

/// Newest first: those before the one with this time and id.
pub(crate) async fn list_before(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &AuditFilter,
    (time, id): (Timestamp, Uuid),
    limit: i64,
) -> Result<Vec<AuditEntry>, sqlx::Error> {
    // Each filter has an index, which a statement that leaves it open could not use.
    let mut query = QueryBuilder::new("select id, happened_at, entry from audit_entry where workspace_id = ");
    query.push_bind(workspace.uuid());
    for (condition, value) in [(" and actor = ", &filter.actor), (" and subject = ", &filter.subject)] {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    query.push(" and happened_at >= ").push_bind(filter.period.start);
    query.push(" and (happened_at, id) < (").push_bind(time).push(", ").push_bind(id).push(")");
    query.push(" order by happened_at desc, id desc limit ").push_bind(limit);
    let rows: Vec<EntryRow> = query.build_query_as().fetch_all(conn).await?;
    Ok(rows.into_iter().map(AuditEntry::from).collect())
}

/// Oldest first: those after the one with this time and id, and before `end`.
pub(crate) async fn list_after(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    (time, id): (Timestamp, Uuid),
    end: Timestamp,
    limit: i64,
) -> Result<Vec<AuditEntry>, sqlx::Error> {
    let rows: Vec<EntryRow> = sqlx::query_as(
        "select id, happened_at, entry from audit_entry
         where workspace_id = $1 and (happened_at, id) > ($2, $3) and happened_at < $4
         order by happened_at, id limit $5",
    )
    .bind(workspace.uuid())
    .bind(time)
    .bind(id)
    .bind(end)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(AuditEntry::from).collect())
}
