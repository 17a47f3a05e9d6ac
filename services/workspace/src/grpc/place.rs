//! `WorkspaceService`.

use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::WorkspaceId;
use domain::names::{LocationName, ResourceName, WorkspaceName};
use proto::workspace::v1 as pb;
use proto::workspace::v1::workspace_service_server::WorkspaceService;
use tonic::{Request, Response, Status};

use super::{Methods, name, parent};
use crate::convert::{self, DISPLAY_NAME_CHARS_MAX};

/// Workspaces are made outside of any: their intents belong to the platform.
const PLATFORM: WorkspaceId = WorkspaceId::from_uuid(uuid::Uuid::nil());

#[tonic::async_trait]
impl WorkspaceService for Methods {
    async fn create_workspace(
        &self,
        request: Request<pb::CreateWorkspaceRequest>,
    ) -> Result<Response<pb::CreateWorkspaceResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let mut input = Input::new();
        let values = input.required("workspace", message.workspace.as_ref()).and_then(|workspace| {
            let display_name =
                input.text("workspace.display_name", &workspace.display_name, DISPLAY_NAME_CHARS_MAX)?;
            let field = "workspace.reply_to_email";
            Some((display_name, input.parse_optional(field, &workspace.reply_to_email)))
        });
        let (display_name, reply_to) = input.finish_with(values).map_err(refuse)?;
        let intent = Intent::of(&caller, PLATFORM, "CreateWorkspace", &message.request_id, &message)
            .map_err(refuse)?;
        let answer =
            self.app.create_workspace(WorkspaceId::new(), display_name, reply_to, &author, intent).await;
        answer.map(Response::new).map_err(refuse)
    }

    async fn get_workspace(
        &self,
        request: Request<pb::GetWorkspaceRequest>,
    ) -> Result<Response<pb::GetWorkspaceResponse>, Status> {
        let caller = principal(&request)?;
        let (WorkspaceName(id), _) = parent("name", &request.get_ref().name, &caller)?;
        let workspace = self.app.get_workspace(id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetWorkspaceResponse { workspace: Some(workspace) }))
    }

    async fn create_location(
        &self,
        request: Request<pb::CreateLocationRequest>,
    ) -> Result<Response<pb::CreateLocationResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let new = convert::new_location(message.location.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "CreateLocation", &message.request_id, &message)
            .map_err(refuse)?;
        self.app.create_location(workspace, new, &author, intent).await.map(Response::new).map_err(refuse)
    }

    async fn get_location(
        &self,
        request: Request<pb::GetLocationRequest>,
    ) -> Result<Response<pb::GetLocationResponse>, Status> {
        let caller = principal(&request)?;
        let LocationName { workspace, id } = name(&request.get_ref().name)?;
        caller.reach(workspace).map_err(refuse)?;
        let location = self.app.get_location(workspace, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetLocationResponse { location: Some(location) }))
    }

    async fn list_locations(
        &self,
        request: Request<pb::ListLocationsRequest>,
    ) -> Result<Response<pb::ListLocationsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let page = Page::read(message.page_size, &message.page_token, &["ListLocations", &message.parent])
            .map_err(refuse)?;
        self.app.list_locations(workspace, page).await.map(Response::new).map_err(refuse)
    }

    async fn create_resource(
        &self,
        request: Request<pb::CreateResourceRequest>,
    ) -> Result<Response<pb::CreateResourceResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (WorkspaceName(workspace), reach) = parent("parent", &message.parent, &caller)?;
        let mut input = Input::new();
        let values = input.required("resource", message.resource.as_ref()).and_then(|resource| {
            let location =
                convert::location_of(&mut input, "resource.location", &resource.location, workspace);
            let display_name =
                input.text("resource.display_name", &resource.display_name, DISPLAY_NAME_CHARS_MAX);
            Some((location?, display_name?))
        });
        let (location, display_name) = input.finish_with(values).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "CreateResource", &message.request_id, &message)
            .map_err(refuse)?;
        let answer =
            self.app.create_resource(workspace, &reach, location, display_name, &author, intent).await;
        answer.map(Response::new).map_err(refuse)
    }

    async fn get_resource(
        &self,
        request: Request<pb::GetResourceRequest>,
    ) -> Result<Response<pb::GetResourceResponse>, Status> {
        let caller = principal(&request)?;
        let ResourceName { workspace, id } = name(&request.get_ref().name)?;
        caller.reach(workspace).map_err(refuse)?;
        let resource = self.app.get_resource(workspace, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetResourceResponse { resource: Some(resource) }))
    }

    async fn list_resources(
        &self,
        request: Request<pb::ListResourcesRequest>,
    ) -> Result<Response<pb::ListResourcesResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let page = Page::read(message.page_size, &message.page_token, &["ListResources", &message.parent])
            .map_err(refuse)?;
        self.app.list_resources(workspace, page).await.map(Response::new).map_err(refuse)
    }
}
