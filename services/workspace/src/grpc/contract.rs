//! `ContractService`.

use chassis::idempotency::Intent;
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{ContractName, WorkspaceName};
use proto::membership::v1 as pb;
use proto::membership::v1::contract_service_server::ContractService;
use tonic::{Request, Response, Status};

use super::{Methods, held_by, name, parent};
use crate::convert;

#[tonic::async_trait]
impl ContractService for Methods {
    async fn start_contract(
        &self,
        request: Request<pb::StartContractRequest>,
    ) -> Result<Response<pb::StartContractResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let new = convert::new_contract(workspace, message.contract.as_ref()).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "StartContract", &message.request_id, &message).map_err(refuse)?;
        self.app.start_contract(workspace, new, &author, intent).await.map(Response::new).map_err(refuse)
    }

    async fn get_contract(
        &self,
        request: Request<pb::GetContractRequest>,
    ) -> Result<Response<pb::GetContractResponse>, Status> {
        let caller = principal(&request)?;
        let ContractName { workspace, id } = name(&request.get_ref().name)?;
        let reach = caller.reach(workspace).map_err(refuse)?;
        let contract = self.app.get_contract(workspace, &reach, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetContractResponse { contract: Some(contract) }))
    }

    async fn list_contracts(
        &self,
        request: Request<pb::ListContractsRequest>,
    ) -> Result<Response<pb::ListContractsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), reach) = parent("parent", &message.parent, &caller)?;
        let filter = held_by(workspace, &message.person, &message.team)?;
        let binding = ["ListContracts", &message.parent, &message.person, &message.team];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_contracts(workspace, reach, filter, page).await.map(Response::new).map_err(refuse)
    }

    async fn end_contract(
        &self,
        request: Request<pb::EndContractRequest>,
    ) -> Result<Response<pb::EndContractResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let ContractName { workspace, id } = name(&message.name)?;
        caller.manages(workspace).map_err(refuse)?;
        let end = convert::contract_end(message.end_time.as_ref()).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "EndContract", &message.request_id, &message).map_err(refuse)?;
        self.app.end_contract(workspace, id, end, &author, intent).await.map(Response::new).map_err(refuse)
    }
}
