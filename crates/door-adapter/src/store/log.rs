//! How far providers' logs were read, and which events were told. The database's clock says when, and who.

use std::collections::HashSet;
use std::time::Duration;

use domain::names::IntegrationName;
use domain::{IntegrationId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::lane::interval;
use crate::credentials::Site;
use crate::log::{DoorEvent, Progress};

/// Events that are forgotten at once.
const FORGET_MAX: i64 = 10_000;

/// An account whose log is read.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub account: IntegrationName,
    pub site: Site,
    pub token: Uuid,
    pub progress: Progress,
    /// By the database's clock.
    pub began_at: Timestamp,
}

/// Has an account's log read, at once; the first time from `since` on.
pub(crate) async fn follow(
    conn: &mut PgConnection,
    account: IntegrationName,
    site: Site,
    since: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into provider_log (workspace_id, account_id, site_id, read_until, swept_at)
         values ($1, $2, $3, $4, $4)
         on conflict (workspace_id, account_id) do update set site_id = excluded.site_id, due_at = now()",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(site.id())
    .bind(since)
    .execute(conn)
    .await?;
    Ok(())
}

/// Where the credentials of a connected account are looked for.
pub(crate) async fn site_of(
    conn: &mut PgConnection,
    account: IntegrationName,
) -> Result<Option<Site>, sqlx::Error> {
    let site: Option<Uuid> = sqlx::query_scalar(
        "select site_id from provider_log
         where workspace_id = $1 and account_id = $2 and due_at <> 'infinity'",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .fetch_optional(conn)
    .await?;
    Ok(site.map(|id| Site::of_id(account.workspace, id)))
}

/// Has accounts tended to, and their logs read, as soon as there is a process for it.
pub async fn look_soon(conn: &mut PgConnection, accounts: &[IntegrationName]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update provider_log l set due_at = now() from unnest($1::uuid[], $2::uuid[]) as a (workspace_id, account_id)
         where l.workspace_id = a.workspace_id and l.account_id = a.account_id and l.due_at <> 'infinity'",
    )
    .bind(accounts.iter().map(|account| account.workspace.uuid()).collect::<Vec<_>>())
    .bind(accounts.iter().map(|account| account.id.uuid()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Has an account tended to, and its log read, so soon; once more, if that is under way just now. However often that is
/// asked for, it is no later, and no more often.
pub async fn look_within(
    conn: &mut PgConnection,
    account: IntegrationName,
    wait: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update provider_log set due_at = case
             when due_at > now() then least(due_at, now() + $3)
             when lease_until > now() then now() + $3
             else due_at end
         where workspace_id = $1 and account_id = $2 and due_at <> 'infinity'",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(interval(wait))
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes up to `max` accounts that are due and that nobody reads.
pub(crate) async fn claim(
    conn: &mut PgConnection,
    token: Uuid,
    lease: Duration,
    max: usize,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid, Uuid, Timestamp, Timestamp, Timestamp)> = sqlx::query_as(
        "with due as (
           select workspace_id, account_id from provider_log
           where due_at <= now() and lease_until < now()
           order by due_at limit $3 for update skip locked)
         update provider_log l set lease_token = $1, lease_until = now() + $2
         from due where l.workspace_id = due.workspace_id and l.account_id = due.account_id
         returning l.workspace_id, l.account_id, l.site_id, l.read_until, l.swept_at, now()",
    )
    .bind(token)
    .bind(interval(lease))
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch_all(conn)
    .await?;
    let claimed = |(workspace, account, site, read_until, swept_at, began_at)| {
        let workspace = WorkspaceId::from_uuid(workspace);
        Claimed {
            account: IntegrationName { workspace, id: IntegrationId::from_uuid(account) },
            site: Site::of_id(workspace, site),
            token,
            progress: Progress { read_until, swept_at },
            began_at,
        }
    };
    Ok(rows.into_iter().map(claimed).collect())
}

/// Prolongs the lease. `false` if it is lost.
pub(crate) async fn renew(
    conn: &mut PgConnection,
    claimed: &Claimed,
    lease: Duration,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update provider_log set lease_until = now() + $4
         where workspace_id = $1 and account_id = $2 and lease_token = $3",
    )
    .bind(claimed.account.workspace.uuid())
    .bind(claimed.account.id.uuid())
    .bind(claimed.token)
    .bind(interval(lease))
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes events as told, and gives the ids of those that were not yet.
pub(crate) async fn note_told(
    conn: &mut PgConnection,
    account: IntegrationName,
    events: &[DoorEvent],
    now: Timestamp,
) -> Result<HashSet<String>, sqlx::Error> {
    let new: Vec<String> = sqlx::query_scalar(
        "insert into told_event (workspace_id, account_id, event_ref, happened_at, told_at)
         select $1, $2, event_ref, happened_at, $5
         from unnest($3::text[], $4::timestamptz[]) as e (event_ref, happened_at)
         on conflict do nothing returning event_ref",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(events.iter().map(|event| event.event_ref.as_str()).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.time).collect::<Vec<_>>())
    .bind(now)
    .fetch_all(conn)
    .await?;
    Ok(new.into_iter().collect())
}

/// When an account's log is read again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Next {
    /// After so long, give or take a tenth; or at once if that was asked for meanwhile.
    In(Duration),
    /// Once the account is connected.
    WhenConnected,
}

/// Ends a reading, with how far it came.
pub(crate) async fn finish(
    conn: &mut PgConnection,
    claimed: &Claimed,
    progress: Progress,
    next: Next,
) -> Result<(), sqlx::Error> {
    let wait = match next {
        Next::In(wait) => Some(interval(wait)),
        Next::WhenConnected => None,
    };
    sqlx::query(
        "update provider_log set read_until = $5, swept_at = $6, lease_token = null, lease_until = '-infinity',
           due_at = case when due_at > $4 then due_at
                         else coalesce(now() + $7 * (0.9 + 0.2 * random()), 'infinity') end
         where workspace_id = $1 and account_id = $2 and lease_token = $3",
    )
    .bind(claimed.account.workspace.uuid())
    .bind(claimed.account.id.uuid())
    .bind(claimed.token)
    .bind(claimed.began_at)
    .bind(progress.read_until)
    .bind(progress.swept_at)
    .bind(wait)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets events that were told, and happened, before then. What is left is forgotten the next time.
pub(crate) async fn forget_told(
    conn: &mut PgConnection,
    account: IntegrationName,
    before: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from told_event where (workspace_id, account_id, event_ref) in (
           select workspace_id, account_id, event_ref from told_event
           where workspace_id = $1 and account_id = $2 and told_at < $3 and happened_at < $3
           order by told_at limit $4)",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(before)
    .bind(FORGET_MAX)
    .execute(conn)
    .await?;
    Ok(())
}
