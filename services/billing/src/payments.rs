//! Payments: money that someone is to pay for an invoice, charged once.
//!
//! [`ask`] takes a payment down in the transaction in which something becomes owed; from then on `work` has it charged.
//! What it is about to do is stored first, in the words of [`billing_core::payment`], and what comes of it in one
//! transaction with the books, the invoice and the outbox. So a process may die anywhere: another one does the same
//! again, with the same key, and Stripe does it once.

mod record;
mod settle;
mod store;
mod work;

use billing_core::payment::{End, News, Payment as Life, State};
use billing_core::retry::Schedule;
use domain::{CustomerId, InvoiceId, Money, PaymentId, Timestamp, WorkspaceId};
use sqlx::PgConnection;

use crate::credentials::Site;
use crate::invoices::store as invoices;

pub(crate) use store::{find, find_for_update, list, survey_by, survey_intent, update};
pub(crate) use work::{PENDING_LOOK, is_refusal};

/// A payment as stored.
#[derive(Debug, Clone)]
pub(crate) struct Payment {
    /// Where money is asked for; once there is an intent, where that is.
    pub site: Site,
    pub id: PaymentId,
    pub customer: CustomerId,
    pub invoice: InvoiceId,
    pub amount: Money,
    pub life: Life,
    pub failure_code: String,
    pub must_read: bool,
    pub due_at: Option<Timestamp>,
    /// Failures to reach Stripe since it was reached last.
    pub misses: i32,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What is to be paid.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// Whose invoice.
    pub workspace: WorkspaceId,
    /// Where money is asked for: the account of a location that has keys of its own, else the workspace's.
    pub location: Option<domain::LocationId>,
    /// Who pays.
    pub customer: CustomerId,
    /// For what. It is charged by one payment at a time.
    pub invoice: InvoiceId,
    /// How much.
    pub amount: Money,
    /// Whether it is charged by the saved method, without the payer; else they pay in their browser.
    pub is_off_session: bool,
}

/// Why a payment can't be asked for.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Another one for the same may still bring money.
    #[error("a payment for invoice {0} is under way")]
    UnderWay(InvoiceId),
    /// Postgres refused.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Has something paid, from when the transaction is committed.
pub async fn ask(conn: &mut PgConnection, ask: Ask, now: Timestamp) -> Result<PaymentId, AskError> {
    let life = if ask.is_off_session { Life::off_session() } else { Life::on_session() };
    let payment = Payment {
        site: Site { workspace: ask.workspace, location: ask.location },
        id: PaymentId::new(),
        customer: ask.customer,
        invoice: ask.invoice,
        amount: ask.amount,
        life,
        failure_code: String::new(),
        must_read: false,
        due_at: Some(now),
        misses: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    if store::insert(conn, &payment).await? { Ok(payment.id) } else { Err(AskError::UnderWay(ask.invoice)) }
}

/// The payment of an invoice that may still bring money.
pub(crate) async fn find_live(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    invoice: InvoiceId,
) -> Result<Option<Payment>, sqlx::Error> {
    store::find_live_for_update(conn, workspace, invoice).await
}

/// Nothing is to be paid for an invoice any more. What is on its way may still come.
pub async fn withdraw(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    invoice: InvoiceId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    if let Some(payment) = store::find_live_for_update(conn, workspace, invoice).await? {
        let life = payment.life.hear(News::Withdrawn, &Schedule::default(), now);
        let after = payment.with_life(life, now);
        // What waits waits no longer; what is being sent is let be.
        let waits = matches!(after.life.state(), State::Ready { .. } | State::Waiting { .. });
        let due_at = if waits { Some(now) } else { after.due_at };
        store::update(conn, &Payment { due_at, ..after }).await?;
    }
    Ok(())
}

/// Whether money for an invoice is on its way, so that nobody is late.
pub async fn is_pending(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    invoice: InvoiceId,
) -> Result<bool, sqlx::Error> {
    store::is_pending(conn, workspace, invoice).await
}

/// A payment, locked with its invoice: first that, as whoever changes an invoice does.
pub(crate) async fn lock_with_invoice(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PaymentId,
) -> Result<Option<Payment>, sqlx::Error> {
    let Some(found) = store::find(conn, workspace, id).await? else { return Ok(None) };
    invoices::lock(conn, workspace, found.invoice).await?;
    store::find_for_update(conn, workspace, id).await
}

/// Has the payment of an intent read at Stripe, if it is one of ours. Whether it is.
pub(crate) async fn look_at_intent(
    conn: &mut PgConnection,
    site: Site,
    intent_ref: &str,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let Some(payment) = store::find_by_intent_for_update(conn, site, intent_ref).await? else {
        return Ok(false);
    };
    // What is over stays as it is.
    if payment.life.is_live() {
        store::update(conn, &payment.to_be_read(now)).await?;
    }
    Ok(true)
}

impl Payment {
    /// The payment after its life went on; due when that says so.
    fn with_life(&self, life: Life, now: Timestamp) -> Self {
        let (version, updated_at) =
            if life == self.life { (self.version, self.updated_at) } else { (self.version + 1, now) };
        let due_at = if self.must_read { Some(now) } else { due(life.state(), now) };
        Self { life, due_at, version, updated_at, misses: 0, ..self.clone() }
    }

    /// The payment after somebody wants it to be tried now. Pure.
    pub(crate) fn retried(&self, now: Timestamp) -> Self {
        self.with_life(self.life.hear(News::MethodGiven, &Schedule::default(), now), now)
    }

    /// The intent, if its payer can confirm it.
    pub(crate) fn continuable(&self) -> Option<&str> {
        let waits = matches!(self.life.state(), State::Waiting { .. } | State::Ready { .. });
        self.life.intent().filter(|_| waits)
    }

    /// Whether the money came.
    pub(crate) fn has_succeeded(&self) -> bool {
        self.life.state() == State::Succeeded
    }

    /// Whether it ended without money although there should have been some: also if Stripe took no such payment.
    pub(crate) fn has_failed(&self) -> bool {
        match self.life.state() {
            State::Closed(End::GivenUp | End::CancelledThere) => true,
            State::Closed(End::Withdrawn) => self.life.intent().is_none() && !self.failure_code.is_empty(),
            _ => false,
        }
    }

    /// The payment, which is to be read at Stripe now. Pure.
    pub(crate) fn to_be_read(&self, now: Timestamp) -> Self {
        match self.life.intent() {
            Some(_) => Self { must_read: true, due_at: Some(now), ..self.clone() },
            None => self.clone(),
        }
    }
}

/// When there is something to do about a payment that stands so.
fn due(state: State, now: Timestamp) -> Option<Timestamp> {
    match state {
        State::Planned | State::Confirming { .. } | State::InDoubt | State::Closing(_) => Some(now),
        State::Ready { from } => Some(from),
        State::Waiting { until, .. } => Some(until),
        // It is told; should that get lost, it is looked.
        State::Pending => Some(now + work::PENDING_LOOK),
        State::Succeeded | State::Closed(_) => None,
    }
}

/// What a state is called in rows.
fn state_name(state: State) -> &'static str {
    match state {
        State::Planned => "planned",
        State::Ready { .. } => "ready",
        State::Confirming { .. } => "confirming",
        State::InDoubt => "in_doubt",
        State::Waiting { .. } => "waiting",
        State::Pending => "pending",
        State::Closing(_) => "closing",
        State::Succeeded => "succeeded",
        State::Closed(_) => "closed",
    }
}
