//! Refunds and disputes, as people and admins look at them, and refunds that admins ask for.

use chassis::audit::Author;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::{PaymentId, RefundId, WorkspaceId};
use proto::billing::v1 as pb;

use super::App;
use crate::error::Error;
use crate::facts::SOURCE;
use crate::refunds::{self, Ask};
use crate::sight::Sight;
use crate::{audit, convert, customers, disputes};

impl App {
    /// Has money of a payment given back.
    pub(crate) async fn create_refund(
        &self,
        ask: Ask,
        intent: Option<Intent>,
        author: &Author,
    ) -> Result<pb::CreateRefundResponse, Error> {
        let (workspace, now) = (ask.workspace, self.clock.now());
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let refund = refunds::ask(change.conn(), ask, now).await?;
        audit::refund(author, &refund, now).record(SOURCE, change.conn()).await?;
        let holder = customers::holder(change.conn(), workspace, refund.customer).await?;
        let holder = holder.ok_or(Error::PaymentNotFound(refund.payment))?;
        let refund = Some(convert::refund(&refund, holder));
        Ok(change.commit(pb::CreateRefundResponse { refund }).await?)
    }

    pub(crate) async fn get_refund(
        &self,
        workspace: WorkspaceId,
        sight: Sight,
        id: RefundId,
    ) -> Result<pb::Refund, Error> {
        let absent = || Error::RefundNotFound(id);
        let mut tx = self.pool.begin(workspace).await?;
        let refund = refunds::find(&mut tx, workspace, id).await?.ok_or_else(absent)?;
        let holder = customers::holder(&mut tx, workspace, refund.customer).await?.ok_or_else(absent)?;
        if sight.has(holder) { Ok(convert::refund(&refund, holder)) } else { Err(absent()) }
    }

    /// The refunds of a payment that is in sight, or a page of all.
    pub(crate) async fn list_refunds(
        &self,
        workspace: WorkspaceId,
        sight: Sight,
        payment: Option<PaymentId>,
        page: Page,
    ) -> Result<pb::ListRefundsResponse, Error> {
        let Some(payment) = payment else { return self.list_all_refunds(workspace, sight, page).await };
        let (_, holder) = self.payment_in_sight(workspace, sight, payment).await?;
        let mut tx = self.pool.begin(workspace).await?;
        let rows = refunds::list_of_payment(&mut tx, workspace, payment).await?;
        let refunds = rows.iter().map(|refund| convert::refund(refund, holder)).collect();
        Ok(pb::ListRefundsResponse { refunds, next_page_token: String::new() })
    }

    async fn list_all_refunds(
        &self,
        workspace: WorkspaceId,
        sight: Sight,
        page: Page,
    ) -> Result<pb::ListRefundsResponse, Error> {
        if sight != Sight::All {
            return Err(crate::error::refusal("payment", "must be set: only admins see all refunds"));
        }
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = refunds::list(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |refund| refund.id.uuid());
        let mut refunds = Vec::with_capacity(rows.len());
        for refund in &rows {
            let holder = customers::holder(&mut tx, workspace, refund.customer).await?;
            refunds.push(convert::refund(refund, holder.ok_or(Error::PaymentNotFound(refund.payment))?));
        }
        Ok(pb::ListRefundsResponse { refunds, next_page_token })
    }

    pub(crate) async fn list_disputes(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListDisputesResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = disputes::list(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |dispute| dispute.id.uuid());
        let disputes = rows.iter().map(convert::dispute).collect();
        Ok(pb::ListDisputesResponse { disputes, next_page_token })
    }
}
