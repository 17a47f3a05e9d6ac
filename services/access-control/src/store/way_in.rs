//! Rows of other ways in. Locked after grants, in the order of their keys.

use std::collections::HashSet;

use domain::{GrantId, LocationId, PersonId, Timestamp, WayInId, Window, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::engine::{WayInLedger, WayInState};
use crate::model::{Grant, SourceKey, Target, TargetKind, WayIn};

chassis::text_enum! {
    /// What is known of one.
    enum StateColumn { Nothing = "nothing", Ready = "ready", Unknown = "unknown" }
}

impl From<WayInState> for StateColumn {
    fn from(state: WayInState) -> Self {
        match state {
            WayInState::Nothing => Self::Nothing,
            WayInState::Ready => Self::Ready,
            WayInState::Unknown => Self::Unknown,
        }
    }
}

impl From<StateColumn> for WayInState {
    fn from(column: StateColumn) -> Self {
        match column {
            StateColumn::Nothing => Self::Nothing,
            StateColumn::Ready => Self::Ready,
            StateColumn::Unknown => Self::Unknown,
        }
    }
}

#[derive(sqlx::FromRow)]
struct WayInRow {
    workspace_id: Uuid,
    id: Uuid,
    grant_id: Uuid,
    source_kind: String,
    source_id: Uuid,
    source_starts_at: Timestamp,
    starts_at: Timestamp,
    ends_at: Timestamp,
    generation: i64,
    in_flight_until: Option<Timestamp>,
    is_told: bool,
    state: StateColumn,
    failures: i32,
    retry_at: Option<Timestamp>,
    reason: String,
    next_check_at: Option<Timestamp>,
    person_id: Uuid,
    location_id: Uuid,
    provider: String,
    target_kind: TargetKind,
    target_ref: String,
    target_name: String,
    served_by: Option<Uuid>,
}

impl TryFrom<WayInRow> for WayIn {
    type Error = sqlx::Error;
    fn try_from(row: WayInRow) -> Result<Self, sqlx::Error> {
        let workspace = WorkspaceId::from_uuid(row.workspace_id);
        Ok(Self {
            workspace,
            id: WayInId::from_uuid(row.id),
            grant: GrantId::from_uuid(row.grant_id),
            person: PersonId::from_uuid(row.person_id),
            target: Target {
                location: LocationId::from_uuid(row.location_id),
                provider: row.provider,
                kind: row.target_kind,
                provider_ref: row.target_ref,
                display_name: row.target_name,
            },
            served_by: row.served_by.map(LocationId::from_uuid),
            source: SourceKey { workspace, kind: row.source_kind, id: row.source_id },
            source_starts_at: row.source_starts_at,
            window: Window::new(row.starts_at, row.ends_at)
                .map_err(|error| sqlx::Error::Decode(error.into()))?,
            ledger: WayInLedger {
                generation: row.generation,
                in_flight_until: row.in_flight_until,
                is_told: row.is_told,
                state: row.state.into(),
                failures: row.failures.unsigned_abs(),
                retry_at: row.retry_at,
            },
            reason: row.reason,
            next_check_at: row.next_check_at,
        })
    }
}

/// Its row and its grant's.
const COLUMNS: &str =
    "w.*, g.person_id, g.location_id, g.provider, g.target_kind, g.target_ref, g.target_name,
    g.served_by";

/// Those of these grants whose locations have another way in sent.
pub(crate) async fn sent_for(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    grants: &[Grant],
) -> Result<HashSet<GrantId>, sqlx::Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select k.id from unnest($2::uuid[], $3::uuid[]) as k (id, location_id)
         join location_settings l on l.workspace_id = $1 and l.location_id = k.location_id
         where l.sends_way_in",
    )
    .bind(workspace.uuid())
    .bind(grants.iter().map(|grant| grant.id.uuid()).collect::<Vec<_>>())
    .bind(grants.iter().map(|grant| grant.target.location.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(GrantId::from_uuid).collect())
}

/// Has these made. One that is there already for the same window is looked at again.
pub(crate) async fn offer(conn: &mut PgConnection, ways_in: &[WayIn]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into way_in (workspace_id, id, grant_id, source_kind, source_id, source_starts_at, starts_at,
           ends_at, next_check_at)
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::timestamptz[],
           $7::timestamptz[], $8::timestamptz[], $9::timestamptz[])
         on conflict (workspace_id, grant_id, source_kind, source_id, starts_at, ends_at) do update
           set next_check_at = excluded.next_check_at",
    )
    .bind(ways_in.iter().map(|it| it.workspace.uuid()).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.id.uuid()).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.grant.uuid()).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.source.kind.as_str()).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.source.id).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.source_starts_at).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.window.start()).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.window.end()).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.next_check_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Has the ways in of these grants looked at: what their people are entitled to may have changed.
pub(crate) async fn look_at(
    conn: &mut PgConnection,
    grants: &[(WorkspaceId, GrantId)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update way_in w set next_check_at = $3
         from (
           select o.workspace_id, o.id from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, grant_id)
           join way_in o on o.workspace_id = k.workspace_id and o.grant_id = k.grant_id
           order by o.workspace_id, o.id for update of o
         ) as due
         where w.workspace_id = due.workspace_id and w.id = due.id",
    )
    .bind(grants.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(grants.iter().map(|(_, grant)| grant.uuid()).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks up to `limit` whose time has come, those that were due first.
pub(crate) async fn claim_due(
    conn: &mut PgConnection,
    now: Timestamp,
    limit: u16,
) -> Result<Vec<WayIn>, sqlx::Error> {
    let statement = format!(
        "select {COLUMNS} from way_in w
         join access_grant g on g.workspace_id = w.workspace_id and g.id = w.grant_id
         where w.next_check_at <= $1 order by w.next_check_at limit $2 for update of w skip locked"
    );
    // Made of constants.
    let rows: Vec<WayInRow> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(now)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(WayIn::try_from).collect()
}

/// Locks those with these keys.
pub(crate) async fn lock(
    conn: &mut PgConnection,
    keys: &[(WorkspaceId, WayInId)],
) -> Result<Vec<WayIn>, sqlx::Error> {
    let statement = format!(
        "select {COLUMNS} from (select distinct * from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, id)) as k
         join way_in w on w.workspace_id = k.workspace_id and w.id = k.id
         join access_grant g on g.workspace_id = w.workspace_id and g.id = w.grant_id
         order by w.workspace_id, w.id for update of w"
    );
    // Made of constants.
    let rows: Vec<WayInRow> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(keys.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
        .bind(keys.iter().map(|(_, id)| id.uuid()).collect::<Vec<_>>())
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(WayIn::try_from).collect()
}

/// When the next one is due.
pub(crate) async fn next_due(conn: &mut PgConnection) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar("select min(next_check_at) from way_in").fetch_one(conn).await
}

/// Writes what may change of locked ones, and forgets those that need no look any more.
pub(crate) async fn update(conn: &mut PgConnection, ways_in: &[WayIn]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with n as (
           select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::boolean[],
             $6::text[], $7::integer[], $8::timestamptz[], $9::text[], $10::timestamptz[])
             as n (workspace_id, id, generation, in_flight_until, is_told, state, failures, retry_at, reason,
               next_check_at)),
         gone as (
           delete from way_in w using n
           where n.next_check_at is null and w.workspace_id = n.workspace_id and w.id = n.id)
         update way_in w set generation = n.generation, in_flight_until = n.in_flight_until,
           is_told = n.is_told, state = n.state, failures = n.failures, retry_at = n.retry_at,
           reason = n.reason, next_check_at = n.next_check_at
         from n
         where n.next_check_at is not null and w.workspace_id = n.workspace_id and w.id = n.id",
    )
    .bind(ways_in.iter().map(|it| it.workspace.uuid()).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.id.uuid()).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.ledger.generation).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.ledger.in_flight_until).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.ledger.is_told).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| StateColumn::from(it.ledger.state)).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.ledger.failures.min(1_000_000).cast_signed()).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.ledger.retry_at).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.reason.as_str()).collect::<Vec<_>>())
    .bind(ways_in.iter().map(|it| it.next_check_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}
