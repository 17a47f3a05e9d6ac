//! What becomes of a payment's invoice.

use billing_core::decline::Ask;
use billing_core::invoice::State as InvoiceState;
use billing_core::ledger::{Account, Till};
use billing_core::payment::State;
use domain::Timestamp;
use sqlx::PgConnection;

use super::Payment;
use crate::bookings;
use crate::invoices::{self, InvoiceError, store};

/// The money of a payment came: it is booked for its invoice, in the transaction in which that becomes known.
pub(super) async fn received(
    conn: &mut PgConnection,
    payment: &Payment,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    let (workspace, id, by) = (payment.site.workspace, payment.invoice, Account::Till(Till::Stripe));
    invoices::paid(conn, workspace, id, by, payment.amount, payment.id.uuid(), now).await?;
    Ok(())
}

/// An attempt to take the money failed. A booking that waits for it does not come about, unless just the bank wants its
/// payer to confirm it: nothing is held for long by a card that is declined.
pub(super) async fn failed(
    conn: &mut PgConnection,
    payment: &Payment,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    let (workspace, id) = (payment.site.workspace, payment.invoice);
    let invoice = store::find_for_update(conn, workspace, id).await?.ok_or(InvoiceError::NotFound(id))?;
    if matches!(invoice.state(), InvoiceState::Paid | InvoiceState::Void) {
        return Ok(());
    }
    let is_waited_for = bookings::awaits_payment(conn, workspace, &invoice.subjects()).await?;
    let awaits_bank = matches!(payment.life.state(), State::Waiting { ask: Ask::Authenticate, .. });
    let is_final = payment.has_failed() || is_waited_for && !awaits_bank;
    let reason = match payment.failure_code.as_str() {
        "" if awaits_bank => "the bank wants the payer to confirm the payment".to_owned(),
        "" => "the payment failed".to_owned(),
        "payment_method_missing" => "no card or bank account is saved that could be charged".to_owned(),
        code => format!("the payment was declined: {}", code.replace('_', " ")),
    };
    invoices::charge_failed(conn, workspace, id, &reason, is_final, now).await?;
    if is_final {
        // Nobody is charged days later for what they do not have any more; they may pay by PayInvoice.
        super::withdraw(conn, workspace, id, now).await?;
    }
    Ok(())
}
