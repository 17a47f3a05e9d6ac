//! `PaymentService`.

use std::sync::Arc;

use chassis::idempotency::Intent;
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{PaymentName, RefundName, WorkspaceName};
use proto::billing::v1 as pb;
use proto::billing::v1::payment_service_server::{PaymentService, PaymentServiceServer};
use secrecy::ExposeSecret as _;
use tonic::{Request, Response, Status};

use super::{holder_in_sight, name, once};
use crate::app::{App, Continued};
use crate::convert;
use crate::sight::Sight;

pub(crate) struct Methods {
    app: Arc<App>,
}

pub(crate) fn payment_service(app: Arc<App>) -> PaymentServiceServer<Methods> {
    PaymentServiceServer::new(Methods { app })
}

#[tonic::async_trait]
impl PaymentService for Methods {
    async fn get_payment(
        &self,
        request: Request<pb::GetPaymentRequest>,
    ) -> Result<Response<pb::GetPaymentResponse>, Status> {
        let caller = principal(&request)?;
        let PaymentName { workspace, id } = name("name", &request.get_ref().name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let payment = Some(self.app.get_payment(workspace, sight, id).await.map_err(refuse)?);
        Ok(Response::new(pb::GetPaymentResponse { payment }))
    }

    async fn list_payments(
        &self,
        request: Request<pb::ListPaymentsRequest>,
    ) -> Result<Response<pb::ListPaymentsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let holder = holder_in_sight(workspace, sight, &message.person, &message.team)?;
        let binding = ["ListPayments", &message.parent, &message.person, &message.team];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_payments(workspace, holder, page).await.map(Response::new).map_err(refuse)
    }

    async fn retry_payment(
        &self,
        request: Request<pb::RetryPaymentRequest>,
    ) -> Result<Response<pb::RetryPaymentResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let PaymentName { workspace, id } = name("name", &message.name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "RetryPayment", &message.request_id, &message).map_err(refuse)?;
        self.app.retry_payment(workspace, sight, id, intent).await.map(Response::new).map_err(refuse)
    }

    async fn continue_payment(
        &self,
        request: Request<pb::ContinuePaymentRequest>,
    ) -> Result<Response<pb::ContinuePaymentResponse>, Status> {
        let caller = principal(&request)?;
        let PaymentName { workspace, id } = name("name", &request.get_ref().name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let Continued { publishable_key, client_secret } =
            self.app.continue_payment(workspace, sight, id).await.map_err(refuse)?;
        let client_secret = client_secret.expose_secret().to_owned();
        Ok(Response::new(pb::ContinuePaymentResponse { publishable_key, client_secret }))
    }

    async fn check_payment(
        &self,
        request: Request<pb::CheckPaymentRequest>,
    ) -> Result<Response<pb::CheckPaymentResponse>, Status> {
        let caller = principal(&request)?;
        let PaymentName { workspace, id } = name("name", &request.get_ref().name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let payment = Some(self.app.check_payment(workspace, sight, id).await.map_err(refuse)?);
        Ok(Response::new(pb::CheckPaymentResponse { payment }))
    }

    async fn create_refund(
        &self,
        request: Request<pb::CreateRefundRequest>,
    ) -> Result<Response<pb::CreateRefundResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        caller.manages(workspace).map_err(refuse)?;
        once(&message.request_id)?;
        let ask = convert::new_refund(workspace, message.refund.as_ref()).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "CreateRefund", &message.request_id, &message).map_err(refuse)?;
        self.app.create_refund(ask, intent, &author).await.map(Response::new).map_err(refuse)
    }

    async fn get_refund(
        &self,
        request: Request<pb::GetRefundRequest>,
    ) -> Result<Response<pb::GetRefundResponse>, Status> {
        let caller = principal(&request)?;
        let RefundName { workspace, id } = name("name", &request.get_ref().name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let refund = Some(self.app.get_refund(workspace, sight, id).await.map_err(refuse)?);
        Ok(Response::new(pb::GetRefundResponse { refund }))
    }

    async fn list_refunds(
        &self,
        request: Request<pb::ListRefundsRequest>,
    ) -> Result<Response<pb::ListRefundsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let payment = convert::refunds_of(workspace, &message.payment).map_err(refuse)?;
        let binding = ["ListRefunds", &message.parent, &message.payment];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_refunds(workspace, sight, payment, page).await.map(Response::new).map_err(refuse)
    }

    async fn list_disputes(
        &self,
        request: Request<pb::ListDisputesRequest>,
    ) -> Result<Response<pb::ListDisputesResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        caller.manages(workspace).map_err(refuse)?;
        let binding = ["ListDisputes", &message.parent];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_disputes(workspace, page).await.map(Response::new).map_err(refuse)
    }
}
