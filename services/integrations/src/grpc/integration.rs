//! `IntegrationService`.

use chassis::idempotency::Intent;
use chassis::paging::Page;
use chassis::rpc::{principal, refuse};
use domain::names::{IntegrationName, WorkspaceName};
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
        let caller = principal(&request)?;
        let mut message = request.into_inner();
        let plain = convert::take_credentials(&mut message);
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        caller.manages(workspace).map_err(refuse)?;
        let new = convert::new_connection(workspace, &message, &plain).map_err(refuse)?;
        // The intent is known by a hash of the request, which is kept. So the values stand in it as
        // fingerprints: a bare hash of a value could be tried out.
        for (name, value) in &new.credentials {
            message.credentials.insert((*name).to_owned(), self.app.fingerprint(value));
        }
        let intent = Intent::of(&caller, workspace, "ConnectIntegration", &message.request_id, &message)
            .map_err(refuse)?;
        let integration = self.app.connect(workspace, new, intent).await.map_err(refuse)?;
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
        let caller = principal(&request)?;
        let message = request.into_inner();
        let IntegrationName { workspace, id } = name("name", &message.name)?;
        caller.manages(workspace).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "DisconnectIntegration", &message.request_id, &message)
            .map_err(refuse)?;
        let integration = self.app.disconnect(workspace, id, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::DisconnectIntegrationResponse { integration: Some(integration) }))
    }
}
