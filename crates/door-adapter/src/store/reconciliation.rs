//! When accounts are compared with what they should have, and who does it. The database's clock counts.

use std::time::Duration;

use domain::names::IntegrationName;
use domain::{IntegrationId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::lane::interval;
use crate::credentials::Site;

/// An account whose turn it is.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub account: IntegrationName,
    pub token: Uuid,
    /// By the database's clock: what is recorded later than this may not be judged.
    pub began_at: Timestamp,
    /// Sites whose commands went to the account.
    pub sites: Vec<Site>,
}

/// Takes up to `max` accounts that are due and that nobody is at.
pub(crate) async fn claim(
    conn: &mut PgConnection,
    token: Uuid,
    lease: Duration,
    max: usize,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid, Timestamp, Vec<Uuid>)> = sqlx::query_as(
        "with due as (
           select workspace_id, account_id from reconciliation
           where due_at <= now() and lease_until < now()
           order by due_at limit $3 for update skip locked)
         update reconciliation r set lease_token = $1, lease_until = now() + $2
         from due where r.workspace_id = due.workspace_id and r.account_id = due.account_id
         returning r.workspace_id, r.account_id, now(), array(
           select site_id from route
           where route.workspace_id = r.workspace_id and route.lane_id = r.account_id)",
    )
    .bind(token)
    .bind(interval(lease))
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch_all(conn)
    .await?;
    let claimed = |(workspace, account, began_at, sites): (Uuid, Uuid, Timestamp, Vec<Uuid>)| {
        let workspace = WorkspaceId::from_uuid(workspace);
        Claimed {
            account: IntegrationName { workspace, id: IntegrationId::from_uuid(account) },
            token,
            began_at,
            sites: sites.into_iter().map(|id| Site::of_id(workspace, id)).collect(),
        }
    };
    Ok(rows.into_iter().map(claimed).collect())
}

/// Prolongs the lease. Says whether the account has commands to work; `None` if the lease is lost.
pub(crate) async fn renew(
    conn: &mut PgConnection,
    claimed: &Claimed,
    lease: Duration,
) -> Result<Option<bool>, sqlx::Error> {
    sqlx::query_scalar(
        "update reconciliation r set lease_until = now() + $4
         where workspace_id = $1 and account_id = $2 and lease_token = $3
         returning exists (select from lane
           where lane.workspace_id = r.workspace_id and lane.id = r.account_id and lane.is_pending)",
    )
    .bind(claimed.account.workspace.uuid())
    .bind(claimed.account.id.uuid())
    .bind(claimed.token)
    .bind(interval(lease))
    .fetch_optional(conn)
    .await
}

/// Ends a turn: the next one is `next` later, give or take a tenth, or at once if that was asked for
/// meanwhile. `false` if the lease was lost.
pub(crate) async fn finish(
    conn: &mut PgConnection,
    claimed: &Claimed,
    next: Duration,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update reconciliation set lease_token = null, lease_until = '-infinity',
           due_at = case when due_at > $4 then due_at else now() + $5 * (0.9 + 0.2 * random()) end
         where workspace_id = $1 and account_id = $2 and lease_token = $3",
    )
    .bind(claimed.account.workspace.uuid())
    .bind(claimed.account.id.uuid())
    .bind(claimed.token)
    .bind(claimed.began_at)
    .bind(interval(next))
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Has an account's turn come now, if it was ever told anything.
pub(crate) async fn make_due(conn: &mut PgConnection, account: IntegrationName) -> Result<(), sqlx::Error> {
    sqlx::query("update reconciliation set due_at = now() where workspace_id = $1 and account_id = $2")
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps what was listed of an account, by its digest, as told. `false` if it was told as it is, and not longer ago than
/// that: then it need not be told.
pub(crate) async fn note_listing(
    conn: &mut PgConnection,
    claimed: &Claimed,
    digest: &[u8],
    again: Duration,
) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query(
        "update reconciliation set listing_digest = $3, listing_told_at = now()
         where workspace_id = $1 and account_id = $2
           and (listing_digest is distinct from $3 or listing_told_at < now() - $4::interval)",
    )
    .bind(claimed.account.workspace.uuid())
    .bind(claimed.account.id.uuid())
    .bind(digest)
    .bind(interval(again))
    .execute(conn)
    .await?;
    Ok(noted.rows_affected() == 1)
}
