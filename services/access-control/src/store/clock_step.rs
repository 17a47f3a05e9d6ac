//! Rows that were looked at by a clock that was ahead. What was to come may have been over by it.

use domain::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

/// The key of a grant's row.
pub(crate) type RowKey = (Uuid, Uuid);

/// Has one batch of grants of all workspaces looked at, those after a key, unless nobody is entitled to anything by
/// them any more. What failed may be tried again, and what is under way has its time until `in_flight_until` at most.
/// Gives the batch's last key; `None`: there are no more.
pub(crate) async fn make_grants_due(
    conn: &mut PgConnection,
    (workspace, id): RowKey,
    limit: i64,
    now: Timestamp,
    in_flight_until: Timestamp,
) -> Result<Option<RowKey>, sqlx::Error> {
    sqlx::query_as(
        "with batch as materialized (
           select workspace_id, id from access_grant
           where (workspace_id, id) > ($1, $2) order by workspace_id, id limit $3
         ),
         due as (
           select a.workspace_id, a.id from batch
           join access_grant a on a.workspace_id = batch.workspace_id and a.id = batch.id
           where a.next_check_at is not null or a.observed <> 'nothing' or exists (
             select from entitlement e
             where e.workspace_id = a.workspace_id and e.person_id = a.person_id
               and e.ends_at > $4 - interval '1 day')
           order by a.workspace_id, a.id for update of a
         ),
         changed as (
           update access_grant g set next_check_at = least(g.next_check_at, $4),
             retry_at = case when g.retry_at > $4 then $4 else g.retry_at end,
             in_flight_until = case when g.in_flight_until > $5 then $5 else g.in_flight_until end
           from due where g.workspace_id = due.workspace_id and g.id = due.id
         )
         select workspace_id, id from batch order by workspace_id desc, id desc limit 1",
    )
    .bind(workspace)
    .bind(id)
    .bind(limit)
    .bind(now)
    .bind(in_flight_until)
    .fetch_optional(conn)
    .await
}

/// Has all providers' users looked at; nobody is idle since a time that has not come.
pub(crate) async fn make_users_due(conn: &mut PgConnection, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update provider_user u set next_check_at = least(u.next_check_at, $1),
           idle_since = least(u.idle_since, case when u.idle_since is not null then $1 end)
         from (
           select workspace_id, id from provider_user
           order by workspace_id, provider, person_id, served_by for update
         ) as o
         where u.workspace_id = o.workspace_id and u.id = o.id",
    )
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has all other ways in looked at. What failed may be tried again, and what is under way has its time until
/// `in_flight_until` at most.
pub(crate) async fn make_ways_in_due(
    conn: &mut PgConnection,
    now: Timestamp,
    in_flight_until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update way_in w set next_check_at = least(w.next_check_at, $1),
           retry_at = case when w.retry_at > $1 then $1 else w.retry_at end,
           in_flight_until = case when w.in_flight_until > $2 then $2 else w.in_flight_until end
         from (select workspace_id, id from way_in order by workspace_id, id for update) as o
         where w.workspace_id = o.workspace_id and w.id = o.id",
    )
    .bind(now)
    .bind(in_flight_until)
    .execute(conn)
    .await?;
    Ok(())
}
