//! Rows of holidays.

use chrono::NaiveDate;
use domain::{LocationId, WeeklyHours, WorkspaceId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::model::Holiday;

#[derive(sqlx::FromRow)]
struct Row {
    location_id: Uuid,
    date: NaiveDate,
    display_name: String,
    hours: Option<Json<WeeklyHours>>,
}

impl From<Row> for Holiday {
    fn from(row: Row) -> Self {
        Self { date: row.date, display_name: row.display_name, hours: row.hours.map(|hours| hours.0) }
    }
}

/// A location's, by date.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    location: LocationId,
) -> Result<Vec<Holiday>, sqlx::Error> {
    let rows: Vec<Row> =
        sqlx::query_as("select * from holiday where workspace_id = $1 and location_id = $2 order by date")
            .bind(workspace.uuid())
            .bind(location.uuid())
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(Holiday::from).collect())
}

/// Those of these locations between two dates.
pub(crate) async fn between(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    locations: &[LocationId],
    (from, until): (NaiveDate, NaiveDate),
) -> Result<Vec<(LocationId, Holiday)>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select * from holiday
         where workspace_id = $1 and location_id = any($2) and date between $3 and $4",
    )
    .bind(workspace.uuid())
    .bind(locations.iter().map(|location| location.uuid()).collect::<Vec<_>>())
    .bind(from)
    .bind(until)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (LocationId::from_uuid(row.location_id), row.into())).collect())
}

/// Whoever changes a location's holidays does it one after the other. Gives the version of the change.
pub(crate) async fn begin_change(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    location: LocationId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "insert into holiday_list (workspace_id, location_id, version) values ($1, $2, 1)
         on conflict (workspace_id, location_id) do update set version = holiday_list.version + 1
         returning version",
    )
    .bind(workspace.uuid())
    .bind(location.uuid())
    .fetch_one(conn)
    .await
}

/// Gives a location these, in place of those before.
pub(crate) async fn replace(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    location: LocationId,
    holidays: &[Holiday],
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from holiday where workspace_id = $1 and location_id = $2")
        .bind(workspace.uuid())
        .bind(location.uuid())
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "insert into holiday (workspace_id, location_id, date, display_name, hours)
         select $1, $2, h.* from unnest($3::date[], $4::text[], $5::jsonb[]) as h",
    )
    .bind(workspace.uuid())
    .bind(location.uuid())
    .bind(holidays.iter().map(|holiday| holiday.date).collect::<Vec<_>>())
    .bind(holidays.iter().map(|holiday| holiday.display_name.as_str()).collect::<Vec<_>>())
    .bind(holidays.iter().map(|holiday| holiday.hours.as_ref().map(Json)).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}
