//! Rows of schedules of doors.

use chassis::paging::Page;
use domain::{IntegrationId, LocationId, PersonId, ResourceId, Timestamp, WeeklyHours, WorkspaceId};
use proto::access::v1::AccessReason;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::control::Account;
use crate::engine::Hours;
use crate::model::DoorSchedule;

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    id: Uuid,
    account_id: Uuid,
    provider: String,
    door_ref: String,
    location_id: Uuid,
    hours: Option<Json<WeeklyHours>>,
    time_zone: Option<String>,
    is_held_for_bookings: bool,
    is_deleted: bool,
    due_at: Option<Timestamp>,
    is_look: bool,
    failures: i32,
    problem: Option<String>,
}

impl TryFrom<Row> for DoorSchedule {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let hours = match row.hours.zip(row.time_zone) {
            Some((Json(weekly), zone)) => {
                let zone = domain::zone::parse(&zone).map_err(|error| sqlx::Error::Decode(error.into()))?;
                Some(Hours { weekly, zone })
            }
            None => None,
        };
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: row.id,
            account: IntegrationId::from_uuid(row.account_id),
            provider: row.provider,
            door_ref: row.door_ref,
            location: LocationId::from_uuid(row.location_id),
            hours,
            is_held_for_bookings: row.is_held_for_bookings,
            is_deleted: row.is_deleted,
            due_at: row.due_at,
            is_look: row.is_look,
            failures: row.failures,
            problem: row.problem.map(|problem| AccessReason::from_str_name(&problem).unwrap_or_default()),
        })
    }
}

fn read(rows: Vec<Row>) -> Result<Vec<DoorSchedule>, sqlx::Error> {
    rows.into_iter().map(DoorSchedule::try_from).collect()
}

/// Keeps a door's schedule in place of the one before. Gives its version.
pub(crate) async fn upsert(conn: &mut PgConnection, schedule: &DoorSchedule) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "insert into door_schedule (workspace_id, id, account_id, provider, door_ref, location_id, hours, time_zone,
           is_held_for_bookings, is_deleted, due_at, is_look, failures, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, false, 0, 1)
         on conflict (workspace_id, account_id, door_ref) do update
           set location_id = excluded.location_id, hours = excluded.hours, time_zone = excluded.time_zone,
             is_held_for_bookings = excluded.is_held_for_bookings, is_deleted = excluded.is_deleted,
             due_at = excluded.due_at, is_look = false, version = door_schedule.version + 1
         returning version",
    )
    .bind(schedule.workspace.uuid())
    .bind(schedule.id)
    .bind(schedule.account.uuid())
    .bind(&schedule.provider)
    .bind(&schedule.door_ref)
    .bind(schedule.location.uuid())
    .bind(schedule.hours.as_ref().map(|hours| Json(&hours.weekly)))
    .bind(schedule.hours.as_ref().map(|hours| hours.zone.name()))
    .bind(schedule.is_held_for_bookings)
    .bind(schedule.is_deleted)
    .bind(schedule.due_at)
    .fetch_one(conn)
    .await
}

/// A door's schedule, also one that is gone once the door is locked; held until the end of the transaction.
pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    account: &Account,
    door_ref: &str,
) -> Result<Option<DoorSchedule>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "select * from door_schedule where workspace_id = $1 and account_id = $2 and door_ref = $3 for update",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(door_ref)
    .fetch_optional(conn)
    .await?;
    row.map(DoorSchedule::try_from).transpose()
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<DoorSchedule>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select * from door_schedule where workspace_id = $1 and id > $2 and not is_deleted order by id limit $3",
    )
    .bind(workspace.uuid())
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(conn)
    .await?;
    read(rows)
}

/// Takes some schedules that are due, for so long; across workspaces, but for those of accounts that are at work.
pub(crate) async fn take_due(
    conn: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
    at_work: &[Uuid],
    limit: i64,
) -> Result<Vec<DoorSchedule>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "update door_schedule s set due_at = $2
         from (select workspace_id, account_id, door_ref from door_schedule
               where due_at <= $1 and account_id <> all($3) order by due_at limit $4 for update skip locked) as due
         where s.workspace_id = due.workspace_id and s.account_id = due.account_id and s.door_ref = due.door_ref
         returning s.*",
    )
    .bind(now)
    .bind(until)
    .bind(at_work)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    read(rows)
}

/// Those of the taken schedules of a workspace that nobody changed or took since; held until the end of the transaction.
pub(crate) async fn hold_taken(
    conn: &mut PgConnection,
    account: &Account,
    taken: &[DoorSchedule],
) -> Result<Vec<DoorSchedule>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select s.* from unnest($3::text[], $4::timestamptz[]) as k (door_ref, due_at)
         join door_schedule s on s.workspace_id = $1 and s.account_id = $2 and s.door_ref = k.door_ref
           and s.due_at = k.due_at
         order by s.door_ref for update of s",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(taken.iter().map(|schedule| schedule.door_ref.as_str()).collect::<Vec<_>>())
    .bind(taken.iter().map(|schedule| schedule.due_at).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    read(rows)
}

/// How a schedule that was taken goes on.
#[derive(Debug, Clone)]
pub(crate) struct Next {
    pub taken: DoorSchedule,
    /// `None`: once something changes; or never, of one that is deleted.
    pub due_at: Option<Timestamp>,
    pub is_look: bool,
    /// Why the door could not be told.
    pub problem: Option<AccessReason>,
    /// It is over and done with.
    pub is_gone: bool,
}

/// Notes how taken schedules go on, unless somebody changed or took them since.
pub(crate) async fn settle(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    next: &[Next],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with told as (
           select t.* from unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::boolean[], $6::text[],
             $7::boolean[]) as t (id, taken_until, due_at, is_look, problem, is_gone)
           join door_schedule s on s.workspace_id = $1 and s.id = t.id and s.due_at = t.taken_until
           order by s.account_id, s.door_ref for update of s
         ),
         gone as (
           delete from door_schedule s using told t where s.workspace_id = $1 and s.id = t.id and t.is_gone
         )
         update door_schedule s
         set due_at = t.due_at, is_look = t.is_look, problem = t.problem,
           failures = case when t.problem is null then 0 else s.failures + 1 end
         from told t where s.workspace_id = $1 and s.id = t.id and not t.is_gone",
    )
    .bind(workspace.uuid())
    .bind(next.iter().map(|it| it.taken.id).collect::<Vec<_>>())
    .bind(next.iter().map(|it| it.taken.due_at).collect::<Vec<_>>())
    .bind(next.iter().map(|it| it.due_at).collect::<Vec<_>>())
    .bind(next.iter().map(|it| it.is_look).collect::<Vec<_>>())
    .bind(next.iter().map(|it| it.problem.map(|problem| problem.as_str_name())).collect::<Vec<_>>())
    .bind(next.iter().map(|it| it.is_gone).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Has a door's schedule looked at: someone did something there.
pub(crate) async fn make_door_due(
    conn: &mut PgConnection,
    account: &Account,
    door_ref: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update door_schedule set due_at = $4, is_look = false
         where workspace_id = $1 and account_id = $2 and door_ref = $3",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(door_ref)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has the schedules of a provider's door looked at, of whichever account: its mappings changed.
pub(crate) async fn make_mapped_due(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    provider: &str,
    door_ref: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with due as (
           select id from door_schedule where workspace_id = $1 and provider = $2 and door_ref = $3
           order by account_id for update
         )
         update door_schedule s set due_at = $4, is_look = false from due
         where s.workspace_id = $1 and s.id = due.id",
    )
    .bind(workspace.uuid())
    .bind(provider)
    .bind(door_ref)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has all schedules of a workspace looked at: those of one provider, or all.
pub(crate) async fn make_workspace_due(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    provider: Option<&str>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with due as (
           select id from door_schedule where workspace_id = $1 and ($2::text is null or provider = $2)
           order by account_id, door_ref for update
         )
         update door_schedule s set due_at = $3, is_look = false from due
         where s.workspace_id = $1 and s.id = due.id",
    )
    .bind(workspace.uuid())
    .bind(provider)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has the schedules of a location looked at.
pub(crate) async fn make_location_due(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    location: LocationId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with due as (
           select id from door_schedule where workspace_id = $1 and location_id = $2
           order by account_id, door_ref for update
         )
         update door_schedule s set due_at = $3, is_look = false from due
         where s.workspace_id = $1 and s.id = due.id",
    )
    .bind(workspace.uuid())
    .bind(location.uuid())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has all schedules looked at: the clock stepped back.
pub(crate) async fn make_all_due(conn: &mut PgConnection, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with due as (
           select workspace_id, id from door_schedule order by workspace_id, account_id, door_ref for update
         )
         update door_schedule s set due_at = $1, is_look = false from due
         where s.workspace_id = due.workspace_id and s.id = due.id",
    )
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has doors looked at that are held for bookings of these resources.
pub(crate) async fn make_booked_due(
    conn: &mut PgConnection,
    resources: &[(WorkspaceId, ResourceId)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with due as (
           select s.workspace_id, s.id from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, resource_id)
           join door_mapping m on m.workspace_id = k.workspace_id and m.subject_kind = 'resource'
             and m.subject_id = k.resource_id and m.target_kind = 'lock'
           join door_schedule s on s.workspace_id = m.workspace_id and s.provider = m.provider
             and s.door_ref = m.target_ref and s.is_held_for_bookings
           order by s.workspace_id, s.account_id, s.door_ref for update of s
         )
         update door_schedule s set due_at = $3, is_look = false from due
         where s.workspace_id = due.workspace_id and s.id = due.id",
    )
    .bind(resources.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(resources.iter().map(|(_, resource)| resource.uuid()).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has doors looked at that are held for bookings of these people.
pub(crate) async fn make_people_due(
    conn: &mut PgConnection,
    people: &[(WorkspaceId, PersonId)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with due as (
           select s.workspace_id, s.id from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, person_id)
           join entitlement e on e.workspace_id = k.workspace_id and e.person_id = k.person_id
             and e.subject_kind = 'resource' and e.source_kind = 'booking' and e.ends_at > $3
           join door_mapping m on m.workspace_id = e.workspace_id and m.subject_kind = 'resource'
             and m.subject_id = e.subject_id and m.target_kind = 'lock'
           join door_schedule s on s.workspace_id = m.workspace_id and s.provider = m.provider
             and s.door_ref = m.target_ref and s.is_held_for_bookings
           order by s.workspace_id, s.account_id, s.door_ref for update of s
         )
         update door_schedule s set due_at = $3, is_look = false from due
         where s.workspace_id = due.workspace_id and s.id = due.id",
    )
    .bind(people.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(people.iter().map(|(_, person)| person.uuid()).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}
