//! `InvoiceService`.

use std::sync::Arc;

use billing_core::ledger::Till;
use chassis::auth::Principal;
use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{REQUEST_BYTES_MAX, principal, refuse};
use domain::names::{InvoiceName, WorkspaceName};
use proto::billing::v1 as pb;
use proto::billing::v1::invoice_service_server::{InvoiceService, InvoiceServiceServer};
use tonic::{Request, Response, Status};

use super::{holder_in_sight, name, once};
use crate::app::{App, Verb};
use crate::convert;
use crate::sight::Sight;

struct Methods {
    app: Arc<App>,
}

pub(crate) fn invoice_service(app: Arc<App>) -> InvoiceServiceServer<impl InvoiceService> {
    InvoiceServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

#[tonic::async_trait]
impl InvoiceService for Methods {
    async fn create_invoice(
        &self,
        request: Request<pb::CreateInvoiceRequest>,
    ) -> Result<Response<pb::CreateInvoiceResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        caller.manages(workspace).map_err(refuse)?;
        let new = convert::new_invoice(workspace, message.invoice.as_ref()).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "CreateInvoice", &message.request_id, &message).map_err(refuse)?;
        self.app.create_invoice(workspace, new, intent).await.map(Response::new).map_err(refuse)
    }

    async fn update_invoice(
        &self,
        request: Request<pb::UpdateInvoiceRequest>,
    ) -> Result<Response<pb::UpdateInvoiceResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let mut input = Input::new();
        let given = input.required("invoice", message.invoice.as_ref());
        let name = given.and_then(|it| input.parse::<InvoiceName>("invoice.name", &it.name));
        let name = input.finish_with(name).map_err(refuse)?;
        caller.manages(name.workspace).map_err(refuse)?;
        let draft = convert::draft(message.invoice.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, name.workspace, "UpdateInvoice", &message.request_id, &message)
            .map_err(refuse)?;
        self.app.update_invoice(name, draft, intent).await.map(Response::new).map_err(refuse)
    }

    async fn get_invoice(
        &self,
        request: Request<pb::GetInvoiceRequest>,
    ) -> Result<Response<pb::GetInvoiceResponse>, Status> {
        let caller = principal(&request)?;
        let name: InvoiceName = name("name", &request.get_ref().name)?;
        let sight = Sight::of(&caller, name.workspace).map_err(refuse)?;
        let invoice = self.app.find_invoice(name, sight).await.map_err(refuse)?;
        Ok(Response::new(pb::GetInvoiceResponse { invoice: Some(convert::invoice(&invoice)) }))
    }

    async fn list_invoices(
        &self,
        request: Request<pb::ListInvoicesRequest>,
    ) -> Result<Response<pb::ListInvoicesResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let is_of_all = message.person.is_empty() && message.team.is_empty();
        let holder = if is_of_all && sight == Sight::All {
            None
        } else {
            Some(holder_in_sight(workspace, sight, &message.person, &message.team)?)
        };
        let binding = ["ListInvoices", &message.parent, &message.person, &message.team];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        let is_admin = sight == Sight::All;
        self.app.list_invoices(workspace, holder, is_admin, page).await.map(Response::new).map_err(refuse)
    }

    async fn finalise_invoice(
        &self,
        request: Request<pb::FinaliseInvoiceRequest>,
    ) -> Result<Response<pb::FinaliseInvoiceResponse>, Status> {
        let name = managed(&principal(&request)?, &request.get_ref().name)?;
        let invoice = Some(self.app.change_invoice(name, Verb::Finalise).await.map_err(refuse)?);
        Ok(Response::new(pb::FinaliseInvoiceResponse { invoice }))
    }

    async fn delete_invoice(
        &self,
        request: Request<pb::DeleteInvoiceRequest>,
    ) -> Result<Response<pb::DeleteInvoiceResponse>, Status> {
        let name = managed(&principal(&request)?, &request.get_ref().name)?;
        self.app.delete_invoice(name).await.map_err(refuse)?;
        Ok(Response::new(pb::DeleteInvoiceResponse {}))
    }

    async fn void_invoice(
        &self,
        request: Request<pb::VoidInvoiceRequest>,
    ) -> Result<Response<pb::VoidInvoiceResponse>, Status> {
        let name = managed(&principal(&request)?, &request.get_ref().name)?;
        let invoice = Some(self.app.change_invoice(name, Verb::Void).await.map_err(refuse)?);
        Ok(Response::new(pb::VoidInvoiceResponse { invoice }))
    }

    async fn give_up_invoice(
        &self,
        request: Request<pb::GiveUpInvoiceRequest>,
    ) -> Result<Response<pb::GiveUpInvoiceResponse>, Status> {
        let name = managed(&principal(&request)?, &request.get_ref().name)?;
        let invoice = Some(self.app.change_invoice(name, Verb::GiveUp).await.map_err(refuse)?);
        Ok(Response::new(pb::GiveUpInvoiceResponse { invoice }))
    }

    async fn create_credit_note(
        &self,
        request: Request<pb::CreateCreditNoteRequest>,
    ) -> Result<Response<pb::CreateCreditNoteResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        caller.manages(workspace).map_err(refuse)?;
        once(&message.request_id)?;
        let (name, credit) =
            convert::new_credit_note(workspace, message.credit_note.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "CreateCreditNote", &message.request_id, &message)
            .map_err(refuse)?;
        self.app.credit_invoice(name, credit, intent).await.map(Response::new).map_err(refuse)
    }

    async fn record_payment(
        &self,
        request: Request<pb::RecordPaymentRequest>,
    ) -> Result<Response<pb::RecordPaymentResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let name = managed(&caller, &message.name)?;
        once(&message.request_id)?;
        let mut input = Input::new();
        let amount = convert::read_money(&mut input, "amount", message.amount.as_ref());
        let till = match message.method() {
            pb::ManualPaymentMethod::Cash => Some(Till::Cash),
            pb::ManualPaymentMethod::BankTransfer => Some(Till::Bank),
            pb::ManualPaymentMethod::Unspecified => {
                input.refuse("method", "must be set");
                None
            }
        };
        let (amount, till) = input.finish_with(amount.zip(till)).map_err(refuse)?;
        let intent = Intent::of(&caller, name.workspace, "RecordPayment", &message.request_id, &message)
            .map_err(refuse)?;
        self.app.record_payment(name, amount, till, intent).await.map(Response::new).map_err(refuse)
    }

    async fn pay_invoice(
        &self,
        request: Request<pb::PayInvoiceRequest>,
    ) -> Result<Response<pb::PayInvoiceResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let name: InvoiceName = name("name", &message.name)?;
        let sight = Sight::of(&caller, name.workspace).map_err(refuse)?;
        let payment = Some(self.app.pay_invoice(name, sight, !message.in_browser).await.map_err(refuse)?);
        Ok(Response::new(pb::PayInvoiceResponse { payment }))
    }

    async fn apply_credit(
        &self,
        request: Request<pb::ApplyCreditRequest>,
    ) -> Result<Response<pb::ApplyCreditResponse>, Status> {
        let caller = principal(&request)?;
        let name: InvoiceName = name("name", &request.get_ref().name)?;
        let sight = Sight::of(&caller, name.workspace).map_err(refuse)?;
        let invoice = Some(self.app.apply_credit(name, sight).await.map_err(refuse)?);
        Ok(Response::new(pb::ApplyCreditResponse { invoice }))
    }

    async fn get_invoice_document(
        &self,
        request: Request<pb::GetInvoiceDocumentRequest>,
    ) -> Result<Response<pb::GetInvoiceDocumentResponse>, Status> {
        let caller = principal(&request)?;
        let name: InvoiceName = name("name", &request.get_ref().name)?;
        let sight = Sight::of(&caller, name.workspace).map_err(refuse)?;
        self.app.invoice_document(name, sight).await.map(Response::new).map_err(refuse)
    }
}

/// The invoice of a request, whose workspace the caller must manage.
fn managed(caller: &Principal, text: &str) -> Result<InvoiceName, Status> {
    let invoice: InvoiceName = name("name", text)?;
    caller.manages(invoice.workspace).map_err(refuse)?;
    Ok(invoice)
}
