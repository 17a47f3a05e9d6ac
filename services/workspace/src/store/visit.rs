//! Rows of visits.

use chassis::paging::Page;
use domain::{BookingId, LocationId, PersonId, ResourceId, Timestamp, VisitId, Window, WorkspaceId};
use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use super::corrupt;
use crate::model::visit::{Visit, VisitState};

#[derive(sqlx::FromRow)]
struct VisitRow {
    workspace_id: Uuid,
    id: Uuid,
    host_id: Uuid,
    booking_id: Option<Uuid>,
    location_id: Uuid,
    resource_id: Option<Uuid>,
    display_name: String,
    email: Option<String>,
    phone: Option<String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    state: VisitState,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<VisitRow> for Visit {
    type Error = sqlx::Error;
    fn try_from(row: VisitRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: VisitId::from_uuid(row.id),
            host: PersonId::from_uuid(row.host_id),
            booking: row.booking_id.map(BookingId::from_uuid),
            location: LocationId::from_uuid(row.location_id),
            resource: row.resource_id.map(ResourceId::from_uuid),
            display_name: row.display_name,
            email: row.email,
            phone: row.phone,
            window: Window::new(row.starts_at, row.ends_at).map_err(corrupt)?,
            state: row.state,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// What is announced in a workspace comes one after the other, so that limits hold.
pub(crate) async fn take_turn(conn: &mut PgConnection, workspace: WorkspaceId) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("workspaces/{workspace}/visits"))
        .execute(conn)
        .await?;
    Ok(())
}

pub(crate) async fn insert(conn: &mut PgConnection, new: &Visit) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into visit (workspace_id, id, host_id, booking_id, location_id, resource_id, display_name, email,
           phone, starts_at, ends_at, state, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(new.host.uuid())
    .bind(new.booking.map(BookingId::uuid))
    .bind(new.location.uuid())
    .bind(new.resource.map(ResourceId::uuid))
    .bind(&new.display_name)
    .bind(&new.email)
    .bind(&new.phone)
    .bind(new.window.start())
    .bind(new.window.end())
    .bind(new.state)
    .bind(new.version)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes what has changed of a locked visit.
pub(crate) async fn update(conn: &mut PgConnection, after: &Visit) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update visit set state = $3, starts_at = $4, ends_at = $5, version = $6, updated_at = $7
         where workspace_id = $1 and id = $2",
    )
    .bind(after.workspace.uuid())
    .bind(after.id.uuid())
    .bind(after.state)
    .bind(after.window.start())
    .bind(after.window.end())
    .bind(after.version)
    .bind(after.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: VisitId,
) -> Result<Option<Visit>, sqlx::Error> {
    let row: Option<VisitRow> = sqlx::query_as("select * from visit where workspace_id = $1 and id = $2")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .fetch_optional(conn)
        .await?;
    row.map(Visit::try_from).transpose()
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: VisitId,
) -> Result<Option<Visit>, sqlx::Error> {
    let row: Option<VisitRow> =
        sqlx::query_as("select * from visit where workspace_id = $1 and id = $2 for update")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(Visit::try_from).transpose()
}

/// The guests of a booking who were not uninvited, locked.
pub(crate) async fn of_booking_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    booking: BookingId,
) -> Result<Vec<Visit>, sqlx::Error> {
    let rows: Vec<VisitRow> = sqlx::query_as(
        "select * from visit where workspace_id = $1 and booking_id = $2 and state <> 'cancelled'
         order by id for update",
    )
    .bind(workspace.uuid())
    .bind(booking.uuid())
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Visit::try_from).collect()
}

/// Whoever comes to a person, and was not uninvited, if it ends after `since`; locked.
pub(crate) async fn of_host_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    host: PersonId,
    since: Timestamp,
) -> Result<Vec<Visit>, sqlx::Error> {
    let rows: Vec<VisitRow> = sqlx::query_as(
        "select * from visit where workspace_id = $1 and host_id = $2 and ends_at > $3 and state <> 'cancelled'
         order by id for update",
    )
    .bind(workspace.uuid())
    .bind(host.uuid())
    .bind(since)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Visit::try_from).collect()
}

/// How many guests a booking has who were not uninvited, and how many it ever had.
#[derive(sqlx::FromRow)]
pub(crate) struct Guests {
    pub invited: i64,
    pub ever: i64,
}

pub(crate) async fn count_of_booking(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    booking: BookingId,
) -> Result<Guests, sqlx::Error> {
    sqlx::query_as(
        "select count(*) filter (where state <> 'cancelled') as invited, count(*) as ever
         from visit where workspace_id = $1 and booking_id = $2",
    )
    .bind(workspace.uuid())
    .bind(booking.uuid())
    .fetch_one(conn)
    .await
}

/// How many visits of a workspace are ahead or under way.
pub(crate) async fn count_ahead(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    now: Timestamp,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select count(*) from visit where workspace_id = $1 and ends_at > $2 and state <> 'cancelled'",
    )
    .bind(workspace.uuid())
    .bind(now)
    .fetch_one(conn)
    .await
}

/// Which visits to list.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub host: Option<PersonId>,
    pub booking: Option<BookingId>,
    pub locations: Option<Vec<LocationId>>,
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<Visit>, sqlx::Error> {
    // Each has an index, which a statement that leaves it open could not use.
    let mut query = QueryBuilder::new("select * from visit where workspace_id = ");
    query.push_bind(workspace.uuid()).push(" and id > ").push_bind(page.after);
    if let Some(booking) = filter.booking {
        query.push(" and booking_id = ").push_bind(booking.uuid());
    }
    if let Some(host) = filter.host {
        query.push(" and host_id = ").push_bind(host.uuid());
    }
    if let Some(locations) = &filter.locations {
        let ids: Vec<Uuid> = locations.iter().map(|location| location.uuid()).collect();
        query.push(" and location_id = any(").push_bind(ids).push(")");
    }
    query.push(" order by id limit ").push_bind(page.limit);
    let rows: Vec<VisitRow> = query.build_query_as().fetch_all(conn).await?;
    rows.into_iter().map(Visit::try_from).collect()
}
