//! What follows from invoices: bookings that are paid stand, and are called off when that is given back; memberships go
//! on, are paused, or come to their end.

use chassis::audit::Author;
use domain::{BookingId, MembershipId, WorkspaceId};
use sqlx::PgConnection;

use super::App;
use super::{booking, membership};
use crate::DEFINITION;
use crate::consumers::billing::Consequence;
use crate::error::Error;
use crate::model::BookingState;
use crate::model::booking::Request as BookingRequest;
use crate::model::membership::Request as MembershipRequest;
use crate::store::{booking as bookings, membership as memberships, place};

/// Why a booking is called off, as its people are told.
const REFUNDED: &str = "what was paid for it is given back";

impl App {
    /// Follows a fact of an invoice in the caller's transaction. What became of a thing meanwhile stays.
    pub(crate) async fn follow_invoice(
        &self,
        conn: &mut PgConnection,
        workspace: WorkspaceId,
        consequence: &Consequence,
        cause: &str,
    ) -> Result<(), Error> {
        match consequence {
            Consequence::Confirm(id) => self.confirm_paid(conn, workspace, *id).await,
            Consequence::CallOff(id) => self.call_off_refunded(conn, workspace, *id).await,
            Consequence::Fail(id, reason) => self.fail_unpaid(conn, workspace, *id, reason).await,
            Consequence::Renew(id, day) => {
                let Some(found) = memberships::find(conn, workspace, *id).await? else { return Ok(()) };
                let location = found.terms.location;
                let location = place::find_location(conn, workspace, location).await?;
                let Some(location) = location else { return Ok(()) };
                let until = domain::zone::midnight(location.time_zone, *day);
                // It may be paid for longer already.
                if until <= found.period_ends_at {
                    return Ok(());
                }
                self.change(conn, workspace, *id, MembershipRequest::Renew(until), cause).await
            }
            Consequence::FailRenewal(id) => {
                let Some(found) = memberships::find(conn, workspace, *id).await? else { return Ok(()) };
                let request = MembershipRequest::FailRenewal(found.period_ends_at);
                self.change(conn, workspace, *id, request, cause).await
            }
            Consequence::Pause(id) => {
                self.change(conn, workspace, *id, MembershipRequest::Pause, cause).await
            }
            Consequence::Resume(id) => {
                self.change(conn, workspace, *id, MembershipRequest::Resume, cause).await
            }
        }
    }

    async fn confirm_paid(
        &self,
        conn: &mut PgConnection,
        workspace: WorkspaceId,
        id: BookingId,
    ) -> Result<(), Error> {
        let Some(before) = bookings::find_snapshot_for_update(conn, workspace, id).await? else {
            return Ok(());
        };
        if !matches!(before.booking.state, BookingState::Pending | BookingState::Failed) {
            return Ok(());
        }
        let failed = before.booking.state == BookingState::Failed;
        if failed && bookings::is_taken(conn, &before.booking).await? {
            // It did not hold the resource any more, and someone else has it.
            tracing::error!(
                workspace.id = %workspace, booking.id = %id,
                "paid, and can't be confirmed: the resource is taken meanwhile; give the money back"
            );
            return Ok(());
        }
        match booking::apply(conn, before, &BookingRequest::Confirm, self.clock.now()).await {
            Err(Error::BookingOver(_)) => {
                tracing::error!(
                    workspace.id = %workspace, booking.id = %id,
                    "paid after its end, so that it is not confirmed; give the money back"
                );
                Ok(())
            }
            confirmed => confirmed.map(drop),
        }
    }

    async fn call_off_refunded(
        &self,
        conn: &mut PgConnection,
        workspace: WorkspaceId,
        id: BookingId,
    ) -> Result<(), Error> {
        let Some(before) = bookings::find_snapshot_for_update(conn, workspace, id).await? else {
            return Ok(());
        };
        let now = self.clock.now();
        // What is over stays as it was: they were in.
        let is_over = before.booking.window.end() <= now || before.booking.state == BookingState::Completed;
        if is_over {
            return Ok(());
        }
        let request = BookingRequest::Cancel { reason: REFUNDED.to_owned() };
        booking::apply(conn, before, &request, now).await.map(drop)
    }

    async fn fail_unpaid(
        &self,
        conn: &mut PgConnection,
        workspace: WorkspaceId,
        id: BookingId,
        reason: &str,
    ) -> Result<(), Error> {
        let Some(before) = bookings::find_snapshot_for_update(conn, workspace, id).await? else {
            return Ok(());
        };
        // What was confirmed before it was paid stands.
        if before.booking.state != BookingState::Pending {
            return Ok(());
        }
        let request = BookingRequest::Fail { reason: reason.to_owned() };
        booking::apply(conn, before, &request, self.clock.now()).await.map(drop)
    }

    async fn change(
        &self,
        conn: &mut PgConnection,
        workspace: WorkspaceId,
        id: MembershipId,
        request: MembershipRequest,
        cause: &str,
    ) -> Result<(), Error> {
        let Some(before) = memberships::find_for_update(conn, workspace, id).await? else { return Ok(()) };
        let author = Author::service(DEFINITION.name, cause);
        match membership::apply(conn, before, request, &author, self.clock.now()).await {
            Err(Error::MembershipEnded(_)) => Ok(()),
            changed => changed.map(drop),
        }
    }
}
