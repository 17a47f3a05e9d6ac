//! What came of a refund, taken down in one transaction with all that follows.

use billing_core::refund::{News, Refund as Life, State};
use domain::names::BookingName;
use domain::{Money, RefundId, Timestamp, WorkspaceId};
use events::outbox;
use sqlx::PgConnection;

use super::{Refund, store};
use crate::customers;
use crate::error::Error;
use crate::facts::{self, RefundFact};
use crate::invoices::{self, GivenBack, Invoice, InvoiceError, LineSubject};
use crate::payments::{self, Payment};
use crate::settings::{self, RefundPolicy};
use crate::vendor::SeenRefund;

/// What stands on the credit note of a refund that somebody made at Stripe itself.
const MADE_AT_STRIPE: &str = "given back at Stripe";

/// What was found out.
pub(crate) struct Sighting {
    pub news: News,
    pub refund_ref: Option<String>,
    /// Why there is none, or why it came back, by Stripe's word.
    pub failure_code: String,
}

impl Sighting {
    /// A refund that is at Stripe; `version` is its life's when that was asked.
    pub(crate) fn of(version: u64, found: SeenRefund) -> Self {
        let SeenRefund { refund_ref, seen, failure_code, .. } = found;
        Self { news: News::Seen { version, seen }, refund_ref: Some(refund_ref), failure_code }
    }
}

/// Takes it down.
pub(crate) async fn record(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: RefundId,
    sighting: Sighting,
    now: Timestamp,
) -> Result<(), Error> {
    let found = store::find(conn, workspace, id).await?.ok_or(Error::RefundNotFound(id))?;
    let payment = payments::lock_with_invoice(conn, workspace, found.payment).await?;
    let payment = payment.ok_or(Error::PaymentNotFound(found.payment))?;
    let before = store::find_for_update(conn, workspace, id).await?.ok_or(Error::RefundNotFound(id))?;
    let life = before.life.hear(sighting.news, now);
    let failure_code = match life.state() {
        State::Pending | State::Succeeded => String::new(),
        _ if sighting.failure_code.is_empty() => before.failure_code.clone(),
        _ => sighting.failure_code,
    };
    let refund_ref = sighting.refund_ref.or(before.refund_ref.clone());
    let after = Refund { refund_ref, failure_code, ..before.with_life(life, now) };
    follow(conn, &payment, before.life, after, now).await
}

/// Takes down a refund of a payment, which is locked, that somebody else made.
pub(crate) async fn record_of_others(
    conn: &mut PgConnection,
    payment: &Payment,
    found: SeenRefund,
    now: Timestamp,
) -> Result<(), Error> {
    let before = Life::new(now);
    let refund = Refund {
        workspace: payment.site.workspace,
        id: RefundId::new(),
        payment: payment.id,
        customer: payment.customer,
        invoice: payment.invoice,
        amount: found.amount,
        reason: MADE_AT_STRIPE.to_owned(),
        is_ours: false,
        life: before.hear(News::Seen { version: before.version(), seen: found.seen }, now),
        refund_ref: Some(found.refund_ref),
        failure_code: found.failure_code,
        credit_note: None,
        due_at: None,
        misses: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    store::insert(conn, &refund).await?;
    follow(conn, payment, before, refund, now).await
}

/// Stores a refund, and does what follows of how it is now.
async fn follow(
    conn: &mut PgConnection,
    payment: &Payment,
    before: Life,
    after: Refund,
    now: Timestamp,
) -> Result<(), Error> {
    let is_over = after.life.state() == State::Failed && before.state() != State::Failed;
    let (after, fact) = match (before.is_out(), after.life.is_out()) {
        (false, true) => {
            let (invoice, note) = give_back(conn, payment, &after, now).await?;
            let after = Refund { credit_note: note, ..after };
            store::update(conn, &after).await?;
            let bookings = called_off(conn, payment, &invoice).await?;
            (after, Some(RefundFact::Created { invoice: Box::new(invoice), bookings }))
        }
        (true, false) => {
            let (workspace, id, cause) = (after.workspace, after.invoice, after.id.uuid());
            invoices::came_back(conn, workspace, id, after.amount, cause, now).await?;
            (after, Some(RefundFact::Failed))
        }
        _ => (after, is_over.then_some(RefundFact::Failed)),
    };
    store::update(conn, &after).await?;
    if after.life.state() == State::Pending {
        payments::survey_by(conn, after.workspace, after.payment, now + payments::PENDING_LOOK).await?;
    }
    let Some(fact) = fact else { return Ok(()) };
    let holder = customers::holder(conn, after.workspace, after.customer).await?;
    let holder = holder.ok_or(Error::PaymentNotFound(after.payment))?;
    Ok(outbox::append(conn, &[facts::refund(fact, &after, holder, now)]).await?)
}

async fn give_back(
    conn: &mut PgConnection,
    payment: &Payment,
    refund: &Refund,
    now: Timestamp,
) -> Result<(Invoice, Option<domain::CreditNoteId>), Error> {
    let (workspace, id) = (refund.workspace, refund.invoice);
    let invoice = invoices::store::find_for_update(conn, workspace, id).await?;
    let invoice = invoice.ok_or(InvoiceError::NotFound(id))?;
    let out = given_back(conn, payment, Some(refund.id)).await?;
    let unused = payment.amount.minus(out)?.minus(invoice.life.paid())?;
    let given = GivenBack { amount: refund.amount, unused, reason: &refund.reason, cause: refund.id.uuid() };
    Ok(invoices::give_back(conn, workspace, id, given, now).await?)
}

/// What of a payment was given back already, but for one refund.
async fn given_back(
    conn: &mut PgConnection,
    payment: &Payment,
    but: Option<RefundId>,
) -> Result<Money, Error> {
    let refunds = store::list_of_payment(conn, payment.site.workspace, payment.id).await?;
    let out = refunds.iter().filter(|refund| refund.life.is_out() && Some(refund.id) != but);
    Ok(Money::sum(payment.amount.currency(), out.map(|refund| refund.amount))?)
}

/// The bookings that are called off because all that was paid for them is given back, if the workspace wants that.
async fn called_off(
    conn: &mut PgConnection,
    payment: &Payment,
    invoice: &Invoice,
) -> Result<Vec<BookingName>, Error> {
    let workspace = invoice.workspace;
    let settings = settings::find(conn, workspace).await?;
    let is_wanted = settings.is_none_or(|settings| settings.full_refund == RefundPolicy::Cancel);
    if !is_wanted || given_back(conn, payment, None).await? != payment.amount {
        return Ok(Vec::new());
    }
    let mut bookings = Vec::new();
    for subject in invoice.subjects() {
        let LineSubject::Booking(id) = subject else { continue };
        // It may have been moved, and be on several.
        if !invoices::store::has_paid(conn, workspace, subject).await? {
            bookings.push(BookingName { workspace, id });
        }
    }
    Ok(bookings)
}
