//! Rows of drifts and of the comparisons that found them. Whoever locks several locks them in the order of
//! their ids, after the locks of grants.

use chassis::paging::Page;
use domain::{DriftId, GrantId, IntegrationId, PersonId, Timestamp, Window, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{Comparison, Drift, DriftKind, Reconciliation, Sighting, Turn};

/// For so long what is there no more is kept.
const ENDED_KEPT: &str = "30 days";

#[derive(sqlx::FromRow)]
struct DriftRow {
    id: Uuid,
    account_id: Uuid,
    provider: String,
    kind: DriftKind,
    target_kind: crate::model::TargetKind,
    target_ref: String,
    target_name: String,
    grant_id: Option<Uuid>,
    person_id: Option<Uuid>,
    holder: String,
    provider_ref: String,
    expected_starts_at: Option<Timestamp>,
    expected_ends_at: Option<Timestamp>,
    found_starts_at: Option<Timestamp>,
    found_ends_at: Option<Timestamp>,
    first_turn: i64,
    last_turn: i64,
    first_seen_at: Timestamp,
    last_seen_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl From<DriftRow> for Drift {
    fn from(row: DriftRow) -> Self {
        let expected = row.expected_starts_at.zip(row.expected_ends_at);
        Self {
            id: DriftId::from_uuid(row.id),
            account: IntegrationId::from_uuid(row.account_id),
            provider: row.provider,
            sighting: Sighting {
                kind: row.kind,
                target_kind: row.target_kind,
                target_ref: row.target_ref,
                target_name: row.target_name,
                grant: row.grant_id.map(GrantId::from_uuid),
                person: row.person_id.map(PersonId::from_uuid),
                holder: row.holder,
                provider_ref: row.provider_ref,
                expected: expected.and_then(|(start, end)| Window::new(start, end).ok()),
                found_from: row.found_starts_at,
                found_until: row.found_ends_at,
            },
            last_turn: row.last_turn,
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            ended_at: row.ended_at,
        }
    }
}

/// Notes what a turn saw. Gives what is news: was not there before that turn. Each may be given once.
pub(crate) async fn see(
    conn: &mut PgConnection,
    turn: &Turn,
    sightings: &[&Sighting],
    now: Timestamp,
) -> Result<Vec<Drift>, sqlx::Error> {
    let ids: Vec<Uuid> = sightings.iter().map(|_| DriftId::new().uuid()).collect();
    let rows: Vec<DriftRow> = sqlx::query_as(
        "insert into drift as d (workspace_id, account_id, provider, first_turn, last_turn, first_seen_at,
           last_seen_at, id, kind, target_kind, target_ref, target_name, grant_id, person_id, holder,
           provider_ref, expected_starts_at, expected_ends_at, found_starts_at, found_ends_at)
         select $1, $2, $3, $4, $4, $5, $5, seen.*
         from unnest($6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[], $11::uuid[], $12::uuid[],
           $13::text[], $14::text[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[],
           $18::timestamptz[])
           as seen (id, kind, target_kind, target_ref, target_name, grant_id, person_id, holder,
             provider_ref, expected_starts_at, expected_ends_at, found_starts_at, found_ends_at)
         order by seen.kind, seen.provider_ref, seen.grant_id
         on conflict on constraint drift_once do update
           set last_turn = excluded.last_turn, last_seen_at = excluded.last_seen_at,
               first_turn = case when d.ended_turn < excluded.last_turn then excluded.first_turn
                            else d.first_turn end,
               first_seen_at = case when d.ended_turn < excluded.last_turn then excluded.first_seen_at
                               else d.first_seen_at end,
               target_name = excluded.target_name, person_id = excluded.person_id, holder = excluded.holder,
               expected_starts_at = excluded.expected_starts_at,
               expected_ends_at = excluded.expected_ends_at, found_starts_at = excluded.found_starts_at,
               found_ends_at = excluded.found_ends_at, ended_at = null, ended_turn = null
           where d.last_turn < excluded.last_turn
         returning *",
    )
    .bind(turn.account.workspace.uuid())
    .bind(turn.account.id.uuid())
    .bind(&turn.provider)
    .bind(turn.number)
    .bind(now)
    .bind(ids)
    .bind(sightings.iter().map(|s| s.kind).collect::<Vec<_>>())
    .bind(sightings.iter().map(|s| s.target_kind).collect::<Vec<_>>())
    .bind(sightings.iter().map(|s| s.target_ref.as_str()).collect::<Vec<_>>())
    .bind(sightings.iter().map(|s| s.target_name.as_str()).collect::<Vec<_>>())
    .bind(sightings.iter().map(|s| s.grant.map(GrantId::uuid)).collect::<Vec<_>>())
    .bind(sightings.iter().map(|s| s.person.map(PersonId::uuid)).collect::<Vec<_>>())
    .bind(sightings.iter().map(|s| s.holder.as_str()).collect::<Vec<_>>())
    .bind(sightings.iter().map(|s| s.provider_ref.as_str()).collect::<Vec<_>>())
    .bind(sightings.iter().map(|s| s.expected.map(Window::start)).collect::<Vec<_>>())
    .bind(sightings.iter().map(|s| s.expected.map(Window::end)).collect::<Vec<_>>())
    .bind(sightings.iter().map(|s| s.found_from).collect::<Vec<_>>())
    .bind(sightings.iter().map(|s| s.found_until).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().filter(|row| row.first_turn == turn.number).map(Drift::from).collect())
}

/// Once all is noted that a turn saw, ends what it did not see any more, and forgets what ended long ago.
pub(crate) async fn end_unseen(
    conn: &mut PgConnection,
    turn: &Turn,
    comparison: &Comparison,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let noted: i64 = sqlx::query_scalar(
        "select count(*) from drift where workspace_id = $1 and account_id = $2 and last_turn = $3",
    )
    .bind(turn.account.workspace.uuid())
    .bind(turn.account.id.uuid())
    .bind(turn.number)
    .fetch_one(&mut *conn)
    .await?;
    if noted < comparison.drifts() {
        return Ok(());
    }
    sqlx::query(
        "update drift set ended_at = $4, ended_turn = $3
         from (select workspace_id, id from drift
           where workspace_id = $1 and account_id = $2 and last_turn < $3 and ended_at is null
           order by id for update) as unseen
         where drift.workspace_id = unseen.workspace_id and drift.id = unseen.id",
    )
    .bind(turn.account.workspace.uuid())
    .bind(turn.account.id.uuid())
    .bind(turn.number)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "delete from drift
         where workspace_id = $1 and account_id = $2 and ended_at < $3 - $4::text::interval",
    )
    .bind(turn.account.workspace.uuid())
    .bind(turn.account.id.uuid())
    .bind(now)
    .bind(ENDED_KEPT)
    .execute(conn)
    .await?;
    Ok(())
}

/// The providers have again what these grants want.
pub(crate) async fn end_of_grants(
    conn: &mut PgConnection,
    grants: &[(WorkspaceId, GrantId)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update drift set ended_at = $3, ended_turn = last_turn
         from (select d.workspace_id, d.id from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, grant_id)
           join drift d on d.workspace_id = k.workspace_id and d.grant_id = k.grant_id and d.ended_at is null
           order by d.id for update of d) as repaired
         where drift.workspace_id = repaired.workspace_id and drift.id = repaired.id",
    )
    .bind(grants.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(grants.iter().map(|(_, grant)| grant.uuid()).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes a whole turn; `false` if a later one is known.
pub(crate) async fn note_whole(
    conn: &mut PgConnection,
    turn: &Turn,
    comparison: &Comparison,
) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query(
        "insert into reconciliation (workspace_id, account_id, provider, turn, began_at, ended_at, rights,
           missing, changed, unwanted, foreigners, failed_turn, failure_reason)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, '')
         on conflict (workspace_id, account_id) do update
           set provider = excluded.provider, turn = excluded.turn, began_at = excluded.began_at,
               ended_at = excluded.ended_at, rights = excluded.rights, missing = excluded.missing,
               changed = excluded.changed, unwanted = excluded.unwanted, foreigners = excluded.foreigners
           where reconciliation.turn <= excluded.turn",
    )
    .bind(turn.account.workspace.uuid())
    .bind(turn.account.id.uuid())
    .bind(&turn.provider)
    .bind(turn.number)
    .bind(turn.began_at)
    .bind(turn.ended_at)
    .bind(comparison.rights)
    .bind(comparison.missing)
    .bind(comparison.changed)
    .bind(comparison.unwanted)
    .bind(comparison.foreign)
    .execute(conn)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Notes a turn that failed.
pub(crate) async fn note_failed(
    conn: &mut PgConnection,
    turn: &Turn,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into reconciliation (workspace_id, account_id, provider, turn, rights, missing, changed,
           unwanted, foreigners, failed_turn, failed_at, failure_reason)
         values ($1, $2, $3, 0, 0, 0, 0, 0, 0, $4, $5, $6)
         on conflict (workspace_id, account_id) do update
           set failed_turn = excluded.failed_turn, failed_at = excluded.failed_at,
               failure_reason = excluded.failure_reason
           where reconciliation.failed_turn < excluded.failed_turn",
    )
    .bind(turn.account.workspace.uuid())
    .bind(turn.account.id.uuid())
    .bind(&turn.provider)
    .bind(turn.number)
    .bind(turn.ended_at)
    .bind(reason)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    show_ended: bool,
    page: &Page,
) -> Result<Vec<Drift>, sqlx::Error> {
    let rows: Vec<DriftRow> = sqlx::query_as(
        "select * from drift where workspace_id = $1 and id > $2 and ($4 or ended_at is null)
         order by id limit $3",
    )
    .bind(workspace.uuid())
    .bind(page.after)
    .bind(page.limit)
    .bind(show_ended)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Drift::from).collect())
}

#[derive(sqlx::FromRow)]
struct ReconciliationRow {
    account_id: Uuid,
    provider: String,
    turn: i64,
    began_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    rights: i32,
    missing: i32,
    changed: i32,
    unwanted: i32,
    foreigners: i32,
    failed_turn: i64,
    failed_at: Option<Timestamp>,
    failure_reason: String,
}

impl From<ReconciliationRow> for Reconciliation {
    fn from(row: ReconciliationRow) -> Self {
        let ReconciliationRow { rights, missing, changed, unwanted, foreigners: foreign, .. } = row;
        let comparison = Comparison { rights, missing, changed, unwanted, foreign };
        let whole = row.began_at.zip(row.ended_at).map(|(began, ended)| (began, ended, comparison));
        // One that failed before the last whole one is of no interest.
        let failed = row.failed_at.filter(|_| row.failed_turn > row.turn);
        Self {
            account: IntegrationId::from_uuid(row.account_id),
            provider: row.provider,
            whole,
            failed: failed.map(|at| (at, row.failure_reason)),
        }
    }
}

pub(crate) async fn list_reconciliations(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<Reconciliation>, sqlx::Error> {
    let rows: Vec<ReconciliationRow> = sqlx::query_as(
        "select * from reconciliation where workspace_id = $1 and account_id > $2
         order by account_id limit $3",
    )
    .bind(workspace.uuid())
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Reconciliation::from).collect())
}
