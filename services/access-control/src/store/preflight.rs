//! Rows of what is checked ahead, and of the checks.

use chassis::paging::Page;
use domain::{Timestamp, Window, WorkspaceId};
use proto::access::v1::PreflightFinding;
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::model::{PreflightCheck, SourceKey};
use crate::preflight::{Stage, next_due};

/// Keeps when sources begin and end; `None`: there is nothing to check any more. What was found for another time is
/// forgotten.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    sources: &[(SourceKey, Option<Window>)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with told as (
           select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::timestamptz[],
             $6::timestamptz[]) as t (workspace_id, source_kind, source_id, starts_at, ends_at, due_at)
         ),
         kept as (
           insert into preflight (workspace_id, source_kind, source_id, starts_at, ends_at, due_at)
           select * from told where starts_at is not null
           on conflict (workspace_id, source_kind, source_id) do update
             set starts_at = excluded.starts_at, ends_at = excluded.ends_at, due_at = excluded.due_at
             where (preflight.starts_at, preflight.ends_at) is distinct from (excluded.starts_at, excluded.ends_at)
           returning workspace_id, source_kind, source_id
         ),
         gone as (
           delete from preflight p using told t
           where t.starts_at is null and p.workspace_id = t.workspace_id and p.source_kind = t.source_kind
             and p.source_id = t.source_id
           returning p.workspace_id, p.source_kind, p.source_id
         )
         delete from preflight_check c using (select * from kept union all select * from gone) as o
         where c.workspace_id = o.workspace_id and c.source_kind = o.source_kind and c.source_id = o.source_id",
    )
    .bind(sources.iter().map(|(source, _)| source.workspace.uuid()).collect::<Vec<_>>())
    .bind(sources.iter().map(|(source, _)| source.kind.as_str()).collect::<Vec<_>>())
    .bind(sources.iter().map(|(source, _)| source.id).collect::<Vec<_>>())
    .bind(sources.iter().map(|(_, window)| window.map(Window::start)).collect::<Vec<_>>())
    .bind(sources.iter().map(|(_, window)| window.map(Window::end)).collect::<Vec<_>>())
    .bind(sources.iter().map(|(_, window)| window.map(|window| next_due(window, now))).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct DueRow {
    workspace_id: Uuid,
    source_kind: String,
    source_id: Uuid,
    starts_at: Timestamp,
    ends_at: Timestamp,
}

impl DueRow {
    fn read(self) -> Result<(SourceKey, Window), sqlx::Error> {
        let workspace = WorkspaceId::from_uuid(self.workspace_id);
        let window = Window::new(self.starts_at, self.ends_at).map_err(|e| sqlx::Error::Decode(e.into()))?;
        Ok((SourceKey { workspace, kind: self.source_kind, id: self.source_id }, window))
    }
}

/// What is due, the longest due first, with when it begins and ends.
pub(crate) async fn due(
    conn: &mut PgConnection,
    now: Timestamp,
    limit: u16,
) -> Result<Vec<(SourceKey, Window)>, sqlx::Error> {
    let rows: Vec<DueRow> = sqlx::query_as(
        "select workspace_id, source_kind, source_id, starts_at, ends_at from preflight where due_at <= $1
         order by due_at limit $2",
    )
    .bind(now)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(DueRow::read).collect()
}

/// The same, and locks it, passing over what other replicas have.
pub(crate) async fn claim_due(
    conn: &mut PgConnection,
    now: Timestamp,
    limit: u16,
) -> Result<Vec<(SourceKey, Window)>, sqlx::Error> {
    let rows: Vec<DueRow> = sqlx::query_as(
        "select workspace_id, source_kind, source_id, starts_at, ends_at from preflight where due_at <= $1
         order by due_at limit $2 for update skip locked",
    )
    .bind(now)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(DueRow::read).collect()
}

/// When something is due next.
pub(crate) async fn next_time(conn: &mut PgConnection) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar("select min(due_at) from preflight").fetch_one(conn).await
}

/// Has locked rows come up again at their next time; `None`: never again, and their checks are forgotten.
pub(crate) async fn come_again(
    conn: &mut PgConnection,
    sources: &[(SourceKey, Option<Timestamp>)],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with told as (
           select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[])
             as t (workspace_id, source_kind, source_id, due_at)
         ),
         kept as (
           update preflight p set due_at = t.due_at from told t
           where t.due_at is not null and p.workspace_id = t.workspace_id and p.source_kind = t.source_kind
             and p.source_id = t.source_id
         ),
         gone as (
           delete from preflight p using told t
           where t.due_at is null and p.workspace_id = t.workspace_id and p.source_kind = t.source_kind
             and p.source_id = t.source_id
         )
         delete from preflight_check c using told t
         where t.due_at is null and c.workspace_id = t.workspace_id and c.source_kind = t.source_kind
           and c.source_id = t.source_id",
    )
    .bind(sources.iter().map(|(source, _)| source.workspace.uuid()).collect::<Vec<_>>())
    .bind(sources.iter().map(|(source, _)| source.kind.as_str()).collect::<Vec<_>>())
    .bind(sources.iter().map(|(source, _)| source.id).collect::<Vec<_>>())
    .bind(sources.iter().map(|(_, due_at)| *due_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes a check, in place of an earlier one of its stage.
pub(crate) async fn note(conn: &mut PgConnection, check: &PreflightCheck) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into preflight_check (workspace_id, id, source_kind, source_id, stage, starts_at, checked_at,
           is_in_order, findings)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (workspace_id, source_kind, source_id, stage) do update
           set starts_at = excluded.starts_at, checked_at = excluded.checked_at,
             is_in_order = excluded.is_in_order, findings = excluded.findings",
    )
    .bind(check.source.workspace.uuid())
    .bind(check.id)
    .bind(&check.source.kind)
    .bind(check.source.id)
    .bind(check.stage)
    .bind(check.starts_at)
    .bind(check.checked_at)
    .bind(check.is_in_order())
    .bind(Json(&check.findings))
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct CheckRow {
    id: Uuid,
    source_kind: String,
    source_id: Uuid,
    stage: Stage,
    starts_at: Timestamp,
    checked_at: Timestamp,
    findings: Json<Vec<PreflightFinding>>,
}

/// Checks of one source, or of all; all of them, or what is not in order.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    source: Option<&SourceKey>,
    only_failed: bool,
    page: &Page,
) -> Result<Vec<PreflightCheck>, sqlx::Error> {
    let mut query = QueryBuilder::<Postgres>::new(
        "select id, source_kind, source_id, stage, starts_at, checked_at, findings
         from preflight_check where workspace_id = ",
    );
    query.push_bind(workspace.uuid()).push(" and id > ").push_bind(page.after);
    if let Some(source) = source {
        query.push(" and source_kind = ").push_bind(&source.kind);
        query.push(" and source_id = ").push_bind(source.id);
    }
    if only_failed {
        query.push(" and not is_in_order");
    }
    query.push(" order by id limit ").push_bind(page.limit);
    let rows: Vec<CheckRow> = query.build_query_as().fetch_all(conn).await?;
    let checks = rows.into_iter().map(|row| PreflightCheck {
        id: row.id,
        source: SourceKey { workspace, kind: row.source_kind, id: row.source_id },
        stage: row.stage,
        starts_at: row.starts_at,
        checked_at: row.checked_at,
        findings: row.findings.0,
    });
    Ok(checks.collect())
}
