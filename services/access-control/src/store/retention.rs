//! How long entries of the access log are kept, and what the first one that is kept follows.

use chrono::Duration;
use domain::{Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::access_log::BEGIN;

/// Entries that are taken away at once.
const BATCH: usize = 1_000;

/// How many days a workspace's entries are kept, and nobody says otherwise until the end of the transaction; `None`: it does
/// not say.
pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Option<i32>, sqlx::Error> {
    let days: Option<Option<i32>> =
        sqlx::query_scalar("select retention_days from access_log_head where workspace_id = $1 for update")
            .bind(workspace.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(days.flatten())
}

/// How many days a workspace's entries are kept; `None`: it does not say.
pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Option<i32>, sqlx::Error> {
    let days: Option<Option<i32>> =
        sqlx::query_scalar("select retention_days from access_log_head where workspace_id = $1")
            .bind(workspace.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(days.flatten())
}

/// Has a workspace's entries kept so many days; what is older is looked at from now on.
pub(crate) async fn set(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    days: i32,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into access_log_head as h (workspace_id, sequence, hash, retention_days) values ($1, 0, $2, $3)
         on conflict (workspace_id) do update
           set retention_days = excluded.retention_days, prune_at = case when h.prune_at is null then null else $4 end",
    )
    .bind(workspace.uuid())
    .bind(BEGIN.as_slice())
    .bind(days)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Sequence and hash of the last entry that was taken away, if any was.
pub(crate) async fn anchor(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Option<(i64, Vec<u8>)>, sqlx::Error> {
    sqlx::query_as(
        "select anchor_sequence, anchor_hash from access_log_head where workspace_id = $1 and anchor_sequence > 0",
    )
    .bind(workspace.uuid())
    .fetch_optional(conn)
    .await
}

/// Takes some entries away whose time is over, of one workspace; across workspaces. `false`: there are none.
pub(crate) async fn prune(
    conn: &mut PgConnection,
    default_days: i32,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let due: Option<(Uuid, i64, Option<i32>)> = sqlx::query_as(
        "select workspace_id, anchor_sequence, retention_days from access_log_head where prune_at <= $1
         order by prune_at limit 1 for update skip locked",
    )
    .bind(now)
    .fetch_optional(&mut *conn)
    .await?;
    let Some((workspace, anchor, days)) = due else { return Ok(false) };
    let kept = Duration::days(days.unwrap_or(default_days).into());
    let limit = i64::try_from(BATCH + 1).unwrap_or(i64::MAX);
    let first: Vec<(i64, Timestamp, String)> = sqlx::query_as(
        "select sequence, (entry ->> 'time')::timestamptz, entry ->> 'hash' from access_log
         where workspace_id = $1 and sequence > $2 order by sequence limit $3",
    )
    .bind(workspace)
    .bind(anchor)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await?;
    let over = first.iter().take(BATCH).take_while(|(_, time, _)| *time + kept <= now).count();
    // What follows them is looked at when its time is over: perhaps at once.
    let prune_at = first.get(over).map(|(_, time, _)| *time + kept);
    let last = over.checked_sub(1).and_then(|last| first.get(last));
    sqlx::query(
        "update access_log_head set prune_at = $2, anchor_sequence = coalesce($3, anchor_sequence),
           anchor_hash = coalesce(decode($4, 'base64'), anchor_hash)
         where workspace_id = $1",
    )
    .bind(workspace)
    .bind(prune_at)
    .bind(last.map(|(sequence, ..)| *sequence))
    .bind(last.map(|(_, _, hash)| hash))
    .execute(&mut *conn)
    .await?;
    if let Some((sequence, ..)) = last {
        sqlx::query("delete from access_log where workspace_id = $1 and sequence <= $2")
            .bind(workspace)
            .bind(sequence)
            .execute(conn)
            .await?;
    }
    Ok(true)
}
