//! `BookingService`.

use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{principal, refuse};
use domain::names::{BookingName, WorkspaceName};
use domain::{PersonId, WorkspaceId};
use proto::workspace::v1 as pb;
use proto::workspace::v1::booking_service_server::BookingService;
use tonic::{Request, Response, Status};

use super::{Methods, name, parent, reason, some};
use crate::convert;
use crate::model::booking::Request as Change;
use crate::store::booking::Filter;

#[tonic::async_trait]
impl BookingService for Methods {
    async fn create_booking(
        &self,
        request: Request<pb::CreateBookingRequest>,
    ) -> Result<Response<pb::CreateBookingResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), reach) = parent("parent", &message.parent, &caller)?;
        let new = convert::new_booking(workspace, message.booking.as_ref()).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "CreateBooking", &message.request_id, &message).map_err(refuse)?;
        let booking = self.app.create_booking(workspace, &reach, new, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::CreateBookingResponse { booking: Some(booking) }))
    }

    async fn get_booking(
        &self,
        request: Request<pb::GetBookingRequest>,
    ) -> Result<Response<pb::GetBookingResponse>, Status> {
        let caller = principal(&request)?;
        let BookingName { workspace, id } = name(&request.get_ref().name)?;
        let reach = caller.reach(workspace).map_err(refuse)?;
        let booking = self.app.get_booking(workspace, &reach, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetBookingResponse { booking: Some(booking) }))
    }

    async fn list_bookings(
        &self,
        request: Request<pb::ListBookingsRequest>,
    ) -> Result<Response<pb::ListBookingsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), reach) = parent("parent", &message.parent, &caller)?;
        let mut input = Input::new();
        let filter = Filter {
            locations: None,
            participant: None,
            external_ref: some(&message.external_ref).map(str::to_owned),
            resource: some(&message.resource)
                .and_then(|text| convert::resource_of(&mut input, "resource", text, workspace)),
            person: some(&message.person)
                .and_then(|text| convert::person_of(&mut input, "person", text, workspace)),
        };
        input.finish().map_err(refuse)?;
        let binding =
            ["ListBookings", &message.parent, &message.resource, &message.person, &message.external_ref];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_bookings(workspace, reach, filter, page).await.map(Response::new).map_err(refuse)
    }

    async fn confirm_booking(
        &self,
        request: Request<pb::ConfirmBookingRequest>,
    ) -> Result<Response<pb::ConfirmBookingResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let BookingName { workspace, id } = name(&message.name)?;
        let reach = caller.reach(workspace).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "ConfirmBooking", &message.request_id, &message)
            .map_err(refuse)?;
        let booking =
            self.app.change_booking(workspace, &reach, id, Change::Confirm, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::ConfirmBookingResponse { booking: Some(booking) }))
    }

    async fn reschedule_booking(
        &self,
        request: Request<pb::RescheduleBookingRequest>,
    ) -> Result<Response<pb::RescheduleBookingResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let BookingName { workspace, id } = name(&message.name)?;
        let reach = caller.reach(workspace).map_err(refuse)?;
        let mut input = Input::new();
        let window = convert::booking_window(
            &mut input,
            ("start_time", message.start_time.as_ref()),
            ("end_time", message.end_time.as_ref()),
        );
        let window = input.finish_with(window).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "RescheduleBooking", &message.request_id, &message)
            .map_err(refuse)?;
        let change = Change::Reschedule(window);
        let booking = self.app.change_booking(workspace, &reach, id, change, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::RescheduleBookingResponse { booking: Some(booking) }))
    }

    async fn cancel_booking(
        &self,
        request: Request<pb::CancelBookingRequest>,
    ) -> Result<Response<pb::CancelBookingResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let BookingName { workspace, id } = name(&message.name)?;
        let reach = caller.reach(workspace).map_err(refuse)?;
        let reason = reason(&message.reason)?;
        let intent =
            Intent::of(&caller, workspace, "CancelBooking", &message.request_id, &message).map_err(refuse)?;
        let change = Change::Cancel { reason };
        let booking = self.app.change_booking(workspace, &reach, id, change, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::CancelBookingResponse { booking: Some(booking) }))
    }

    async fn fail_booking(
        &self,
        request: Request<pb::FailBookingRequest>,
    ) -> Result<Response<pb::FailBookingResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let BookingName { workspace, id } = name(&message.name)?;
        let reach = caller.reach(workspace).map_err(refuse)?;
        let reason = reason(&message.reason)?;
        let intent =
            Intent::of(&caller, workspace, "FailBooking", &message.request_id, &message).map_err(refuse)?;
        let change = Change::Fail { reason };
        let booking = self.app.change_booking(workspace, &reach, id, change, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::FailBookingResponse { booking: Some(booking) }))
    }

    async fn add_attendee(
        &self,
        request: Request<pb::AddAttendeeRequest>,
    ) -> Result<Response<pb::AddAttendeeResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let BookingName { workspace, id } = name(&message.name)?;
        let reach = caller.reach(workspace).map_err(refuse)?;
        let change = Change::AddAttendee(attendee(workspace, &message.person)?);
        let intent =
            Intent::of(&caller, workspace, "AddAttendee", &message.request_id, &message).map_err(refuse)?;
        let booking = self.app.change_booking(workspace, &reach, id, change, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::AddAttendeeResponse { booking: Some(booking) }))
    }

    async fn remove_attendee(
        &self,
        request: Request<pb::RemoveAttendeeRequest>,
    ) -> Result<Response<pb::RemoveAttendeeResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let BookingName { workspace, id } = name(&message.name)?;
        let reach = caller.reach(workspace).map_err(refuse)?;
        let change = Change::RemoveAttendee(attendee(workspace, &message.person)?);
        let intent = Intent::of(&caller, workspace, "RemoveAttendee", &message.request_id, &message)
            .map_err(refuse)?;
        let booking = self.app.change_booking(workspace, &reach, id, change, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::RemoveAttendeeResponse { booking: Some(booking) }))
    }
}

fn attendee(workspace: WorkspaceId, text: &str) -> Result<PersonId, Status> {
    let mut input = Input::new();
    let person = convert::person_of(&mut input, "person", text, workspace);
    input.finish_with(person).map_err(refuse)
}
