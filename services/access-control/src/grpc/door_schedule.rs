//! `DoorScheduleService`.

use std::sync::Arc;

use chassis::idempotency::Intent;
use chassis::paging::Page;
use chassis::rpc::{REQUEST_BYTES_MAX, author, principal, refuse};
use proto::access::v1 as pb;
use proto::access::v1::door_schedule_service_server::{DoorScheduleService, DoorScheduleServiceServer};
use tonic::{Request, Response, Status};

use super::{Methods, location, parent};
use crate::app::App;
use crate::convert;

pub(crate) fn door_schedule_service(app: Arc<App>) -> DoorScheduleServiceServer<Methods> {
    DoorScheduleServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

#[tonic::async_trait]
impl DoorScheduleService for Methods {
    async fn set_door_schedule(
        &self,
        request: Request<pb::SetDoorScheduleRequest>,
    ) -> Result<Response<pb::SetDoorScheduleResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let new = convert::new_schedule(workspace, message.door_schedule.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "SetDoorSchedule", &message.request_id, &message);
        let intent = intent.map_err(refuse)?;
        self.app.set_door_schedule(workspace, new, &author, intent).await.map(Response::new).map_err(refuse)
    }

    async fn get_door_schedule(
        &self,
        request: Request<pb::GetDoorScheduleRequest>,
    ) -> Result<Response<pb::GetDoorScheduleResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let door = convert::scheduled_door(workspace, message.door.as_ref()).map_err(refuse)?;
        self.app.get_door_schedule(workspace, &door).await.map(Response::new).map_err(refuse)
    }

    async fn list_door_schedules(
        &self,
        request: Request<pb::ListDoorSchedulesRequest>,
    ) -> Result<Response<pb::ListDoorSchedulesResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let binding = ["ListDoorSchedules", &message.parent];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_door_schedules(workspace, page).await.map(Response::new).map_err(refuse)
    }

    async fn delete_door_schedule(
        &self,
        request: Request<pb::DeleteDoorScheduleRequest>,
    ) -> Result<Response<pb::DeleteDoorScheduleResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let door = convert::scheduled_door(workspace, message.door.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "DeleteDoorSchedule", &message.request_id, &message);
        let intent = intent.map_err(refuse)?;
        let deleted = self.app.delete_door_schedule(workspace, &door, &author, intent).await;
        deleted.map(Response::new).map_err(refuse)
    }

    async fn get_holidays(
        &self,
        request: Request<pb::GetHolidaysRequest>,
    ) -> Result<Response<pb::GetHolidaysResponse>, Status> {
        let caller = principal(&request)?;
        let location = location(&request.get_ref().name, &caller)?;
        self.app.get_holidays(location).await.map(Response::new).map_err(refuse)
    }

    async fn set_holidays(
        &self,
        request: Request<pb::SetHolidaysRequest>,
    ) -> Result<Response<pb::SetHolidaysResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let location = location(&message.name, &caller)?;
        let holidays = convert::new_holidays(&message.holidays).map_err(refuse)?;
        let intent = Intent::of(&caller, location.workspace, "SetHolidays", &message.request_id, &message);
        let intent = intent.map_err(refuse)?;
        self.app.set_holidays(location, holidays, &author, intent).await.map(Response::new).map_err(refuse)
    }
}
