//! Bookings that other systems tell us. A telling says how the booking is now; what changes follows
//! from how it is here.

use chassis::audit::Author;
use chassis::auth::Reach;
use domain::contact::EmailAddress;
use domain::{PersonId, WorkspaceId};
use events::outbox;
use sqlx::PgConnection;

use super::App;
use super::booking::{apply, insert, new_booking};
use super::person::{add_person, blank};
use crate::DEFINITION;
use crate::convert::NewBooking;
use crate::error::Error;
use crate::facts::{self, BookingFact};
use crate::model::booking::Request;
use crate::model::{BookingState, PersonDetails, Role, Snapshot};
use crate::store::{booking as store, person, place};

/// What is heard from other systems.
const TELLING: &str = "latchkey.ingest.v1.BookingUpsert";

/// How a booking is in the system that tells it.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    pub sequence: i64,
    pub external_ref: String,
    pub resource: domain::ResourceId,
    pub person: Holder,
    pub window: domain::Window,
    pub state: TellingState,
    pub title: String,
    pub reason: String,
}

/// Where a booking stands over there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TellingState {
    Pending,
    Confirmed,
    Cancelled,
    Failed,
}

/// Who holds the booking.
#[derive(Debug, Clone)]
pub(crate) enum Holder {
    Known(PersonId),
    ByEmail(EmailAddress, PersonDetails),
}

impl App {
    /// Takes a telling in the caller's transaction.
    pub(crate) async fn take_telling(
        &self,
        conn: &mut PgConnection,
        workspace: WorkspaceId,
        telling: &Telling,
    ) -> Result<(), Error> {
        place::find_workspace(conn, workspace).await?.ok_or(Error::WorkspaceNotFound(workspace))?;
        let found =
            store::find_snapshot_by_external_ref_for_update(conn, workspace, &telling.external_ref).await?;
        match found {
            None => self.add(conn, workspace, telling).await,
            Some(known) if known.booking.external_sequence >= Some(telling.sequence) => Ok(()),
            Some(known) => self.follow(conn, known, telling).await,
        }
    }

    async fn add(
        &self,
        conn: &mut PgConnection,
        workspace: WorkspaceId,
        telling: &Telling,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let new = NewBooking {
            resource: telling.resource,
            person: self.holder(conn, workspace, &telling.person).await?,
            window: telling.window,
            title: telling.title.clone(),
            external_ref: Some(telling.external_ref.clone()),
        };
        // One that never came about is kept all the same: an older telling of it may still come.
        let state = match telling.state {
            TellingState::Pending | TellingState::Confirmed => BookingState::Pending,
            TellingState::Cancelled => BookingState::Cancelled,
            TellingState::Failed => BookingState::Failed,
        };
        let mut booking = new_booking(workspace, new, state, now);
        booking.external_sequence = Some(telling.sequence);
        booking.state_reason.clone_from(&telling.reason);
        let snapshot = insert(conn, &Reach::Workspace, booking).await?;
        if state == BookingState::Pending {
            outbox::append(conn, &[facts::booking(BookingFact::Created, &snapshot)]).await?;
        }
        if telling.state == TellingState::Confirmed {
            apply(conn, snapshot, &Request::Confirm, now).await?;
        }
        Ok(())
    }

    /// Makes a known booking what the telling says.
    async fn follow(&self, conn: &mut PgConnection, known: Snapshot, telling: &Telling) -> Result<(), Error> {
        let now = self.clock.now();
        let id = known.booking.id;
        if known.booking.resource != telling.resource {
            return Err(Error::ExternalChange { id, field: "resource" });
        }
        if self.holder(conn, known.booking.workspace, &telling.person).await? != known.booking.person {
            return Err(Error::ExternalChange { id, field: "person" });
        }
        store::update_external_sequence(conn, &known.booking, telling.sequence).await?;
        let mut current = known;
        current.booking.external_sequence = Some(telling.sequence);
        if current.booking.state == BookingState::Failed && telling.state == TellingState::Confirmed {
            // It holds nothing, so that it need not be moved: it stands when it stands over there.
            current.booking.window = telling.window;
        }
        let reason = telling.reason.clone();
        let mut requests = Vec::with_capacity(2);
        match telling.state {
            TellingState::Cancelled => requests.push(Request::Cancel { reason }),
            TellingState::Failed => requests.push(Request::Fail { reason }),
            TellingState::Pending | TellingState::Confirmed => {
                requests.push(Request::Reschedule(telling.window));
                let is_completed = current.booking.state == BookingState::Completed;
                if telling.state == TellingState::Confirmed && !is_completed {
                    requests.push(Request::Confirm);
                }
            }
        }
        for request in requests {
            current = apply(conn, current, &request, now).await?;
        }
        Ok(())
    }

    async fn holder(
        &self,
        conn: &mut PgConnection,
        workspace: WorkspaceId,
        holder: &Holder,
    ) -> Result<PersonId, Error> {
        let (email, details) = match holder {
            Holder::Known(id) => return Ok(*id),
            Holder::ByEmail(email, details) => (email, details),
        };
        if let Some(person) = person::find_by_email(conn, workspace, email).await? {
            return Ok(person.id);
        }
        let (author, now) = (Author::service(DEFINITION.name, TELLING), self.clock.now());
        let added = add_person(conn, workspace, &author, details.clone(), blank(Role::Guest), now).await?;
        match added {
            Some(person) => Ok(person.id),
            // Added by someone else just now; their row is visible once they have committed.
            None => Ok(person::find_by_email(conn, workspace, email).await?.ok_or(Error::EmailTaken)?.id),
        }
    }
}
