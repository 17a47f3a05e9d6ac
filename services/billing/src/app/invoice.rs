//! Invoices: written by admins, looked at by those who pay them.

use billing_core::ledger::{Account, Till};
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::names::InvoiceName;
use domain::{Money, WorkspaceId};
use proto::billing::v1 as pb;
use uuid::Uuid;

use super::App;
use super::coupon::with_coupons;
use crate::convert::{self, NewDraft, NewInvoice};
use crate::customers::{self, Holder};
use crate::error::Error;
use crate::invoices::{self, Credit, Invoice, Place, store};
use crate::settings;
use crate::sight::Sight;

/// What an admin does with an invoice as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verb {
    Finalise,
    Void,
    GiveUp,
}

impl App {
    pub(crate) async fn create_invoice(
        &self,
        workspace: WorkspaceId,
        new: NewInvoice,
        intent: Option<Intent>,
    ) -> Result<pb::CreateInvoiceResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let settings = settings::find(change.conn(), workspace).await?.ok_or(Error::NoBillingSettings)?;
        let NewInvoice { holder, location, draft } = new;
        let place = Place { workspace, holder, location, time_zone: settings.time_zone };
        let draft = with_coupons(change.conn(), workspace, draft).await?;
        let made = invoices::create(change.conn(), place, settings.currency, draft, self.clock.now()).await?;
        Ok(change.commit(pb::CreateInvoiceResponse { invoice: Some(convert::invoice(&made)) }).await?)
    }

    pub(crate) async fn update_invoice(
        &self,
        name: InvoiceName,
        draft: NewDraft,
        intent: Option<Intent>,
    ) -> Result<pb::UpdateInvoiceResponse, Error> {
        let InvoiceName { workspace, id } = name;
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let draft = with_coupons(change.conn(), workspace, draft).await?;
        let after = invoices::rewrite(change.conn(), workspace, id, draft, self.clock.now()).await?;
        Ok(change.commit(pb::UpdateInvoiceResponse { invoice: Some(convert::invoice(&after)) }).await?)
    }

    /// An invoice that the caller may see.
    pub(crate) async fn find_invoice(&self, name: InvoiceName, sight: Sight) -> Result<Invoice, Error> {
        let mut tx = self.pool.begin(name.workspace).await?;
        let found = store::find(&mut tx, name.workspace, name.id).await?;
        found
            .filter(|invoice| invoice.is_seen_by(sight))
            .ok_or(Error::Invoice(invoices::InvoiceError::NotFound(name.id)))
    }

    pub(crate) async fn list_invoices(
        &self,
        workspace: WorkspaceId,
        holder: Option<Holder>,
        is_admin: bool,
        page: Page,
    ) -> Result<pb::ListInvoicesResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let customer = match holder {
            Some(holder) => match customers::find_of(&mut tx, workspace, holder).await? {
                Some(customer) => Some(customer),
                None => return Ok(pb::ListInvoicesResponse::default()),
            },
            None => None,
        };
        let mut rows = store::list(&mut tx, workspace, customer, &page).await?;
        let next_page_token = page.finish(&mut rows, |invoice| invoice.id.uuid());
        rows.retain(|invoice| is_admin || invoice.issue.is_some());
        Ok(pb::ListInvoicesResponse {
            invoices: rows.iter().map(convert::invoice).collect(),
            next_page_token,
        })
    }

    pub(crate) async fn change_invoice(&self, name: InvoiceName, verb: Verb) -> Result<pb::Invoice, Error> {
        let (InvoiceName { workspace, id }, now) = (name, self.clock.now());
        let mut tx = self.pool.begin(workspace).await?;
        let after = match verb {
            Verb::Finalise => invoices::send_out(&mut tx, workspace, id, false, now).await?,
            Verb::Void => invoices::void(&mut tx, workspace, id, now).await?,
            Verb::GiveUp => invoices::give_up(&mut tx, workspace, id, now).await?,
        };
        tx.commit().await?;
        Ok(convert::invoice(&after))
    }

    pub(crate) async fn delete_invoice(&self, name: InvoiceName) -> Result<(), Error> {
        let mut tx = self.pool.begin(name.workspace).await?;
        if !store::delete_draft(&mut tx, name.workspace, name.id).await?
            && store::find(&mut tx, name.workspace, name.id).await?.is_some()
        {
            let refusal = billing_core::invoice::Refusal::Finalised;
            return Err(Error::Invoice(invoices::InvoiceError::Refused { id: name.id, refusal }));
        }
        tx.commit().await?;
        Ok(())
    }

    pub(crate) async fn credit_invoice(
        &self,
        name: InvoiceName,
        credit: Credit,
        intent: Option<Intent>,
    ) -> Result<pb::CreateCreditNoteResponse, Error> {
        let InvoiceName { workspace, id } = name;
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let (note, after) = invoices::credit(change.conn(), workspace, id, credit, self.clock.now()).await?;
        let answer = pb::CreateCreditNoteResponse {
            credit_note: Some(convert::credit_note(workspace, &note)),
            invoice: Some(convert::invoice(&after)),
        };
        Ok(change.commit(answer).await?)
    }

    /// Takes money that came beside Stripe.
    pub(crate) async fn record_payment(
        &self,
        name: InvoiceName,
        amount: Money,
        till: Till,
        intent: Option<Intent>,
    ) -> Result<pb::RecordPaymentResponse, Error> {
        let InvoiceName { workspace, id } = name;
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let (cause, now) = (Uuid::now_v7(), self.clock.now());
        let by = Account::Till(till);
        let after = invoices::paid(change.conn(), workspace, id, by, amount, cause, now).await?;
        store::insert_manual_payment(change.conn(), workspace, id, cause, amount, till, now).await?;
        Ok(change.commit(pb::RecordPaymentResponse { invoice: Some(convert::invoice(&after)) }).await?)
    }

    pub(crate) async fn apply_credit(&self, name: InvoiceName, sight: Sight) -> Result<pb::Invoice, Error> {
        self.find_invoice(name, sight).await?;
        let InvoiceName { workspace, id } = name;
        let mut tx = self.pool.begin(workspace).await?;
        let after = invoices::use_credit(&mut tx, workspace, id, self.clock.now()).await?;
        tx.commit().await?;
        Ok(convert::invoice(&after))
    }
}
