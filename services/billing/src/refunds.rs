//! Refunds: money of payments that is given back once, and what others gave back at Stripe.
//!
//! [`ask`] takes a refund down under the payment's lock; from then on `work` asks Stripe for it, in the words of
//! [`billing_core::refund`]. What comes of that is recorded in one transaction with the books, the invoice and the
//! outbox: nothing is booked before Stripe has taken the refund. What else happens to refunds is seen as their payment
//! is surveyed.

mod record;
mod store;
mod work;

use billing_core::refund::{Refund as Life, RefundError, Refundable, State};
use domain::{
    CreditNoteId, CustomerId, InvoiceId, Money, MoneyError, PaymentId, RefundId, Timestamp, WorkspaceId,
};
use sqlx::PgConnection;

use crate::books::BooksError;
use crate::payments::Payment;
use crate::vendor::{AmountError, check_amount};
use crate::{customers, disputes, invoices};

pub(crate) use record::{Sighting, record, record_of_others};
pub(crate) use store::{asked_of_customer, find, list, list_of_payment};

/// A refund as stored.
#[derive(Debug, Clone)]
pub(crate) struct Refund {
    pub workspace: WorkspaceId,
    pub id: RefundId,
    pub payment: PaymentId,
    pub customer: CustomerId,
    pub invoice: InvoiceId,
    pub amount: Money,
    pub reason: String,
    /// False: somebody made it at Stripe itself.
    pub is_ours: bool,
    pub life: Life,
    pub refund_ref: Option<String>,
    pub failure_code: String,
    pub credit_note: Option<CreditNoteId>,
    pub due_at: Option<Timestamp>,
    /// Failures to reach Stripe since it was reached last.
    pub misses: i32,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What is to be given back.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub workspace: WorkspaceId,
    pub payment: PaymentId,
    /// `None`: all that is left.
    pub amount: Option<Money>,
    pub reason: String,
}

/// Why it can't be given back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Not there, or another workspace's.
    #[error("payment {0} not found")]
    NotFound(PaymentId),
    /// No money came.
    #[error("payment {0} has not succeeded, so there is nothing to give back")]
    NotSucceeded(PaymentId),
    /// The payment forbids it.
    #[error("payment {id}: {refusal}")]
    Refused {
        /// Which.
        id: PaymentId,
        /// Why.
        refusal: RefundError,
    },
    /// What it had paid was credited, and has paid for something else.
    #[error("of payment {id} only {left} can be given back: the rest has paid for something else as credit")]
    CreditUsed {
        /// Which.
        id: PaymentId,
        /// What can be.
        left: Money,
    },
    /// Stripe takes no such amount.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// The credit can't be read.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// Postgres refused.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<MoneyError> for AskError {
    fn from(error: MoneyError) -> Self {
        Self::Books(error.into())
    }
}

/// Has money of a payment given back, from when the transaction is committed: no more than is left of it, whoever gives
/// back at the same time.
pub(crate) async fn ask(conn: &mut PgConnection, ask: Ask, now: Timestamp) -> Result<Refund, AskError> {
    let (workspace, id) = (ask.workspace, ask.payment);
    let payment =
        crate::payments::lock_with_invoice(conn, workspace, id).await?.ok_or(AskError::NotFound(id))?;
    if !payment.has_succeeded() {
        return Err(AskError::NotSucceeded(id));
    }
    let refusal = |refusal| AskError::Refused { id, refusal };
    let refundable = refundable(conn, &payment).await?;
    let amount = match ask.amount {
        Some(amount) => amount,
        None => match refundable.paid.minus(refundable.refunded)? {
            left if left.is_positive() => left,
            left => return Err(refusal(RefundError::MoreThanLeft(left))),
        },
    };
    refundable.check(amount).map_err(refusal)?;
    check_amount(amount)?;
    let left = unused_or_paid(conn, &payment).await?;
    if amount.minus(left)?.is_positive() {
        return Err(AskError::CreditUsed { id, left });
    }
    let refund = Refund {
        workspace,
        id: RefundId::new(),
        payment: id,
        customer: payment.customer,
        invoice: payment.invoice,
        amount,
        reason: ask.reason,
        is_ours: true,
        life: Life::new(now),
        refund_ref: None,
        failure_code: String::new(),
        credit_note: None,
        due_at: Some(now),
        misses: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    store::insert(conn, &refund).await?;
    Ok(refund)
}

/// What of a payment, which is locked, can be given back.
async fn refundable(conn: &mut PgConnection, payment: &Payment) -> Result<Refundable, AskError> {
    let (workspace, id) = (payment.site.workspace, payment.id);
    let refunds = list_of_payment(conn, workspace, id).await?;
    let counted = refunds.iter().filter(|refund| refund.life.counts()).map(|refund| refund.amount);
    Ok(Refundable {
        paid: payment.amount,
        refunded: Money::sum(payment.amount.currency(), counted)?,
        is_disputed: disputes::has_money(conn, workspace, id).await?,
    })
}

/// What the invoice has of its payments, and its payer as credit, and nobody is about to give back.
async fn unused_or_paid(conn: &mut PgConnection, payment: &Payment) -> Result<Money, AskError> {
    let (workspace, customer, currency) =
        (payment.site.workspace, payment.customer, payment.amount.currency());
    customers::lock(conn, workspace, customer).await?;
    let credit = customers::credit(conn, workspace, customer, currency).await?;
    let credit = if credit.is_positive() { credit } else { Money::zero(currency) };
    let invoice = invoices::store::find(conn, workspace, payment.invoice).await?;
    let paid = invoice.map_or(Money::zero(currency), |invoice| invoice.life.paid());
    let asked = asked_of_customer(conn, workspace, customer, currency).await?;
    let left = paid.plus(credit)?.minus(asked)?;
    Ok(if left.is_negative() { Money::zero(currency) } else { left })
}

impl Refund {
    /// The refund after its life went on; due when that says so.
    fn with_life(&self, life: Life, now: Timestamp) -> Self {
        let (version, updated_at) =
            if life == self.life { (self.version, self.updated_at) } else { (self.version + 1, now) };
        let due_at = match life.state() {
            State::Asking { .. } | State::Refused { .. } | State::Looking => Some(now),
            // What becomes of it is seen as its payment is surveyed.
            State::Pending | State::Succeeded | State::Failed => None,
        };
        Self { life, due_at, version, updated_at, misses: 0, ..self.clone() }
    }
}

/// What a state is called in rows.
fn state_name(state: State) -> &'static str {
    match state {
        State::Asking { .. } => "asking",
        State::Refused { .. } => "refused",
        State::Looking => "looking",
        State::Pending => "pending",
        State::Succeeded => "succeeded",
        State::Failed => "failed",
    }
}
