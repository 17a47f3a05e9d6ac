//! Bookings: made, changed by their verbs, completed by time.

use chassis::auth::Reach;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::{BookingId, PersonId, Timestamp, WorkspaceId};
use events::outbox;
use proto::workspace::v1 as pb;
use sqlx::PgConnection;

use super::{App, visit};
use crate::convert::{self, NewBooking};
use crate::error::Error;
use crate::facts::{self, BookingFact};
use crate::model::booking::{Refusal, Request};
use crate::model::{Booking, BookingState, Person, PersonStatus, Snapshot, policy};
use crate::store::booking::{self as store, Filter};
use crate::store::{person, place};

/// Bookings that one round completes at most.
const COMPLETED_PER_ROUND: i64 = 200;

impl App {
    pub(crate) async fn create_booking(
        &self,
        workspace: WorkspaceId,
        reach: &Reach,
        new: NewBooking,
        intent: Option<Intent>,
    ) -> Result<pb::Booking, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let booking = new_booking(workspace, new, BookingState::Pending, self.clock.now());
        let snapshot = insert(change.conn(), reach, booking).await?;
        outbox::append(change.conn(), &[facts::booking(BookingFact::Created, &snapshot)]).await?;
        Ok(change.commit(convert::booking(&snapshot.booking)).await?)
    }

    pub(crate) async fn get_booking(
        &self,
        workspace: WorkspaceId,
        reach: &Reach,
        id: BookingId,
    ) -> Result<pb::Booking, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let found = store::find_snapshot(&mut tx, workspace, id).await?;
        Ok(convert::booking(&in_sight(reach, id, found)?.booking))
    }

    pub(crate) async fn list_bookings(
        &self,
        workspace: WorkspaceId,
        reach: Reach,
        mut filter: Filter,
        page: Page,
    ) -> Result<pb::ListBookingsResponse, Error> {
        match reach {
            Reach::Workspace => {}
            Reach::Locations(locations) => filter.locations = Some(locations),
            Reach::Own(own) => filter.participant = Some(own),
        }
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, filter, &page).await?;
        let next_page_token = page.finish(&mut rows, |booking| booking.id.uuid());
        Ok(pb::ListBookingsResponse {
            bookings: rows.iter().map(convert::booking).collect(),
            next_page_token,
        })
    }

    /// Confirms, moves, cancels or fails a booking, invites someone to it or takes that back.
    pub(crate) async fn change_booking(
        &self,
        workspace: WorkspaceId,
        reach: &Reach,
        id: BookingId,
        request: Request,
        intent: Option<Intent>,
    ) -> Result<pb::Booking, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before = to_change(change.conn(), workspace, reach, id, &request).await?;
        let after = apply(change.conn(), before, &request, self.clock.now()).await?;
        Ok(change.commit(convert::booking(&after.booking)).await?)
    }

    /// Completes bookings whose end has come, one batch. Says how many, and when the next one ends.
    pub(crate) async fn complete_due(&self) -> Result<(usize, Option<Timestamp>), Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let due = store::claim_due(&mut tx, now, COMPLETED_PER_ROUND).await?;
        let mut messages = Vec::with_capacity(due.len());
        for mut snapshot in due {
            snapshot.booking.state = BookingState::Completed;
            snapshot.booking.version += 1;
            snapshot.booking.updated_at = now;
            if store::update(&mut tx, &snapshot.booking).await? {
                messages.push(facts::booking(BookingFact::Completed, &snapshot));
            }
        }
        outbox::append(&mut tx, &messages).await?;
        let next = store::next_due(&mut tx).await?;
        tx.commit().await?;
        Ok((messages.len(), next))
    }
}

/// The booking that was found, if the caller may know of it.
fn in_sight(reach: &Reach, id: BookingId, found: Option<Snapshot>) -> Result<Snapshot, Error> {
    found
        .filter(|it| policy::sees_booking(reach, &it.booking, it.location.id))
        .ok_or(Error::BookingNotFound(id))
}

/// A booking, locked, of which the caller may ask this.
async fn to_change(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    reach: &Reach,
    id: BookingId,
    request: &Request,
) -> Result<Snapshot, Error> {
    let found = store::find_snapshot_for_update(conn, workspace, id).await?;
    let before = in_sight(reach, id, found)?;
    if !policy::may_ask(reach, request, &before.booking, before.location.id) {
        return Err(Error::BookingOfAnother(id));
    }
    Ok(before)
}

/// A booking that is not stored yet.
pub(super) fn new_booking(
    workspace: WorkspaceId,
    new: NewBooking,
    state: BookingState,
    now: Timestamp,
) -> Booking {
    Booking {
        workspace,
        id: BookingId::new(),
        resource: new.resource,
        person: new.person,
        attendees: Vec::new(),
        window: new.window,
        title: new.title,
        state,
        state_reason: String::new(),
        external_ref: new.external_ref,
        external_sequence: None,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// Stores a new booking of an active person on a known resource. Whom or what the caller can't see is not
/// there, and is not asked for: its state must not show either.
pub(super) async fn insert(
    conn: &mut PgConnection,
    reach: &Reach,
    booking: Booking,
) -> Result<Snapshot, Error> {
    if !policy::sees_person(reach, booking.person) {
        return Err(Error::PersonNotFound(booking.person));
    }
    let id = booking.workspace;
    let workspace = place::find_workspace(conn, id).await?.ok_or(Error::WorkspaceNotFound(id))?;
    let resource = place::find_resource(conn, id, booking.resource)
        .await?
        .filter(|resource| policy::sees(reach, booking.person, resource.location))
        .ok_or(Error::ResourceNotFound(booking.resource))?;
    let person =
        person::find(conn, id, booking.person).await?.ok_or(Error::PersonNotFound(booking.person))?;
    if person.status != PersonStatus::Active {
        return Err(Error::PersonNotActive(person.id));
    }
    let location = place::find_location(conn, id, resource.location)
        .await?
        .ok_or(Error::LocationNotFound(resource.location))?;
    store::insert(conn, &booking).await.map_err(|error| rule_of(error, &booking))?;
    Ok(Snapshot { booking, person, attendees: Vec::new(), resource, location, workspace })
}

/// Changes a locked booking and tells it; nothing, if it is so already.
pub(super) async fn apply(
    conn: &mut PgConnection,
    before: Snapshot,
    request: &Request,
    now: Timestamp,
) -> Result<Snapshot, Error> {
    let planned = before.booking.plan(request, now).map_err(|refusal| match refusal {
        Refusal::Over => Error::BookingOver(before.booking.id),
        Refusal::Full => Error::BookingFull(before.booking.id),
        Refusal::State(state) => Error::StateForbids { id: before.booking.id, state, verb: verb(request) },
    })?;
    let Some(booking) = planned else { return Ok(before) };
    if !store::update(conn, &booking).await.map_err(|error| rule_of(error, &booking))? {
        return Err(Error::RowChanged(booking.id));
    }
    let fact = match request {
        Request::Confirm => BookingFact::Confirmed,
        Request::Reschedule(_) => BookingFact::Rescheduled { previous: before.booking.window },
        Request::Cancel { .. } => BookingFact::Cancelled { previous: before.booking.state },
        Request::Fail { .. } => BookingFact::Failed { previous: before.booking.state },
        Request::AddAttendee(person) => BookingFact::AttendeeAdded(*person),
        Request::RemoveAttendee(person) => BookingFact::AttendeeRemoved(*person),
    };
    let attendees = match request {
        Request::AddAttendee(id) => {
            let invited = find_invited(conn, booking.workspace, *id).await?;
            before.attendees.into_iter().chain([invited]).collect()
        }
        Request::RemoveAttendee(id) => before.attendees.into_iter().filter(|it| it.id != *id).collect(),
        _ => before.attendees,
    };
    let after = Snapshot { booking, attendees, ..before };
    outbox::append(conn, &[facts::booking(fact, &after)]).await?;
    visit::follow(conn, &after.booking, now).await?;
    Ok(after)
}

/// Someone who can be invited. Also someone who is paused: they are let in when they are taken up again, and
/// whoever invites them need not know.
async fn find_invited(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PersonId,
) -> Result<Person, Error> {
    let found = person::find(conn, workspace, id).await?;
    found.filter(|person| person.status != PersonStatus::Removed).ok_or(Error::PersonNotFound(id))
}

fn verb(request: &Request) -> &'static str {
    match request {
        Request::Confirm => "confirmed",
        Request::Reschedule(_) => "rescheduled",
        Request::Cancel { .. } => "cancelled",
        Request::Fail { .. } => "failed",
        Request::AddAttendee(_) => "opened to others",
        Request::RemoveAttendee(_) => "closed to attendees",
    }
}

/// The rule of ours that a constraint stands for.
fn rule_of(error: sqlx::Error, booking: &Booking) -> Error {
    match error.as_database_error().and_then(|e| e.constraint()) {
        Some("booking_overlap") => Error::ResourceTaken(booking.resource),
        Some("booking_external_ref") => {
            Error::ExternalRefTaken(booking.external_ref.clone().unwrap_or_default())
        }
        _ => error.into(),
    }
}
