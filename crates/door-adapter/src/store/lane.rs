//! Lanes: which there are to work, and who works them. The database's clock counts, for it is the same
//! for all processes.

use std::time::Duration;

use domain::WorkspaceId;
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use super::{LaneKey, columns};

/// Takes up to `max` lanes that have work and no worker.
pub(crate) async fn claim(
    conn: &mut PgConnection,
    token: Uuid,
    lease: Duration,
    max: usize,
) -> Result<Vec<LaneKey>, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "with claimable as (
           select workspace_id, id from lane where is_pending and lease_until < now()
           order by lease_until limit $3 for update skip locked)
         update lane set lease_token = $1, lease_until = now() + $2
         from claimable where lane.workspace_id = claimable.workspace_id and lane.id = claimable.id
         returning lane.workspace_id, lane.id",
    )
    .bind(token)
    .bind(interval(lease))
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch_all(conn)
    .await?;
    let key = |(workspace, id)| LaneKey { workspace: WorkspaceId::from_uuid(workspace), id };
    Ok(rows.into_iter().map(key).collect())
}

/// Prolongs leases; returns those that were still held. A row that someone else is writing just now is
/// left for the next time.
pub(crate) async fn renew(
    conn: &mut PgConnection,
    leases: &[(LaneKey, Uuid)],
    lease: Duration,
) -> Result<Vec<LaneKey>, sqlx::Error> {
    let (workspaces, ids) = columns(leases.iter().map(|(key, _)| key));
    let tokens: Vec<Uuid> = leases.iter().map(|(_, token)| *token).collect();
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "with held as (
           select lane.workspace_id, lane.id from lane
           join unnest($1::uuid[], $2::uuid[], $3::uuid[]) as mine (workspace_id, id, token)
             on lane.workspace_id = mine.workspace_id and lane.id = mine.id and lease_token = token
           for update of lane skip locked)
         update lane set lease_until = now() + $4
         from held where lane.workspace_id = held.workspace_id and lane.id = held.id
         returning lane.workspace_id, lane.id",
    )
    .bind(workspaces)
    .bind(ids)
    .bind(tokens)
    .bind(interval(lease))
    .fetch_all(conn)
    .await?;
    let key = |(workspace, id)| LaneKey { workspace: WorkspaceId::from_uuid(workspace), id };
    Ok(rows.into_iter().map(key).collect())
}

/// Gives a lane back as done, unless commands have come in since `arrivals` was read.
pub(crate) async fn try_finish(
    conn: &mut PgConnection,
    key: LaneKey,
    token: Uuid,
    arrivals: i64,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update lane set is_pending = false, lease_token = null, lease_until = '-infinity'
         where workspace_id = $1 and id = $2 and lease_token = $3 and arrivals = $4",
    )
    .bind(key.workspace.uuid())
    .bind(key.id)
    .bind(token)
    .bind(arrivals)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a lane back with work left, for anyone to take.
pub(crate) async fn give_back(conn: &mut PgConnection, key: LaneKey, token: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update lane set lease_token = null, lease_until = '-infinity'
         where workspace_id = $1 and id = $2 and lease_token = $3",
    )
    .bind(key.workspace.uuid())
    .bind(key.id)
    .bind(token)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a lane that has no work, so that none is begun until it is given back; `false` if it has, or if
/// someone works it.
pub(crate) async fn try_hold(
    conn: &mut PgConnection,
    key: LaneKey,
    token: Uuid,
    lease: Duration,
) -> Result<bool, sqlx::Error> {
    let held = sqlx::query(
        "update lane set lease_token = $3, lease_until = now() + $4
         where workspace_id = $1 and id = $2 and not is_pending and lease_until < now()",
    )
    .bind(key.workspace.uuid())
    .bind(key.id)
    .bind(token)
    .bind(interval(lease))
    .execute(conn)
    .await?;
    Ok(held.rows_affected() == 1)
}

/// Moves a site's commands from one lane to another, now and from now on. An account that is new is
/// reconciled `reconciled_after`.
pub(crate) async fn reroute(
    conn: &mut PgConnection,
    from: LaneKey,
    site: Uuid,
    to: Uuid,
    reconciled_after: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with moved as (
           update command set lane_id = $4 where workspace_id = $1 and lane_id = $2 and site_id = $3),
         routed as (
           insert into route (workspace_id, site_id, lane_id) values ($1, $3, $4)
           on conflict (workspace_id, site_id) do update set lane_id = excluded.lane_id),
         reconciled as (
           insert into reconciliation (workspace_id, account_id, due_at)
           values ($1, $4, now() + $5 * (0.9 + 0.2 * random()))
           on conflict do nothing)
         insert into lane (workspace_id, id, arrivals, is_pending) values ($1, $4, 1, true)
         on conflict (workspace_id, id) do update set arrivals = lane.arrivals + 1, is_pending = true",
    )
    .bind(from.workspace.uuid())
    .bind(from.id)
    .bind(site)
    .bind(to)
    .bind(interval(reconciled_after))
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) fn interval(duration: Duration) -> PgInterval {
    let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    PgInterval { months: 0, days: 0, microseconds }
}
