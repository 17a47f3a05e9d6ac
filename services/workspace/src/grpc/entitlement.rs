//! `EntitlementService`.

use chassis::auth::Principal;
use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{EntitlementName, WorkspaceName};
use proto::workspace::v1 as pb;
use proto::workspace::v1::entitlement_service_server::EntitlementService;
use tonic::{Request, Response, Status};

use super::{Methods, name, parent};
use crate::convert;

#[tonic::async_trait]
impl EntitlementService for Methods {
    async fn create_entitlement(
        &self,
        request: Request<pb::CreateEntitlementRequest>,
    ) -> Result<Response<pb::CreateEntitlementResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let new = convert::new_entitlement(workspace, message.entitlement.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "CreateEntitlement", &message.request_id, &message)
            .map_err(refuse)?;
        let answer = self.app.create_entitlement(workspace, new, &author, intent).await;
        answer.map(Response::new).map_err(refuse)
    }

    async fn get_entitlement(
        &self,
        request: Request<pb::GetEntitlementRequest>,
    ) -> Result<Response<pb::GetEntitlementResponse>, Status> {
        let caller = principal(&request)?;
        let EntitlementName { workspace, id } = managed(&caller, &request.get_ref().name)?;
        let entitlement = self.app.get_entitlement(workspace, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetEntitlementResponse { entitlement: Some(entitlement) }))
    }

    async fn list_entitlements(
        &self,
        request: Request<pb::ListEntitlementsRequest>,
    ) -> Result<Response<pb::ListEntitlementsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let mut input = Input::new();
        let person = Some(message.person.as_str())
            .filter(|text| !text.is_empty())
            .and_then(|text| convert::person_of(&mut input, "person", text, workspace));
        input.finish().map_err(refuse)?;
        let binding = ["ListEntitlements", &message.parent, &message.person];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_entitlements(workspace, person, page).await.map(Response::new).map_err(refuse)
    }

    async fn end_entitlement(
        &self,
        request: Request<pb::EndEntitlementRequest>,
    ) -> Result<Response<pb::EndEntitlementResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let EntitlementName { workspace, id } = managed(&caller, &message.name)?;
        let intent = Intent::of(&caller, workspace, "EndEntitlement", &message.request_id, &message)
            .map_err(refuse)?;
        self.app.end_entitlement(workspace, id, &author, intent).await.map(Response::new).map_err(refuse)
    }
}

/// The entitlement of a request, whose workspace the caller must manage.
fn managed(caller: &Principal, text: &str) -> Result<EntitlementName, Status> {
    let entitlement: EntitlementName = name(text)?;
    caller.manages(entitlement.workspace).map_err(refuse)?;
    Ok(entitlement)
}
