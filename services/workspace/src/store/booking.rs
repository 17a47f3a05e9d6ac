//! Rows of bookings.

use std::collections::HashMap;

use chassis::paging::Page;
use domain::{BookingId, LocationId, PersonId, ResourceId, Timestamp, Window, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{corrupt, person};
use crate::model::{
    Booking, BookingState, Location, Person, PersonStatus, Resource, Role, Snapshot, Workspace,
};

#[derive(sqlx::FromRow)]
struct BookingRow {
    workspace_id: Uuid,
    id: Uuid,
    resource_id: Uuid,
    person_id: Uuid,
    attendees: Vec<Uuid>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    title: String,
    state: BookingState,
    state_reason: String,
    external_ref: Option<String>,
    external_sequence: Option<i64>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<BookingRow> for Booking {
    type Error = sqlx::Error;
    fn try_from(row: BookingRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: BookingId::from_uuid(row.id),
            resource: ResourceId::from_uuid(row.resource_id),
            person: PersonId::from_uuid(row.person_id),
            attendees: row.attendees.into_iter().map(PersonId::from_uuid).collect(),
            window: Window::new(row.starts_at, row.ends_at).map_err(corrupt)?,
            title: row.title,
            state: row.state,
            state_reason: row.state_reason,
            external_ref: row.external_ref,
            external_sequence: row.external_sequence,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// The columns of the joined tables, each with its table's letter.
#[derive(sqlx::FromRow)]
struct SnapshotRow {
    #[sqlx(flatten)]
    booking: BookingRow,
    p_display_name: String,
    p_email: Option<String>,
    p_phone: Option<String>,
    p_country: Option<String>,
    p_role: Role,
    p_locations: Vec<Uuid>,
    p_status: PersonStatus,
    p_version: i64,
    r_display_name: String,
    l_id: Uuid,
    l_display_name: String,
    l_time_zone: String,
    l_country: String,
    l_address: String,
    w_display_name: String,
    w_reply_to_email: Option<String>,
}

impl SnapshotRow {
    /// The snapshot; its attendees are among `known`.
    fn snapshot(self, known: &HashMap<PersonId, Person>) -> Result<Snapshot, sqlx::Error> {
        let row = self;
        let booking = Booking::try_from(row.booking)?;
        let attendee = |id| known.get(id).cloned().ok_or_else(|| corrupt("an attendee is nobody"));
        Ok(Snapshot {
            attendees: booking.attendees.iter().map(attendee).collect::<Result<_, _>>()?,
            person: Person {
                id: booking.person,
                display_name: row.p_display_name,
                email: row.p_email,
                phone: row.p_phone,
                country: row.p_country,
                role: row.p_role,
                locations: row.p_locations.into_iter().map(LocationId::from_uuid).collect(),
                status: row.p_status,
                version: row.p_version,
            },
            resource: Resource {
                id: booking.resource,
                location: LocationId::from_uuid(row.l_id),
                display_name: row.r_display_name,
            },
            location: Location {
                id: LocationId::from_uuid(row.l_id),
                display_name: row.l_display_name,
                time_zone: domain::zone::parse(&row.l_time_zone).map_err(corrupt)?,
                country: row.l_country,
                address: row.l_address,
            },
            workspace: Workspace {
                id: booking.workspace,
                display_name: row.w_display_name,
                reply_to_email: row.w_reply_to_email,
            },
            booking,
        })
    }
}

macro_rules! select_snapshot {
    ($rest:literal) => {
        concat!(
            "select b.workspace_id, b.id, b.resource_id, b.person_id, b.attendees, b.starts_at, b.ends_at, b.title, b.state,
               b.state_reason, b.external_ref, b.external_sequence, b.version, b.created_at, b.updated_at,
               p.display_name as p_display_name, p.email as p_email, p.phone as p_phone,
               p.country as p_country, p.role as p_role, p.locations as p_locations,
               p.status as p_status, p.version as p_version,
               r.display_name as r_display_name,
               l.id as l_id, l.display_name as l_display_name, l.time_zone as l_time_zone,
               l.country as l_country, l.address as l_address,
               w.display_name as w_display_name, w.reply_to_email as w_reply_to_email
             from booking b
             join person p on p.workspace_id = b.workspace_id and p.id = b.person_id
             join resource r on r.workspace_id = b.workspace_id and r.id = b.resource_id
             join location l on l.workspace_id = r.workspace_id and l.id = r.location_id
             join workspace w on w.workspace_id = b.workspace_id ",
            $rest
        )
    };
}

/// Inserts a booking. A violated rule is an error of its constraint: `booking_overlap`,
/// `booking_external_ref`.
pub(crate) async fn insert(conn: &mut PgConnection, booking: &Booking) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into booking (workspace_id, id, resource_id, person_id, starts_at, ends_at, title, state,
           state_reason, external_ref, external_sequence, version, created_at, updated_at, attendees)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(booking.workspace.uuid())
    .bind(booking.id.uuid())
    .bind(booking.resource.uuid())
    .bind(booking.person.uuid())
    .bind(booking.window.start())
    .bind(booking.window.end())
    .bind(&booking.title)
    .bind(booking.state)
    .bind(&booking.state_reason)
    .bind(&booking.external_ref)
    .bind(booking.external_sequence)
    .bind(booking.version)
    .bind(booking.created_at)
    .bind(booking.updated_at)
    .bind(attendees(booking))
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes what may change of a booking over the version before it; `false` if that version is gone.
pub(crate) async fn update(conn: &mut PgConnection, booking: &Booking) -> Result<bool, sqlx::Error> {
    let updated = sqlx::query(
        "update booking set starts_at = $3, ends_at = $4, title = $5, state = $6, state_reason = $7,
           external_sequence = $8, version = $9, updated_at = $10, attendees = $11
         where workspace_id = $1 and id = $2 and version < $9",
    )
    .bind(booking.workspace.uuid())
    .bind(booking.id.uuid())
    .bind(booking.window.start())
    .bind(booking.window.end())
    .bind(&booking.title)
    .bind(booking.state)
    .bind(&booking.state_reason)
    .bind(booking.external_sequence)
    .bind(booking.version)
    .bind(booking.updated_at)
    .bind(attendees(booking))
    .execute(conn)
    .await?;
    Ok(updated.rows_affected() == 1)
}

fn attendees(booking: &Booking) -> Vec<Uuid> {
    booking.attendees.iter().map(|person| person.uuid()).collect()
}

/// Rows with their attendees. Those are read once the bookings are locked, if they are: so they are those of
/// the very rows.
async fn with_attendees(
    conn: &mut PgConnection,
    rows: Vec<SnapshotRow>,
) -> Result<Vec<Snapshot>, sqlx::Error> {
    let keys: Vec<_> = rows
        .iter()
        .map(|row| &row.booking)
        .flat_map(|row| row.attendees.iter().map(|id| (row.workspace_id, *id)))
        .map(|(workspace, id)| (WorkspaceId::from_uuid(workspace), PersonId::from_uuid(id)))
        .collect();
    let known = if keys.is_empty() { HashMap::new() } else { person::find_many(conn, &keys).await? };
    rows.into_iter().map(|row| row.snapshot(&known)).collect()
}

/// Notes the newest telling of another system.
pub(crate) async fn update_external_sequence(
    conn: &mut PgConnection,
    booking: &Booking,
    sequence: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("update booking set external_sequence = $3 where workspace_id = $1 and id = $2")
        .bind(booking.workspace.uuid())
        .bind(booking.id.uuid())
        .bind(sequence)
        .execute(conn)
        .await?;
    Ok(())
}

/// A booking with its surroundings.
pub(crate) async fn find_snapshot(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: BookingId,
) -> Result<Option<Snapshot>, sqlx::Error> {
    let row: Option<SnapshotRow> =
        sqlx::query_as(select_snapshot!("where b.workspace_id = $1 and b.id = $2"))
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(&mut *conn)
            .await?;
    Ok(with_attendees(conn, row.into_iter().collect()).await?.pop())
}

/// The same; the booking's row is locked.
pub(crate) async fn find_snapshot_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: BookingId,
) -> Result<Option<Snapshot>, sqlx::Error> {
    let row: Option<SnapshotRow> =
        sqlx::query_as(select_snapshot!("where b.workspace_id = $1 and b.id = $2 for update of b"))
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(&mut *conn)
            .await?;
    Ok(with_attendees(conn, row.into_iter().collect()).await?.pop())
}

/// The booking that another system knows by `external_ref`; its row is locked.
pub(crate) async fn find_snapshot_by_external_ref_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    external_ref: &str,
) -> Result<Option<Snapshot>, sqlx::Error> {
    let row: Option<SnapshotRow> =
        sqlx::query_as(select_snapshot!("where b.workspace_id = $1 and b.external_ref = $2 for update of b"))
            .bind(workspace.uuid())
            .bind(external_ref)
            .fetch_optional(&mut *conn)
            .await?;
    Ok(with_attendees(conn, row.into_iter().collect()).await?.pop())
}

/// Confirmed bookings of all workspaces whose end has come, oldest first; their rows are locked, those
/// of other replicas passed over.
pub(crate) async fn claim_due(
    conn: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Snapshot>, sqlx::Error> {
    let rows: Vec<SnapshotRow> = sqlx::query_as(select_snapshot!(
        "where b.state = 'confirmed' and b.ends_at <= $1
         order by b.ends_at limit $2 for update of b skip locked"
    ))
    .bind(now)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await?;
    with_attendees(conn, rows).await
}

/// When the next confirmed booking ends.
pub(crate) async fn next_due(conn: &mut PgConnection) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar("select min(ends_at) from booking where state = 'confirmed'").fetch_one(conn).await
}

/// Which bookings to list; each that is set narrows further.
#[derive(Debug, Default, Clone)]
pub(crate) struct Filter {
    pub locations: Option<Vec<LocationId>>,
    pub external_ref: Option<String>,
    pub resource: Option<ResourceId>,
    pub person: Option<PersonId>,
    /// Who holds it or is invited.
    pub participant: Option<PersonId>,
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    filter: Filter,
    page: &Page,
) -> Result<Vec<Booking>, sqlx::Error> {
    let rows: Vec<BookingRow> = sqlx::query_as(
        "select * from booking
         where workspace_id = $1 and id > $2
           and ($4::uuid is null or resource_id = $4) and ($5::uuid is null or person_id = $5)
           and ($6::text is null or external_ref = $6)
           and ($7::uuid[] is null or exists (
             select from resource r
             where r.workspace_id = $1 and r.id = resource_id and r.location_id = any($7)))
           and ($8::uuid is null or person_id = $8 or $8 = any(attendees))
         order by id limit $3",
    )
    .bind(workspace.uuid())
    .bind(page.after)
    .bind(page.limit)
    .bind(filter.resource.map(ResourceId::uuid))
    .bind(filter.person.map(PersonId::uuid))
    .bind(filter.external_ref)
    .bind(filter.locations.map(|all| all.into_iter().map(LocationId::uuid).collect::<Vec<_>>()))
    .bind(filter.participant.map(PersonId::uuid))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Booking::try_from).collect()
}

/// Whether another live booking holds the resource within a booking's window.
pub(crate) async fn is_taken(conn: &mut PgConnection, booking: &Booking) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (
           select from booking where workspace_id = $1 and resource_id = $2 and id <> $3
             and tstzrange(starts_at, ends_at) && tstzrange($4, $5)
             and state in ('pending', 'confirmed', 'completed')
         )",
    )
    .bind(booking.workspace.uuid())
    .bind(booking.resource.uuid())
    .bind(booking.id.uuid())
    .bind(booking.window.start())
    .bind(booking.window.end())
    .fetch_one(conn)
    .await
}
