//! `AccessService`, and `CardService`, `DoorService`, `DoorScheduleService` and `AccessLogService` in files of their own:
//! check, call, convert back; nothing else.

mod card;
mod door;
mod door_schedule;
mod log;

use std::sync::Arc;

use chassis::auth::Principal;
use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{REQUEST_BYTES_MAX, author, principal, refuse};
use domain::WorkspaceId;
use domain::names::{DoorMappingName, LocationName, WorkspaceName};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use proto::access::v1 as pb;
use proto::access::v1::access_service_server::{AccessService, AccessServiceServer};
use tonic::{Request, Response, Status};

pub(crate) use self::card::card_service;
pub(crate) use self::door::door_service;
pub(crate) use self::door_schedule::door_schedule_service;
pub(crate) use self::log::access_log_service;
use crate::app::{App, Caller};
use crate::convert;

pub(crate) struct Methods {
    app: Arc<App>,
}

pub(crate) fn access_service(app: Arc<App>) -> AccessServiceServer<Methods> {
    AccessServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

/// Who calls, and how far they reach in the workspace.
fn of(workspace: WorkspaceId, caller: &Principal) -> Result<Caller, Status> {
    let reach = caller.reach(workspace).map_err(refuse)?;
    Ok(Caller { id: caller.id.clone(), person: caller.id.parse().ok(), reach })
}

/// The workspace of a request, which the caller must manage.
fn parent(text: &str, caller: &Principal) -> Result<WorkspaceId, Status> {
    let mut input = Input::new();
    let parsed = input.parse("parent", text);
    let WorkspaceName(workspace) = input.finish_with(parsed).map_err(refuse)?;
    caller.manages(workspace).map_err(refuse)?;
    Ok(workspace)
}

/// The location of a request, whose workspace the caller must manage.
fn location(text: &str, caller: &Principal) -> Result<LocationName, Status> {
    let mut input = Input::new();
    let parsed = input.parse("name", text);
    let location: LocationName = input.finish_with(parsed).map_err(refuse)?;
    caller.manages(location.workspace).map_err(refuse)?;
    Ok(location)
}

#[tonic::async_trait]
impl AccessService for Methods {
    async fn create_door_mapping(
        &self,
        request: Request<pb::CreateDoorMappingRequest>,
    ) -> Result<Response<pb::CreateDoorMappingResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let mapping = convert::new_mapping(workspace, message.door_mapping.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "CreateDoorMapping", &message.request_id, &message)
            .map_err(refuse)?;
        self.app.create_mapping(workspace, mapping, &author, intent).await.map(Response::new).map_err(refuse)
    }

    async fn list_door_mappings(
        &self,
        request: Request<pb::ListDoorMappingsRequest>,
    ) -> Result<Response<pb::ListDoorMappingsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let page = Page::read(message.page_size, &message.page_token, &["ListDoorMappings", &message.parent])
            .map_err(refuse)?;
        self.app.list_mappings(workspace, page).await.map(Response::new).map_err(refuse)
    }

    async fn delete_door_mapping(
        &self,
        request: Request<pb::DeleteDoorMappingRequest>,
    ) -> Result<Response<pb::DeleteDoorMappingResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let mut input = Input::new();
        let parsed = input.parse("name", &message.name);
        let DoorMappingName { workspace, id } = input.finish_with(parsed).map_err(refuse)?;
        caller.manages(workspace).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "DeleteDoorMapping", &message.request_id, &message)
            .map_err(refuse)?;
        self.app.delete_mapping(workspace, id, &author, intent).await.map(Response::new).map_err(refuse)
    }

    async fn get_access_settings(
        &self,
        request: Request<pb::GetAccessSettingsRequest>,
    ) -> Result<Response<pb::GetAccessSettingsResponse>, Status> {
        let caller = principal(&request)?;
        let workspace = parent(&request.get_ref().parent, &caller)?;
        let settings = self.app.get_settings(workspace).await.map_err(refuse)?;
        Ok(Response::new(pb::GetAccessSettingsResponse { access_settings: Some(settings) }))
    }

    async fn update_access_settings(
        &self,
        request: Request<pb::UpdateAccessSettingsRequest>,
    ) -> Result<Response<pb::UpdateAccessSettingsResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let settings = convert::new_settings(message.access_settings.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "UpdateAccessSettings", &message.request_id, &message)
            .map_err(refuse)?;
        self.app
            .update_settings(workspace, settings, &author, intent)
            .await
            .map(Response::new)
            .map_err(refuse)
    }

    async fn get_location_access_settings(
        &self,
        request: Request<pb::GetLocationAccessSettingsRequest>,
    ) -> Result<Response<pb::GetLocationAccessSettingsResponse>, Status> {
        let caller = principal(&request)?;
        let location = location(&request.get_ref().name, &caller)?;
        let settings = self.app.get_location_settings(location).await.map_err(refuse)?;
        Ok(Response::new(pb::GetLocationAccessSettingsResponse { location_access_settings: Some(settings) }))
    }

    async fn update_location_access_settings(
        &self,
        request: Request<pb::UpdateLocationAccessSettingsRequest>,
    ) -> Result<Response<pb::UpdateLocationAccessSettingsResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let location = location(&message.name, &caller)?;
        let settings = convert::new_location_settings(message.location_access_settings.as_ref());
        let settings = settings.map_err(refuse)?;
        let method = "UpdateLocationAccessSettings";
        let intent = Intent::of(&caller, location.workspace, method, &message.request_id, &message);
        let intent = intent.map_err(refuse)?;
        self.app
            .update_location_settings(location, settings, &author, intent)
            .await
            .map(Response::new)
            .map_err(refuse)
    }

    async fn list_grants(
        &self,
        request: Request<pb::ListGrantsRequest>,
    ) -> Result<Response<pb::ListGrantsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let filter =
            convert::grant_filter(workspace, &message.person, message.door.as_ref(), &message.source)
                .map_err(refuse)?;
        let door = message.door.as_ref().map(|door| format!("{door:?}")).unwrap_or_default();
        let binding = ["ListGrants", &message.parent, &message.person, &door, &message.source];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_grants(workspace, &filter, page).await.map(Response::new).map_err(refuse)
    }

    type WatchGrantsStream = BoxStream<'static, Result<pb::WatchGrantsResponse, Status>>;

    async fn watch_grants(
        &self,
        request: Request<pb::WatchGrantsRequest>,
    ) -> Result<Response<Self::WatchGrantsStream>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let filter =
            convert::grant_filter(workspace, &message.person, message.door.as_ref(), &message.source)
                .map_err(refuse)?;
        let answers = self.app.clone().watch_grants(workspace, filter).map_err(refuse)?;
        Ok(Response::new(answers.map_err(refuse).boxed()))
    }

    async fn explain_access(
        &self,
        request: Request<pb::ExplainAccessRequest>,
    ) -> Result<Response<pb::ExplainAccessResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let mut input = Input::new();
        let parsed = input.parse("parent", &message.parent);
        let WorkspaceName(workspace) = input.finish_with(parsed).map_err(refuse)?;
        let reach = caller.reach(workspace).map_err(refuse)?;
        let (person, doors, at) = convert::question(workspace, &message).map_err(refuse)?;
        let asks_themselves = caller.id.parse() == Ok(person.id);
        let answer = self.app.explain(person, doors, at, &reach, asks_themselves).await;
        answer.map(Response::new).map_err(refuse)
    }

    async fn list_preflight_checks(
        &self,
        request: Request<pb::ListPreflightChecksRequest>,
    ) -> Result<Response<pb::ListPreflightChecksResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let source = convert::source(workspace, &message.source).map_err(refuse)?;
        let shown = if message.only_failed { "failed" } else { "all" };
        let binding = ["ListPreflightChecks", &message.parent, &message.source, shown];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        let listed = self.app.list_checks(workspace, source.as_ref(), message.only_failed, page).await;
        listed.map(Response::new).map_err(refuse)
    }

    async fn list_drifts(
        &self,
        request: Request<pb::ListDriftsRequest>,
    ) -> Result<Response<pb::ListDriftsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let shown = if message.show_ended { "all" } else { "there" };
        let binding = ["ListDrifts", &message.parent, shown];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_drifts(workspace, message.show_ended, page).await.map(Response::new).map_err(refuse)
    }

    async fn list_reconciliations(
        &self,
        request: Request<pb::ListReconciliationsRequest>,
    ) -> Result<Response<pb::ListReconciliationsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let binding = ["ListReconciliations", &message.parent];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_reconciliations(workspace, page).await.map(Response::new).map_err(refuse)
    }

    async fn list_no_access_policies(
        &self,
        request: Request<pb::ListNoAccessPoliciesRequest>,
    ) -> Result<Response<pb::ListNoAccessPoliciesResponse>, Status> {
        let caller = principal(&request)?;
        let workspace = parent(&request.get_ref().parent, &caller)?;
        self.app.list_policies(workspace).await.map(Response::new).map_err(refuse)
    }

    async fn set_no_access_policy(
        &self,
        request: Request<pb::SetNoAccessPolicyRequest>,
    ) -> Result<Response<pb::SetNoAccessPolicyResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let policy = convert::new_policy(message.policy.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "SetNoAccessPolicy", &message.request_id, &message)
            .map_err(refuse)?;
        self.app.set_policy(workspace, policy, &author, intent).await.map(Response::new).map_err(refuse)
    }

    async fn list_provider_users(
        &self,
        request: Request<pb::ListProviderUsersRequest>,
    ) -> Result<Response<pb::ListProviderUsersResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let binding = ["ListProviderUsers", &message.parent];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_users(workspace, page).await.map(Response::new).map_err(refuse)
    }

    async fn propose_door_mappings(
        &self,
        request: Request<pb::ProposeDoorMappingsRequest>,
    ) -> Result<Response<pb::ProposeDoorMappingsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent, &caller)?;
        let search = convert::door_search(workspace, &message).map_err(refuse)?;
        let proposed = self.app.propose_mappings(workspace, &search).await;
        proposed.map(Response::new).map_err(refuse)
    }
}
