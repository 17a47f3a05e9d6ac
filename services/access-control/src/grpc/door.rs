//! `DoorService`.

use std::sync::Arc;

use chassis::auth::Principal;
use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::rpc::{REQUEST_BYTES_MAX, author, principal, refuse};
use domain::WorkspaceId;
use domain::names::{LockdownName, OperationName, WorkspaceName};
use proto::access::v1 as pb;
use proto::access::v1::door_service_server::{DoorService, DoorServiceServer};
use tonic::{Request, Response, Status};

use super::{Methods, of};
use crate::app::{App, Asked, Caller};
use crate::convert;

pub(crate) fn door_service(app: Arc<App>) -> DoorServiceServer<Methods> {
    DoorServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

/// The workspace of a request, and what of it is the caller's.
fn parent(text: &str, caller: &Principal) -> Result<(WorkspaceId, Caller), Status> {
    let mut input = Input::new();
    let parsed = input.parse("parent", text);
    let WorkspaceName(workspace) = input.finish_with(parsed).map_err(refuse)?;
    Ok((workspace, of(workspace, caller)?))
}

impl Methods {
    async fn operate(
        &self,
        workspace: WorkspaceId,
        caller: &Caller,
        asked: Result<Asked, chassis::input::InvalidInput>,
    ) -> Result<Option<pb::DoorOperation>, Status> {
        let asked = asked.map_err(refuse)?;
        let operation = self.app.operate(workspace, caller, &asked).await.map_err(refuse)?;
        Ok(Some(convert::operation(&operation, caller.is_staff())))
    }
}

#[tonic::async_trait]
impl DoorService for Methods {
    async fn list_doors(
        &self,
        request: Request<pb::ListDoorsRequest>,
    ) -> Result<Response<pb::ListDoorsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (workspace, caller) = parent(&message.parent, &caller)?;
        let location = convert::at(workspace, &message.location).map_err(refuse)?;
        let doors = self.app.list_doors(workspace, location, &caller).await.map_err(refuse)?;
        let doors = doors.iter().map(|door| convert::door_view(workspace, door)).collect();
        Ok(Response::new(pb::ListDoorsResponse { doors }))
    }

    async fn open_door(
        &self,
        request: Request<pb::OpenDoorRequest>,
    ) -> Result<Response<pb::OpenDoorResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (workspace, caller) = parent(&message.parent, &caller)?;
        let wish = convert::open(message.duration);
        let asked = convert::asked(workspace, message.door.as_ref(), wish, &message.request_id);
        let operation = self.operate(workspace, &caller, asked).await?;
        Ok(Response::new(pb::OpenDoorResponse { operation }))
    }

    async fn hold_door_open(
        &self,
        request: Request<pb::HoldDoorOpenRequest>,
    ) -> Result<Response<pb::HoldDoorOpenResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (workspace, caller) = parent(&message.parent, &caller)?;
        let wish = convert::hold(message.end_time.as_ref(), self.app.now());
        let asked = convert::asked(workspace, message.door.as_ref(), wish, &message.request_id);
        let operation = self.operate(workspace, &caller, asked).await?;
        Ok(Response::new(pb::HoldDoorOpenResponse { operation }))
    }

    async fn lock_door(
        &self,
        request: Request<pb::LockDoorRequest>,
    ) -> Result<Response<pb::LockDoorResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (workspace, caller) = parent(&message.parent, &caller)?;
        let wish = Ok(crate::doors::Wish::Lock);
        let asked = convert::asked(workspace, message.door.as_ref(), wish, &message.request_id);
        let operation = self.operate(workspace, &caller, asked).await?;
        Ok(Response::new(pb::LockDoorResponse { operation }))
    }

    async fn lock_down_doors(
        &self,
        request: Request<pb::LockDownDoorsRequest>,
    ) -> Result<Response<pb::LockDownDoorsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (workspace, by) = parent(&message.parent, &caller)?;
        caller.manages(workspace).map_err(refuse)?;
        let location = convert::at(workspace, &message.location).map_err(refuse)?;
        let (lockdown, operations) = self.app.lock_down(workspace, location, &by).await.map_err(refuse)?;
        let lockdown = Some(convert::lockdown(&lockdown, &operations));
        Ok(Response::new(pb::LockDownDoorsResponse { lockdown }))
    }

    async fn lift_lockdown(
        &self,
        request: Request<pb::LiftLockdownRequest>,
    ) -> Result<Response<pb::LiftLockdownResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let mut input = Input::new();
        let parsed = input.parse("name", &message.name);
        let LockdownName { workspace, id } = input.finish_with(parsed).map_err(refuse)?;
        caller.manages(workspace).map_err(refuse)?;
        let by = of(workspace, &caller)?;
        let (lockdown, operations) = self.app.lift(workspace, id, &by).await.map_err(refuse)?;
        let lockdown = Some(convert::lockdown(&lockdown, &operations));
        Ok(Response::new(pb::LiftLockdownResponse { lockdown }))
    }

    async fn set_door_settings(
        &self,
        request: Request<pb::SetDoorSettingsRequest>,
    ) -> Result<Response<pb::SetDoorSettingsResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let workspace = super::parent(&message.parent, &caller)?;
        let settings = convert::new_door_settings(workspace, message.door_settings.as_ref());
        let (door, setting) = settings.map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "SetDoorSettings", &message.request_id, &message);
        let intent = intent.map_err(refuse)?;
        let set = self.app.set_door_settings(workspace, &door, &setting, &author, intent).await;
        set.map(Response::new).map_err(refuse)
    }

    async fn get_door_operation(
        &self,
        request: Request<pb::GetDoorOperationRequest>,
    ) -> Result<Response<pb::GetDoorOperationResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let mut input = Input::new();
        let parsed = input.parse("name", &message.name);
        let OperationName { workspace, id } = input.finish_with(parsed).map_err(refuse)?;
        let caller = of(workspace, &caller)?;
        let operation = self.app.get_operation(workspace, id, &caller).await.map_err(refuse)?;
        let operation = Some(convert::operation(&operation, caller.is_staff()));
        Ok(Response::new(pb::GetDoorOperationResponse { operation }))
    }

    async fn create_mobile_login(
        &self,
        request: Request<pb::CreateMobileLoginRequest>,
    ) -> Result<Response<pb::CreateMobileLoginResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (workspace, caller) = parent(&message.parent, &caller)?;
        let (place, device_name) = convert::login(workspace, &message).map_err(refuse)?;
        let login = self.app.create_login(workspace, place, &device_name, &caller, &author).await;
        Ok(Response::new(pb::CreateMobileLoginResponse { mobile_login: Some(login.map_err(refuse)?) }))
    }

    async fn list_door_secrets(
        &self,
        request: Request<pb::ListDoorSecretsRequest>,
    ) -> Result<Response<pb::ListDoorSecretsResponse>, Status> {
        let caller = principal(&request)?;
        let (workspace, caller) = parent(&request.into_inner().parent, &caller)?;
        let shown = self.app.list_secrets(workspace, &caller).await.map_err(refuse)?;
        let door_secrets = shown.into_iter().map(convert::door_secret).collect();
        Ok(Response::new(pb::ListDoorSecretsResponse { door_secrets }))
    }
}
