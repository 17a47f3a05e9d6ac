//! `IntegrationService`.

use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{IntegrationName, WorkspaceName};
use domain::{Fingerprint, LocationId, WorkspaceId};
use proto::integrations::v1 as pb;
use proto::integrations::v1::integration_service_server::IntegrationService;
use tonic::{Request, Response, Status};

use super::{Methods, name};
use crate::convert;

#[tonic::async_trait]
impl IntegrationService for Methods {
    async fn connect_integration(
        &self,
        request: Request<pb::ConnectIntegrationRequest>,
    ) -> Result<Response<pb::ConnectIntegrationResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let mut message = request.into_inner();
        let plain = convert::take_credentials(&mut message);
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        caller.manages(workspace).map_err(refuse)?;
        let new = convert::new_connection(workspace, &message, &plain).map_err(refuse)?;
        // The intent is known by a hash of the request, which is kept. So the values stand in it as
        // fingerprints: a bare hash of a value could be tried out.
        let key = self.app.ensure_data_key(workspace).await.map_err(refuse)?;
        for (spec, value) in &new.credentials {
            message.credentials.insert(spec.name.to_owned(), key.fingerprint(value));
        }
        let intent = Intent::of(&caller, workspace, "ConnectIntegration", &message.request_id, &message)
            .map_err(refuse)?;
        let connected = self.app.connect(workspace, new, &key, &caller.id, &author, intent).await;
        let integration = connected.map_err(refuse)?;
        Ok(Response::new(pb::ConnectIntegrationResponse { integration: Some(integration) }))
    }

    async fn check_integration(
        &self,
        request: Request<pb::CheckIntegrationRequest>,
    ) -> Result<Response<pb::CheckIntegrationResponse>, Status> {
        let caller = principal(&request)?;
        let IntegrationName { workspace, id } = name("name", &request.get_ref().name)?;
        caller.manages(workspace).map_err(refuse)?;
        let integration = self.app.check(workspace, id).await.map_err(refuse)?;
        Ok(Response::new(pb::CheckIntegrationResponse { integration: Some(integration) }))
    }

    async fn list_integrations(
        &self,
        request: Request<pb::ListIntegrationsRequest>,
    ) -> Result<Response<pb::ListIntegrationsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        caller.manages(workspace).map_err(refuse)?;
        let binding = ["ListIntegrations", &message.parent];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list(workspace, page).await.map(Response::new).map_err(refuse)
    }

    async fn disconnect_integration(
        &self,
        request: Request<pb::DisconnectIntegrationRequest>,
    ) -> Result<Response<pb::DisconnectIntegrationResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let IntegrationName { workspace, id } = name("name", &message.name)?;
        caller.manages(workspace).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "DisconnectIntegration", &message.request_id, &message)
            .map_err(refuse)?;
        let integration = self.app.disconnect(workspace, id, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::DisconnectIntegrationResponse { integration: Some(integration) }))
    }

    async fn confirm_account(
        &self,
        request: Request<pb::ConfirmAccountRequest>,
    ) -> Result<Response<pb::ConfirmAccountResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let IntegrationName { workspace, id } = name("name", &message.name)?;
        caller.manages(workspace).map_err(refuse)?;
        let confirmed = self.app.confirm_account(workspace, id, &message.account_ref, &author).await;
        let integration = confirmed.map_err(refuse)?;
        Ok(Response::new(pb::ConfirmAccountResponse { integration: Some(integration) }))
    }

    async fn accept_certificate(
        &self,
        request: Request<pb::AcceptCertificateRequest>,
    ) -> Result<Response<pb::AcceptCertificateResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let IntegrationName { workspace, id } = name("name", &message.name)?;
        caller.manages(workspace).map_err(refuse)?;
        let mut input = Input::new();
        let fingerprint: Option<Fingerprint> = input.parse("fingerprint", &message.fingerprint);
        let fingerprint = input.finish_with(fingerprint).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "AcceptCertificate", &message.request_id, &message)
            .map_err(refuse)?;
        let accepted = self.app.accept_certificate(workspace, id, fingerprint, &author, intent).await;
        let integration = accepted.map_err(refuse)?;
        Ok(Response::new(pb::AcceptCertificateResponse { integration: Some(integration) }))
    }

    async fn list_places(
        &self,
        request: Request<pb::ListPlacesRequest>,
    ) -> Result<Response<pb::ListPlacesResponse>, Status> {
        let caller = principal(&request)?;
        let IntegrationName { workspace, id } = name("name", &request.get_ref().name)?;
        caller.manages(workspace).map_err(refuse)?;
        self.app.list_places(workspace, id).await.map(Response::new).map_err(refuse)
    }

    async fn assign_place(
        &self,
        request: Request<pb::AssignPlaceRequest>,
    ) -> Result<Response<pb::AssignPlaceResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let IntegrationName { workspace, id } = name("name", &message.name)?;
        caller.manages(workspace).map_err(refuse)?;
        let location = location(&message.location, workspace)?;
        self.app.assign_place(workspace, id, location, &message.place_ref, &author).await.map_err(refuse)?;
        Ok(Response::new(pb::AssignPlaceResponse {}))
    }

    async fn unassign_place(
        &self,
        request: Request<pb::UnassignPlaceRequest>,
    ) -> Result<Response<pb::UnassignPlaceResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let IntegrationName { workspace, id } = name("name", &message.name)?;
        caller.manages(workspace).map_err(refuse)?;
        let location = location(&message.location, workspace)?;
        self.app.unassign_place(workspace, id, location, &author).await.map_err(refuse)?;
        Ok(Response::new(pb::UnassignPlaceResponse {}))
    }
}

/// A location that must be named.
fn location(text: &str, workspace: WorkspaceId) -> Result<LocationId, Status> {
    let mut input = Input::new();
    let named = input.required("location", Some(text).filter(|text| !text.is_empty()));
    let location = named.and_then(|text| convert::location_of(&mut input, text, workspace));
    input.finish_with(location).map_err(refuse)
}
