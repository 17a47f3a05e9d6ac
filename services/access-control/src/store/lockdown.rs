//! Rows of lockdowns.

use domain::{LocationId, LockdownId, PersonId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::Lockdown;

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    id: Uuid,
    location_id: Option<Uuid>,
    begun_at: Timestamp,
    lifted_at: Option<Timestamp>,
    caller: String,
    person_id: Option<Uuid>,
}

impl From<Row> for Lockdown {
    fn from(row: Row) -> Self {
        Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: LockdownId::from_uuid(row.id),
            location: row.location_id.map(LocationId::from_uuid),
            begun_at: row.begun_at,
            lifted_at: row.lifted_at,
            caller: row.caller,
            person: row.person_id.map(PersonId::from_uuid),
        }
    }
}

/// Has a lockdown stand from now on; gives the one that stands there already, if there is one.
pub(crate) async fn begin(
    conn: &mut PgConnection,
    wanted: &Lockdown,
    check_at: Timestamp,
) -> Result<Lockdown, sqlx::Error> {
    let row: Row = sqlx::query_as(
        "insert into lockdown as l (workspace_id, id, location_id, begun_at, caller, person_id, check_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (workspace_id, location_id) where lifted_at is null
           do update set check_at = least(l.check_at, excluded.check_at)
         returning *",
    )
    .bind(wanted.workspace.uuid())
    .bind(wanted.id.uuid())
    .bind(wanted.location.map(LocationId::uuid))
    .bind(wanted.begun_at)
    .bind(&wanted.caller)
    .bind(wanted.person.map(PersonId::uuid))
    .bind(check_at)
    .fetch_one(conn)
    .await?;
    Ok(row.into())
}

/// Lifts a lockdown, unless it is already. `None`: there is none.
pub(crate) async fn lift(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: LockdownId,
    (caller, person): (&str, Option<PersonId>),
    now: Timestamp,
    check_at: Timestamp,
) -> Result<Option<Lockdown>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "update lockdown set lifted_at = coalesce(lifted_at, $3), check_at = $4,
           caller = case when lifted_at is null then $5 else caller end,
           person_id = case when lifted_at is null then $6 else person_id end
         where workspace_id = $1 and id = $2 returning *",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .bind(now)
    .bind(check_at)
    .bind(caller)
    .bind(person.map(PersonId::uuid))
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Lockdown::from))
}

/// Lockdowns that stand in a workspace. Whoever decides by them holds them up until the end of the transaction.
pub(crate) async fn standing(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Vec<Lockdown>, sqlx::Error> {
    let rows: Vec<Row> =
        sqlx::query_as("select * from lockdown where workspace_id = $1 and lifted_at is null order by id")
            .bind(workspace.uuid())
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(Lockdown::from).collect())
}

/// Takes some lockdowns whose doors are to be told again, for so long; across workspaces.
pub(crate) async fn take_due(
    conn: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Lockdown>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "update lockdown l set check_at = $2
         from (select workspace_id, id from lockdown where check_at <= $1 order by check_at limit $3
               for update skip locked) as due
         where l.workspace_id = due.workspace_id and l.id = due.id
         returning l.*",
    )
    .bind(now)
    .bind(until)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Lockdown::from).collect())
}

/// When a lockdown's doors are told again; `None`: all of them said that it is so.
pub(crate) async fn set_check(
    conn: &mut PgConnection,
    lockdown: &Lockdown,
    check_at: Option<Timestamp>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update lockdown set check_at = $4
         where workspace_id = $1 and id = $2 and lifted_at is not distinct from $3",
    )
    .bind(lockdown.workspace.uuid())
    .bind(lockdown.id.uuid())
    .bind(lockdown.lifted_at)
    .bind(check_at)
    .execute(conn)
    .await?;
    Ok(())
}
