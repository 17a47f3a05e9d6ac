//! Visits: announced, called off, and following their bookings.

use chassis::audit::Author;
use chassis::auth::Reach;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::{BookingId, PersonId, Timestamp, VisitId, WorkspaceId};
use events::outbox;
use proto::workspace::v1 as pb;
use sqlx::PgConnection;

use super::App;
use crate::error::{Error, refusal};
use crate::facts::{self, SOURCE};
use crate::model::policy::{Sight, sees};
use crate::model::team::LAG_MAX;
use crate::model::visit::{
    GUESTS_MAX, INVITATIONS_MAX, NewVisit, Purpose, VISITS_MAX, Visit, VisitSnapshot, VisitState, state_for,
};
use crate::model::{Booking, PersonStatus};
use crate::store::visit::{self as store, Filter};
use crate::store::{booking, person, place};
use crate::{audit, convert};

impl App {
    /// Announces a visitor: of a booking for whoever holds it, of anything for who manages the location.
    pub(crate) async fn announce_visit(
        &self,
        workspace: WorkspaceId,
        sight: &Sight,
        new: NewVisit,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::AnnounceVisitResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let now = self.clock.now();
        let visit = plan(change.conn(), workspace, sight, new, now).await?;
        // Locked: whoever is removed takes their guests along.
        let host = person::find_for_update(change.conn(), workspace, visit.host).await?;
        if host.is_some_and(|host| host.status != PersonStatus::Active) {
            return Err(Error::PersonNotActive(visit.host));
        }
        let snapshot = snapshot(change.conn(), visit).await?;
        store::take_turn(change.conn(), workspace).await?;
        if store::count_ahead(change.conn(), workspace, now).await? >= VISITS_MAX {
            return Err(Error::TooManyVisits);
        }
        if let Some(booking) = snapshot.visit.booking {
            let guests = store::count_of_booking(change.conn(), workspace, booking).await?;
            if guests.invited >= GUESTS_MAX {
                return Err(Error::TooManyGuests(booking));
            }
            if guests.ever >= INVITATIONS_MAX {
                return Err(Error::TooManyInvitations(booking));
            }
        }
        store::insert(change.conn(), &snapshot.visit).await?;
        outbox::append(change.conn(), &[facts::visit(None, &snapshot)]).await?;
        audit::visit(author, None, &snapshot.visit, now).record(SOURCE, change.conn()).await?;
        let answer = pb::AnnounceVisitResponse { visit: Some(convert::visit(&snapshot.visit)) };
        Ok(change.commit(answer).await?)
    }

    pub(crate) async fn get_visit(
        &self,
        workspace: WorkspaceId,
        sight: &Sight,
        id: VisitId,
    ) -> Result<pb::Visit, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let found = store::find(&mut tx, workspace, id).await?;
        Ok(convert::visit(&in_sight(sight, id, found)?))
    }

    pub(crate) async fn list_visits(
        &self,
        workspace: WorkspaceId,
        reach: Reach,
        booking: Option<BookingId>,
        page: Page,
    ) -> Result<pb::ListVisitsResponse, Error> {
        let mut filter = Filter { booking, ..Default::default() };
        match reach {
            Reach::Workspace => {}
            Reach::Locations(locations) => filter.locations = Some(locations.into_iter().collect()),
            Reach::Own(own) => filter.host = Some(own),
        }
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, &filter, &page).await?;
        let next_page_token = page.finish(&mut rows, |visit| visit.id.uuid());
        Ok(pb::ListVisitsResponse { visits: rows.iter().map(convert::visit).collect(), next_page_token })
    }

    /// Calls a visit off. After its end, too: the lag may not be over.
    pub(crate) async fn cancel_visit(
        &self,
        workspace: WorkspaceId,
        sight: &Sight,
        id: VisitId,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::CancelVisitResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let found = store::find_for_update(change.conn(), workspace, id).await?;
        let before = in_sight(sight, id, found)?;
        let now = self.clock.now();
        let after = before.cancelled(now);
        if let Some(after) = &after {
            tell(change.conn(), &before, after.clone()).await?;
            audit::visit(author, Some(&before), after, now).record(SOURCE, change.conn()).await?;
        }
        let visit = Some(convert::visit(after.as_ref().unwrap_or(&before)));
        Ok(change.commit(pb::CancelVisitResponse { visit }).await?)
    }
}

/// The guests of a locked booking follow it.
pub(super) async fn follow(conn: &mut PgConnection, booking: &Booking, now: Timestamp) -> Result<(), Error> {
    for visit in store::of_booking_for_update(conn, booking.workspace, booking.id).await? {
        if let Some(after) = visit.following(booking, now) {
            tell(conn, &visit, after).await?;
        }
    }
    Ok(())
}

/// Calls off whatever a person is the host of, who is removed. What has ended opens doors for as long as the lag.
pub(super) async fn end_of_host(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    host: PersonId,
    author: &Author,
    now: Timestamp,
) -> Result<(), Error> {
    for visit in store::of_host_for_update(conn, workspace, host, now - LAG_MAX).await? {
        if let Some(after) = visit.cancelled(now) {
            tell(conn, &visit, after.clone()).await?;
            audit::visit(author, Some(&visit), &after, now).record(SOURCE, conn).await?;
        }
    }
    Ok(())
}

/// Tells again of whoever comes to a person who is paused, or is not any more: their visitors are so, too.
pub(super) async fn follow_host(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    host: PersonId,
    now: Timestamp,
) -> Result<(), Error> {
    for visit in store::of_host_for_update(conn, workspace, host, now - LAG_MAX).await? {
        tell(conn, &visit, visit.with_host_changed(now)).await?;
    }
    Ok(())
}

async fn tell(conn: &mut PgConnection, before: &Visit, after: Visit) -> Result<(), Error> {
    store::update(conn, &after).await?;
    let snapshot = snapshot(conn, after).await?;
    Ok(outbox::append(conn, &[facts::visit(Some(before), &snapshot)]).await?)
}

/// What is announced, if the caller may. A booking is locked: its guests follow what becomes of it.
async fn plan(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    sight: &Sight,
    new: NewVisit,
    now: Timestamp,
) -> Result<Visit, Error> {
    let (location, resource, window, state, booked, default_host) = match new.purpose {
        Purpose::Booking(id) => {
            let found = booking::find_snapshot_for_update(conn, workspace, id).await?;
            let may = |it: &crate::model::Snapshot| sight.holds(it.booking.person, it.location.id);
            let found = found.filter(may).ok_or(Error::BookingNotFound(id))?;
            let booking = found.booking;
            let state = state_for(booking.state);
            if state == VisitState::Cancelled || booking.window.end() <= now {
                return Err(Error::BookingOver(id));
            }
            (found.location.id, Some(booking.resource), booking.window, state, Some(id), Some(booking.person))
        }
        Purpose::Place { location, resource, window } => {
            // Doors that nobody has booked are not a member's to open to others.
            let manages = !matches!(sight.reach, Reach::Own(_));
            if !manages || !sees(&sight.reach, PersonId::new(), location) {
                return Err(Error::LocationNotFound(location));
            }
            if let Some(id) = resource {
                let found = place::find_resource(conn, workspace, id).await?;
                found.filter(|it| it.location == location).ok_or(Error::ResourceNotFound(id))?;
            }
            if window.end() <= now {
                return Err(refusal("visit.end_time", "must be later than now"));
            }
            (location, resource, window, VisitState::Expected, None, None)
        }
    };
    let host = match (&sight.reach, new.host) {
        // Nobody announces in the name of others.
        (Reach::Own(own), Some(host)) if host != *own => return Err(Error::PersonNotFound(host)),
        (_, Some(host)) => host,
        (_, None) => default_host
            .or(sight.own)
            .ok_or_else(|| refusal("visit.host", "must be set: whoever asks is no person"))?,
    };
    Ok(Visit {
        workspace,
        id: VisitId::new(),
        host,
        booking: booked,
        location,
        resource,
        display_name: new.visitor.display_name,
        email: new.visitor.email.map(|email| email.as_str().to_owned()),
        phone: new.visitor.phone.map(|phone| phone.as_str().to_owned()),
        window,
        state,
        version: 1,
        created_at: now,
        updated_at: now,
    })
}

fn in_sight(sight: &Sight, id: VisitId, found: Option<Visit>) -> Result<Visit, Error> {
    found.filter(|visit| sight.holds(visit.host, visit.location)).ok_or(Error::VisitNotFound(id))
}

/// A visit with what is around it.
pub(super) async fn snapshot(conn: &mut PgConnection, visit: Visit) -> Result<VisitSnapshot, Error> {
    let id = visit.workspace;
    let workspace = place::find_workspace(conn, id).await?.ok_or(Error::WorkspaceNotFound(id))?;
    let host = person::find(conn, id, visit.host).await?.ok_or(Error::PersonNotFound(visit.host))?;
    let location = place::find_location(conn, id, visit.location)
        .await?
        .ok_or(Error::LocationNotFound(visit.location))?;
    let resource = match visit.resource {
        None => None,
        Some(resource) => {
            let found = place::find_resource(conn, id, resource).await?;
            Some(found.ok_or(Error::ResourceNotFound(resource))?)
        }
    };
    Ok(VisitSnapshot { visit, host, resource, location, workspace })
}
