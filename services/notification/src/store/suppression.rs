//! Addresses that get nothing more.

use chassis::paging::Page;
use domain::contact::PhoneNumber;
use domain::{Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{Channel, Suppression, SuppressionReason};

/// Adds those that are not there.
pub(crate) async fn add(conn: &mut PgConnection, suppressions: &[Suppression]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into suppression (workspace_id, id, channel, address, reason, since, detail)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
           $7::text[])
         on conflict (workspace_id, channel, address, reason) do nothing",
    )
    .bind(suppressions.iter().map(|it| it.workspace.uuid()).collect::<Vec<_>>())
    .bind(suppressions.iter().map(|it| it.id).collect::<Vec<_>>())
    .bind(suppressions.iter().map(|it| it.channel).collect::<Vec<_>>())
    .bind(suppressions.iter().map(|it| it.address.as_str()).collect::<Vec<_>>())
    .bind(suppressions.iter().map(|it| it.reason).collect::<Vec<_>>())
    .bind(suppressions.iter().map(|it| it.since).collect::<Vec<_>>())
    .bind(suppressions.iter().map(|it| it.detail.as_deref()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Whoever wrote STOP to the platform's number gets no texts of any workspace that has sent them some.
pub(crate) async fn stop(
    conn: &mut PgConnection,
    number: &PhoneNumber,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let texted: Vec<Uuid> = sqlx::query_scalar(
        "select distinct workspace_id from message where channel = 'sms' and content ->> 'to' = $1",
    )
    .bind(number.as_str())
    .fetch_all(&mut *conn)
    .await?;
    let stopped = texted.into_iter().map(|workspace| Suppression {
        workspace: WorkspaceId::from_uuid(workspace),
        id: Uuid::now_v7(),
        channel: Channel::Sms,
        address: number.as_str().to_owned(),
        reason: SuppressionReason::Stopped,
        since: now,
        detail: None,
    });
    add(conn, &stopped.collect::<Vec<_>>()).await
}

/// Whoever wrote START gets texts again.
pub(crate) async fn start(conn: &mut PgConnection, number: &PhoneNumber) -> Result<(), sqlx::Error> {
    // Through the index of messages, for there is none of addresses across workspaces.
    sqlx::query(
        "delete from suppression where channel = 'sms' and address = $1 and reason = 'stopped'
           and workspace_id in (
             select distinct workspace_id from message where channel = 'sms' and content ->> 'to' = $1)",
    )
    .bind(number.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

/// Why an address gets nothing more.
pub(crate) async fn of_address(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    channel: Channel,
    address: &str,
) -> Result<Vec<SuppressionReason>, sqlx::Error> {
    sqlx::query_scalar(
        "select reason from suppression where workspace_id = $1 and channel = $2 and address = $3",
    )
    .bind(workspace.uuid())
    .bind(channel)
    .bind(address)
    .fetch_all(conn)
    .await
}

/// Removes that of an address that was nobody's wish. Gives whether there was one.
pub(crate) async fn lift(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    channel: Channel,
    address: &str,
) -> Result<bool, sqlx::Error> {
    let lifted = sqlx::query(
        "delete from suppression
         where workspace_id = $1 and channel = $2 and address = $3 and reason = 'bounced'",
    )
    .bind(workspace.uuid())
    .bind(channel)
    .bind(address)
    .execute(conn)
    .await?;
    Ok(lifted.rows_affected() > 0)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    channel: Channel,
    address: String,
    reason: SuppressionReason,
    since: Timestamp,
    detail: Option<String>,
}

/// One page of a workspace's, oldest first.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<Suppression>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, channel, address, reason, since, detail from suppression
         where workspace_id = $1 and id > $2 order by id limit $3",
    )
    .bind(workspace.uuid())
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(conn)
    .await?;
    let suppression = |Row { id, channel, address, reason, since, detail }| Suppression {
        workspace,
        id,
        channel,
        address,
        reason,
        since,
        detail,
    };
    Ok(rows.into_iter().map(suppression).collect())
}
