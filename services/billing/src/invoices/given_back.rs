//! What becomes of an invoice when money of a payment for it is given back, or disputed.

use billing_core::dispute::{Move, Standing};
use billing_core::ledger::{Account, Fact, Till};
use billing_core::refund::off_invoice;
use domain::{CreditNoteId, InvoiceId, Money, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::life::{Credit, InvoiceError, credit, find_for_update, paid, taken_back};
use super::record::Invoice;
use super::store;
use crate::{books, customers};

/// Money that is given back.
pub(crate) struct GivenBack<'a> {
    /// How much.
    pub amount: Money,
    /// What of the payment the invoice has no use for any more: it goes first, as far as it is still credit.
    pub unused: Money,
    /// Why.
    pub reason: &'a str,
    /// The refund's row: told twice, it is booked once.
    pub cause: Uuid,
}

/// Money of a payment for an invoice has left: what of it the invoice had is taken off by a credit note, the rest is
/// from the payer's credit. The invoice afterwards, and the credit note.
pub(crate) async fn give_back(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    given: GivenBack<'_>,
    now: Timestamp,
) -> Result<(Invoice, Option<CreditNoteId>), InvoiceError> {
    let before = find_for_update(conn, workspace, id).await?;
    // Whoever decides about their credit locks them first, too.
    customers::lock(conn, workspace, before.customer).await?;
    let credit_now = customers::credit(conn, workspace, before.customer, before.currency()).await?;
    let off = off_invoice(given.amount, given.unused.smaller(credit_now)?, before.life.paid())?;
    let note = if off.is_positive() {
        // Should what it is for be called off later, it is not credited twice.
        let subjects = before.subjects();
        let subject = if let [subject] = subjects[..] { Some(subject) } else { None };
        let taken_off = Credit { amount: off, reason: given.reason.to_owned(), subject };
        let (note, after) = credit(conn, workspace, id, taken_off, now).await?;
        // A note takes first what is owed: the rest is money that the invoice has still, and has no more.
        let rest = off.minus(before.life.paid().minus(after.life.paid())?)?;
        if rest.is_positive() {
            let by = Account::Credit(before.customer);
            taken_back(conn, workspace, id, by, rest, given.cause, now).await?;
        }
        Some(note.id)
    } else {
        None
    };
    let fact = Fact::Refunded { customer: before.customer, till: Till::Stripe, amount: given.amount };
    books::post(conn, workspace, fact, given.cause, now).await?;
    Ok((change_refunded(conn, workspace, id, given.amount, now).await?, note))
}

/// Money that had left came back: it is the payer's credit.
pub(crate) async fn came_back(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    amount: Money,
    cause: Uuid,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let before = find_for_update(conn, workspace, id).await?;
    customers::lock(conn, workspace, before.customer).await?;
    let amount = amount.negated();
    let fact = Fact::Refunded { customer: before.customer, till: Till::Stripe, amount };
    books::post(conn, workspace, fact, cause, now).await?;
    change_refunded(conn, workspace, id, amount, now).await
}

async fn change_refunded(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    by: Money,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let before = find_for_update(conn, workspace, id).await?;
    let refunded = before.refunded.plus(by)?;
    let after = Invoice { refunded, version: before.version + 1, updated_at: now, ..before };
    Ok(store::mark(conn, after).await?)
}

/// A dispute of a payment for an invoice stands otherwise than the books have it: money goes where it is, and the
/// invoice says so.
pub(crate) async fn disputed(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    (was, is): (Standing, Standing),
    amount: Money,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    for step in was.moves_to(is) {
        // A bank may think again, and again: each time is booked.
        let cause = Uuid::now_v7();
        let by = Account::Disputed;
        match step {
            Move::Withhold => drop(books::post(conn, workspace, Fact::Withheld(amount), cause, now).await?),
            Move::Release => {
                books::post(conn, workspace, Fact::Withheld(amount.negated()), cause, now).await?;
            }
            Move::TakeBack => drop(taken_back(conn, workspace, id, by, amount, cause, now).await?),
            Move::GiveAgain => drop(paid(conn, workspace, id, by, amount, cause, now).await?),
        }
    }
    let before = find_for_update(conn, workspace, id).await?;
    let dispute = Some(is.into());
    let after = Invoice { dispute, version: before.version + 1, updated_at: now, ..before };
    Ok(store::mark(conn, after).await?)
}
