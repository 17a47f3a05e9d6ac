//! Rows of the audit log.

use chassis::paging::Page;
use domain::{AuditEntryId, Timestamp, WorkspaceId};
use proto::audit::v1 as pb;
use sqlx::PgConnection;
use sqlx::types::Json;
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

/// Newest first. Nothing is ever taken away, so where a page ended is still there to say its time.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &AuditFilter,
    page: &Page,
) -> Result<Vec<AuditEntry>, sqlx::Error> {
    let rows: Vec<EntryRow> = sqlx::query_as(
        "select id, happened_at, entry from audit_entry
         where workspace_id = $1 and happened_at >= coalesce($2, '-infinity')
           and (happened_at, id) < (
             coalesce((select happened_at from audit_entry where workspace_id = $1 and id = $4), $3, 'infinity'),
             $4)
           and ($5::text is null or actor = $5) and ($6::text is null or subject = $6)
         order by happened_at desc, id desc limit $7",
    )
    .bind(workspace.uuid())
    .bind(filter.start)
    .bind(filter.end)
    .bind(page.after)
    .bind(&filter.actor)
    .bind(&filter.subject)
    .bind(page.limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(AuditEntry::from).collect())
}

/// Oldest first: those after the one with this time and id, and before `end`.
pub(crate) async fn list_from(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    (time, id): (Option<Timestamp>, Uuid),
    end: Option<Timestamp>,
    limit: i64,
) -> Result<Vec<AuditEntry>, sqlx::Error> {
    let rows: Vec<EntryRow> = sqlx::query_as(
        "select id, happened_at, entry from audit_entry
         where workspace_id = $1 and (happened_at, id) > (coalesce($2, '-infinity'), $3)
           and happened_at < coalesce($4, 'infinity')
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
