//! `PaymentMethodService`.

use std::sync::Arc;

use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{PaymentMethodName, WorkspaceName};
use proto::billing::v1 as pb;
use proto::billing::v1::payment_method_service_server::{PaymentMethodService, PaymentMethodServiceServer};
use secrecy::ExposeSecret as _;
use tonic::{Request, Response, Status};

use super::{holder_in_sight, name};
use crate::app::{App, Started};
use crate::convert::{self, NewMethod};
use crate::model::settings::Settings;
use crate::sight::Sight;

pub(crate) struct Methods {
    app: Arc<App>,
}

pub(crate) fn payment_method_service(app: Arc<App>) -> PaymentMethodServiceServer<Methods> {
    PaymentMethodServiceServer::new(Methods { app })
}

#[tonic::async_trait]
impl PaymentMethodService for Methods {
    async fn start_payment_method(
        &self,
        request: Request<pb::StartPaymentMethodRequest>,
    ) -> Result<Response<pb::StartPaymentMethodResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        // Before all else: what more is wrong is told to nobody whose business it isn't.
        let holder = holder_in_sight(workspace, sight, &message.person, &message.team)?;
        let NewMethod { site, kind } = convert::new_method(workspace, &message).map_err(refuse)?;
        let Started { method, publishable_key, client_secret } =
            self.app.start_method(site, holder, kind).await.map_err(refuse)?;
        Ok(Response::new(pb::StartPaymentMethodResponse {
            payment_method: Some(method),
            publishable_key,
            client_secret: client_secret.expose_secret().to_owned(),
        }))
    }

    async fn check_payment_method(
        &self,
        request: Request<pb::CheckPaymentMethodRequest>,
    ) -> Result<Response<pb::CheckPaymentMethodResponse>, Status> {
        let caller = principal(&request)?;
        let PaymentMethodName { workspace, id } = name("name", &request.get_ref().name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let payment_method = Some(self.app.check_method(workspace, &sight, id).await.map_err(refuse)?);
        Ok(Response::new(pb::CheckPaymentMethodResponse { payment_method }))
    }

    async fn get_payment_method(
        &self,
        request: Request<pb::GetPaymentMethodRequest>,
    ) -> Result<Response<pb::GetPaymentMethodResponse>, Status> {
        let caller = principal(&request)?;
        let PaymentMethodName { workspace, id } = name("name", &request.get_ref().name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let payment_method = Some(self.app.get_method(workspace, &sight, id).await.map_err(refuse)?);
        Ok(Response::new(pb::GetPaymentMethodResponse { payment_method }))
    }

    async fn list_payment_methods(
        &self,
        request: Request<pb::ListPaymentMethodsRequest>,
    ) -> Result<Response<pb::ListPaymentMethodsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let holder = holder_in_sight(workspace, sight, &message.person, &message.team)?;
        let binding = ["ListPaymentMethods", &message.parent, &message.person, &message.team];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_methods(workspace, holder, page).await.map(Response::new).map_err(refuse)
    }

    async fn set_default_payment_method(
        &self,
        request: Request<pb::SetDefaultPaymentMethodRequest>,
    ) -> Result<Response<pb::SetDefaultPaymentMethodResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let PaymentMethodName { workspace, id } = name("name", &message.name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "SetDefaultPaymentMethod", &message.request_id, &message)
            .map_err(refuse)?;
        let answer = self.app.set_default_method(workspace, &sight, id, intent).await;
        answer.map(Response::new).map_err(refuse)
    }

    async fn remove_payment_method(
        &self,
        request: Request<pb::RemovePaymentMethodRequest>,
    ) -> Result<Response<pb::RemovePaymentMethodResponse>, Status> {
        let caller = principal(&request)?;
        let PaymentMethodName { workspace, id } = name("name", &request.get_ref().name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let payment_method = Some(self.app.remove_method(workspace, &sight, id).await.map_err(refuse)?);
        Ok(Response::new(pb::RemovePaymentMethodResponse { payment_method }))
    }

    async fn get_payment_settings(
        &self,
        request: Request<pb::GetPaymentSettingsRequest>,
    ) -> Result<Response<pb::GetPaymentSettingsResponse>, Status> {
        let caller = principal(&request)?;
        let WorkspaceName(workspace) = name("parent", &request.get_ref().parent)?;
        caller.manages(workspace).map_err(refuse)?;
        let payment_settings = Some(self.app.get_settings(workspace).await.map_err(refuse)?);
        Ok(Response::new(pb::GetPaymentSettingsResponse { payment_settings }))
    }

    async fn update_payment_settings(
        &self,
        request: Request<pb::UpdatePaymentSettingsRequest>,
    ) -> Result<Response<pb::UpdatePaymentSettingsResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        caller.manages(workspace).map_err(refuse)?;
        let mut input = Input::new();
        let given = input.required("payment_settings", message.payment_settings);
        let pb::PaymentSettings { takes_debits } = input.finish_with(given).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "UpdatePaymentSettings", &message.request_id, &message)
            .map_err(refuse)?;
        let answer = self.app.update_settings(workspace, Settings { takes_debits }, &author, intent).await;
        answer.map(Response::new).map_err(refuse)
    }
}
