//! What is known of events of providers' own logs: whose operation one is the trace of, who, and where.

use chrono::Duration;
use domain::names::{OperationName, WayInName};
use domain::{LocationId, PersonId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{DoorEvent, OperationState, SpotKind};

/// By how much the clock of a provider may differ from ours, the way of a call included.
const CLOCKS_DIFFER: Duration = Duration::seconds(30);

/// Whether the operation is known here.
pub(crate) async fn is_known(conn: &mut PgConnection, operation: OperationName) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from operation where workspace_id = $1 and id = $2)")
        .bind(operation.workspace.uuid())
        .bind(operation.id.uuid())
        .fetch_one(conn)
        .await
}

/// Takes the event as the trace of the nearest operation that has none yet, if there is one that may have left it. One
/// operation leaves one trace, so that of two openings one stays; but for lockdowns, which are told again.
pub(crate) async fn take_as_trace(conn: &mut PgConnection, event: &DoorEvent) -> Result<bool, sqlx::Error> {
    let states: &[OperationState] = match event.outcome {
        OperationState::Done => &[OperationState::UnderWay, OperationState::Done, OperationState::Unknown],
        _ => &[OperationState::UnderWay, OperationState::Failed, OperationState::Unknown],
    };
    let taken = sqlx::query(
        "update operation set trace_ref = $9 where workspace_id = $1 and id = (
           select id from operation
           where workspace_id = $1 and provider = $2 and spot_ref = $3 and begun_at between $4 and $5
             and spot_kind = $6 and action = $7 and state = any($8) and account_id = $10
             and (trace_ref is null or action in ('lock_down', 'lift_lockdown'))
           order by abs(extract(epoch from begun_at - $11)), id limit 1)",
    )
    .bind(event.account.workspace.uuid())
    .bind(&event.provider)
    .bind(&event.spot_ref)
    .bind(event.happened_at - CLOCKS_DIFFER)
    .bind(event.happened_at + CLOCKS_DIFFER)
    .bind(event.spot_kind)
    .bind(event.action)
    .bind(states)
    .bind(&event.event_ref)
    .bind(event.account.id.uuid())
    .bind(event.happened_at)
    .execute(conn)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Whom a way in was made for.
pub(crate) async fn person_of_way_in(
    conn: &mut PgConnection,
    way_in: WayInName,
) -> Result<Option<PersonId>, sqlx::Error> {
    let person: Option<Uuid> = sqlx::query_scalar(
        "select g.person_id from way_in w
         join access_grant g on g.workspace_id = w.workspace_id and g.id = w.grant_id
         where w.workspace_id = $1 and w.id = $2",
    )
    .bind(way_in.workspace.uuid())
    .bind(way_in.id.uuid())
    .fetch_optional(conn)
    .await?;
    Ok(person.map(PersonId::from_uuid))
}

/// Where it was: the location whose mappings lead to the door by this account, to itself rather than to a group of it; of
/// several the first that was made. Else the account's own location, or the only one that has mappings. `None`: nothing
/// says so.
pub(crate) async fn location(
    conn: &mut PgConnection,
    event: &DoorEvent,
) -> Result<Option<LocationId>, sqlx::Error> {
    let door = (event.spot_kind == SpotKind::Door).then_some(event.spot_ref.as_str());
    let location: Option<Uuid> = sqlx::query_scalar(
        "select coalesce(
           (select location_id from (
              select location_id, 1 as rank, id from door_mapping
              where workspace_id = $1 and provider = $2 and target_kind = 'lock' and target_ref = $4
                and account_of($1, $2, location_id) = $3
              union all
              select location_id, 2, id from door_mapping
              where workspace_id = $1 and provider = $2 and target_kind = 'group'
                and target_ref in (select group_ref from group_roster
                  where workspace_id = $1 and account_id = $3 and door_refs @> array[$4])
                and account_of($1, $2, location_id) = $3
            ) as mapped order by rank, id limit 1),
           (select location_id from integration where workspace_id = $1 and provider = $2 and account_id = $3
              and location_id is not null limit 1),
           (select (array_agg(location_id))[1] from (
              (select location_id from door_mapping where workspace_id = $1 and provider = $2
               order by location_id limit 1)
              union
              (select location_id from door_mapping where workspace_id = $1 and provider = $2
               order by location_id desc limit 1)
            ) as ends
            having count(*) = 1 and account_of($1, $2, (array_agg(location_id))[1]) = $3))",
    )
    .bind(event.account.workspace.uuid())
    .bind(&event.provider)
    .bind(event.account.id.uuid())
    .bind(door)
    .fetch_one(conn)
    .await?;
    Ok(location.map(LocationId::from_uuid))
}
