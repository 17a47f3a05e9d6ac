//! Surveys of payments: their refunds and disputes are read at Stripe, and what is otherwise than the books have it is
//! taken down. Whoever hears that something happened to one asks for a survey, and needs to know no more.

use std::collections::HashMap;

use billing_core::refund::State as RefundState;
use domain::{PaymentId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::app::App;
use crate::disputes;
use crate::error::Error;
use crate::payments::{self, PENDING_LOOK, Payment};
use crate::refunds::{self, Sighting};
use crate::vendor::{SeenDispute, SeenRefund};

/// When a payment is surveyed again if Stripe could not be asked.
const PAUSE: chrono::Duration = chrono::Duration::minutes(1);

/// What is known before Stripe is asked: lives' versions, by what a refund and a dispute is found by.
struct Known {
    payment: Payment,
    refunds: HashMap<String, u64>,
    disputes: HashMap<String, i64>,
}

impl App {
    /// Surveys the payment that is due longest. Whether there was one.
    pub(crate) async fn survey_next(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        let until = now + self.lease;
        let mut tx = self.platform.begin().await?;
        let Some((workspace, id)) = claim(&mut tx, now, until).await? else { return Ok(false) };
        let known = known(&mut tx, workspace, id).await?;
        tx.commit().await?;
        // Money that has not come as far as we know is read first.
        let next = if known.payment.has_succeeded() {
            match self.look_at_payment(&known).await {
                Ok((refunds, disputes)) => {
                    let mut tx = self.platform.begin().await?;
                    let next = take(&mut tx, &known, refunds, disputes, self.clock.now()).await?;
                    tx.commit().await?;
                    next
                }
                Err(error) => {
                    tracing::warn!(payment.id = %id, error = &error as &dyn std::error::Error, "a survey waits");
                    Some(self.clock.now() + PAUSE)
                }
            }
        } else {
            known.payment.life.is_live().then(|| now + PAUSE)
        };
        let mut conn = self.platform.acquire().await?;
        move_on(&mut conn, workspace, id, until, next).await?;
        Ok(true)
    }

    async fn look_at_payment(&self, known: &Known) -> Result<(Vec<SeenRefund>, Vec<SeenDispute>), Error> {
        let payment = &known.payment;
        let intent = payment.life.intent().ok_or(Error::PaymentNotFound(payment.id))?;
        let account = self.account_of_payment(payment).await?;
        Ok((account.list_refunds(intent).await?, account.list_disputes(intent).await?))
    }
}

async fn known(conn: &mut PgConnection, workspace: WorkspaceId, id: PaymentId) -> Result<Known, Error> {
    let payment = payments::find(conn, workspace, id).await?.ok_or(Error::PaymentNotFound(id))?;
    let refunds = refunds::list_of_payment(conn, workspace, id).await?;
    let disputes = disputes::list_of_payment(conn, workspace, id).await?;
    Ok(Known {
        payment,
        refunds: refunds.iter().map(|refund| (refund.id.to_string(), refund.life.version())).collect(),
        disputes: disputes.into_iter().map(|dispute| (dispute.dispute_ref, dispute.version)).collect(),
    })
}

/// Takes down what was seen. When to look again, if there is something that goes on.
async fn take(
    conn: &mut PgConnection,
    known: &Known,
    seen: Vec<SeenRefund>,
    disputes: Vec<SeenDispute>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let (workspace, id) = (known.payment.site.workspace, known.payment.id);
    let payment =
        payments::lock_with_invoice(conn, workspace, id).await?.ok_or(Error::PaymentNotFound(id))?;
    let rows = refunds::list_of_payment(conn, workspace, id).await?;
    // Stripe lists the newest first.
    for seen in seen.into_iter().rev() {
        let is_it = |row: &&refunds::Refund| {
            seen.ours == Some(row.id) || row.refund_ref.as_ref() == Some(&seen.refund_ref)
        };
        match rows.iter().find(is_it) {
            Some(row) => {
                // One that came about meanwhile was heard of anew since.
                let version = known.refunds.get(&row.id.to_string()).copied().unwrap_or_default();
                refunds::record(conn, workspace, row.id, Sighting::of(version, seen), now).await?;
            }
            None if seen.amount.currency() != payment.amount.currency() => {
                tracing::error!(payment.id = %id, r#ref = seen.refund_ref, "a refund in another currency");
            }
            None => refunds::record_of_others(conn, &payment, seen, now).await?,
        }
    }
    for seen in disputes.into_iter().rev() {
        let version = known.disputes.get(&seen.dispute_ref).copied().unwrap_or_default();
        if seen.amount.currency() != payment.amount.currency() {
            tracing::error!(payment.id = %id, r#ref = seen.dispute_ref, "a dispute in another currency");
            continue;
        }
        disputes::apply(conn, &payment, version, seen, now).await?;
    }
    let rows = refunds::list_of_payment(conn, workspace, id).await?;
    let is_pending = rows.iter().any(|row| row.life.state() == RefundState::Pending);
    Ok(is_pending.then(|| now + PENDING_LOOK))
}

/// The payment that is due longest. It is due again then, should we die.
async fn claim(
    conn: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<(WorkspaceId, PaymentId)>, sqlx::Error> {
    let found: Option<(Uuid, Uuid)> = sqlx::query_as(
        "update payment set survey_due_at = $2
          where (workspace_id, id) = (
            select workspace_id, id from payment where survey_due_at <= $1
             order by survey_due_at limit 1 for update skip locked)
         returning workspace_id, id",
    )
    .bind(now)
    .bind(until)
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|(workspace, id)| (WorkspaceId::from_uuid(workspace), PaymentId::from_uuid(id))))
}

/// The survey that was claimed until then is done; unless something was heard since, which is looked into anew.
async fn move_on(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PaymentId,
    until: Timestamp,
    next: Option<Timestamp>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update payment set survey_due_at = $4 where workspace_id = $1 and id = $2 and survey_due_at = $3",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .bind(until)
    .bind(next)
    .execute(conn)
    .await?;
    Ok(())
}
