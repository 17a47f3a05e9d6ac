//! Payments, as people and admins look at them and push them on.

use billing_core::invoice::Refusal;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::names::InvoiceName;
use domain::{PaymentId, WorkspaceId};
use proto::billing::v1 as pb;
use secrecy::SecretString;

use super::App;
use crate::convert;
use crate::customers::{self, Holder};
use crate::error::Error;
use crate::invoices::{InvoiceError, store as invoices};
use crate::payments::{self, Ask, Payment};
use crate::sight::Sight;

/// With what a browser goes on.
pub(crate) struct Continued {
    pub publishable_key: String,
    pub client_secret: SecretString,
}

impl App {
    pub(crate) async fn get_payment(
        &self,
        workspace: WorkspaceId,
        sight: Sight,
        id: PaymentId,
    ) -> Result<pb::Payment, Error> {
        let (payment, holder) = self.payment_in_sight(workspace, sight, id).await?;
        Ok(convert::payment(&payment, holder))
    }

    pub(crate) async fn list_payments(
        &self,
        workspace: WorkspaceId,
        holder: Holder,
        page: Page,
    ) -> Result<pb::ListPaymentsResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let Some(customer) = customers::find_of(&mut tx, workspace, holder).await? else {
            return Ok(pb::ListPaymentsResponse::default());
        };
        let mut rows = payments::list(&mut tx, workspace, customer, &page).await?;
        let next_page_token = page.finish(&mut rows, |payment| payment.id.uuid());
        let payments = rows.iter().map(|payment| convert::payment(payment, holder)).collect();
        Ok(pb::ListPaymentsResponse { payments, next_page_token })
    }

    /// Has an invoice paid now. A payment that is under way is tried now.
    pub(crate) async fn pay_invoice(
        &self,
        name: InvoiceName,
        sight: Sight,
        is_off_session: bool,
    ) -> Result<pb::Payment, Error> {
        let (InvoiceName { workspace, id }, now) = (name, self.clock.now());
        let mut tx = self.pool.begin(workspace).await?;
        // Locked: it must not be paid otherwise between here and the payment.
        let invoice = invoices::find_for_update(&mut tx, workspace, id).await?;
        let invoice = invoice.filter(|invoice| invoice.is_seen_by(sight));
        let invoice = invoice.ok_or(Error::Invoice(InvoiceError::NotFound(id)))?;
        if !invoice.life.owed().is_positive() {
            return Err(Error::Invoice(InvoiceError::Refused { id, refusal: Refusal::NothingOwed }));
        }
        let payment = match payments::find_live(&mut tx, workspace, id).await? {
            // In their browser they go on with what is there.
            Some(live) if !is_off_session => live,
            Some(live) => {
                let after = live.retried(now);
                payments::update(&mut tx, &after).await?;
                after
            }
            None => {
                let ask = Ask {
                    workspace,
                    location: invoice.location,
                    customer: invoice.customer,
                    invoice: id,
                    amount: invoice.life.owed(),
                    is_off_session,
                };
                let made = payments::ask(&mut tx, ask, now).await?;
                payments::find(&mut tx, workspace, made).await?.ok_or(Error::PaymentNotFound(made))?
            }
        };
        tx.commit().await?;
        Ok(convert::payment(&payment, invoice.holder))
    }

    /// Has a payment tried now.
    pub(crate) async fn retry_payment(
        &self,
        workspace: WorkspaceId,
        sight: Sight,
        id: PaymentId,
        intent: Option<Intent>,
    ) -> Result<pb::RetryPaymentResponse, Error> {
        let (_, holder) = self.payment_in_sight(workspace, sight, id).await?;
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before = payments::find_for_update(change.conn(), workspace, id).await?;
        let after = before.ok_or(Error::PaymentNotFound(id))?.retried(self.clock.now());
        payments::update(change.conn(), &after).await?;
        let payment = Some(convert::payment(&after, holder));
        Ok(change.commit(pb::RetryPaymentResponse { payment }).await?)
    }

    /// What the payer's browser needs to confirm a payment.
    pub(crate) async fn continue_payment(
        &self,
        workspace: WorkspaceId,
        sight: Sight,
        id: PaymentId,
    ) -> Result<Continued, Error> {
        let (payment, _) = self.payment_in_sight(workspace, sight, id).await?;
        let Some(intent) = payment.continuable() else { return Err(Error::PaymentNotContinuable(id)) };
        let (keys, account) = self.account(payment.site).await?;
        let client_secret = account.read_client_secret(intent).await?;
        Ok(Continued { publishable_key: keys.publishable, client_secret })
    }

    /// Has a payment read at Stripe.
    pub(crate) async fn check_payment(
        &self,
        workspace: WorkspaceId,
        sight: Sight,
        id: PaymentId,
    ) -> Result<pb::Payment, Error> {
        let (_, holder) = self.payment_in_sight(workspace, sight, id).await?;
        let mut tx = self.pool.begin(workspace).await?;
        let before = payments::find_for_update(&mut tx, workspace, id).await?;
        let before = before.ok_or(Error::PaymentNotFound(id))?;
        payments::update(&mut tx, &before.to_be_read(self.clock.now())).await?;
        tx.commit().await?;
        Ok(convert::payment(&before, holder))
    }

    /// A payment that the caller may know of, and who pays it.
    pub(super) async fn payment_in_sight(
        &self,
        workspace: WorkspaceId,
        sight: Sight,
        id: PaymentId,
    ) -> Result<(Payment, Holder), Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let absent = || Error::PaymentNotFound(id);
        let payment = payments::find(&mut tx, workspace, id).await?.ok_or_else(absent)?;
        let holder = customers::holder(&mut tx, workspace, payment.customer).await?.ok_or_else(absent)?;
        if sight.has(holder) { Ok((payment, holder)) } else { Err(absent()) }
    }
}
