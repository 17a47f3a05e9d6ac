//! `ApiKeyService` and `ApiKeyExchangeService`.

use chassis::auth::Principal;
use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{ApiKeyName, WorkspaceName};
use proto::workspace::v1 as pb;
use proto::workspace::v1::api_key_exchange_service_server::ApiKeyExchangeService;
use proto::workspace::v1::api_key_service_server::ApiKeyService;
use tonic::{Request, Response, Status};

use super::{Methods, name, parent};
use crate::convert;

#[tonic::async_trait]
impl ApiKeyService for Methods {
    async fn create_api_key(
        &self,
        request: Request<pb::CreateApiKeyRequest>,
    ) -> Result<Response<pb::CreateApiKeyResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let (contracts, now) = (self.app.contracts(), self.app.now());
        let new =
            convert::new_api_key(workspace, message.api_key.as_ref(), contracts, now).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "CreateApiKey", &message.request_id, &message).map_err(refuse)?;
        let answer = self.app.create_api_key(workspace, &caller, &author, new, intent).await;
        answer.map(Response::new).map_err(refuse)
    }

    async fn get_api_key(
        &self,
        request: Request<pb::GetApiKeyRequest>,
    ) -> Result<Response<pb::GetApiKeyResponse>, Status> {
        let caller = principal(&request)?;
        let ApiKeyName { workspace, id } = managed(&caller, &request.get_ref().name)?;
        let key = self.app.get_api_key(workspace, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetApiKeyResponse { api_key: Some(key) }))
    }

    async fn list_api_keys(
        &self,
        request: Request<pb::ListApiKeysRequest>,
    ) -> Result<Response<pb::ListApiKeysResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let filter = ["ListApiKeys", &message.parent];
        let page = Page::read(message.page_size, &message.page_token, &filter).map_err(refuse)?;
        self.app.list_api_keys(workspace, page).await.map(Response::new).map_err(refuse)
    }

    async fn revoke_api_key(
        &self,
        request: Request<pb::RevokeApiKeyRequest>,
    ) -> Result<Response<pb::RevokeApiKeyResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let ApiKeyName { workspace, id } = managed(&caller, &message.name)?;
        let intent =
            Intent::of(&caller, workspace, "RevokeApiKey", &message.request_id, &message).map_err(refuse)?;
        let answer = self.app.revoke_api_key(workspace, &caller, &author, id, intent).await;
        answer.map(Response::new).map_err(refuse)
    }
}

#[tonic::async_trait]
impl ApiKeyExchangeService for Methods {
    async fn exchange_api_key(
        &self,
        request: Request<pb::ExchangeApiKeyRequest>,
    ) -> Result<Response<pb::ExchangeApiKeyResponse>, Status> {
        let message = request.into_inner();
        let mut input = Input::new();
        let id = input.parse("id", &message.id);
        let id = input.finish_with(id).map_err(refuse)?;
        self.app.exchange_api_key(id, &message.sha256).await.map(Response::new).map_err(refuse)
    }
}

/// The key of a request, in a workspace that the caller manages.
fn managed(caller: &Principal, text: &str) -> Result<ApiKeyName, Status> {
    let key: ApiKeyName = name(text)?;
    caller.manages(key.workspace).map_err(refuse)?;
    Ok(key)
}
