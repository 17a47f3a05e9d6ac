//! What a payment's money does to what it is for: the seam to invoices.

use billing_core::invoice::{Invoice, Outcome};
use billing_core::ledger::{Account, Fact, Till};
use domain::{Money, Timestamp};
use sqlx::PgConnection;

use super::Payment;
use crate::books::{self, BooksError};

/// The money of a payment came: it is booked for its invoice, in the transaction in which that becomes known.
pub(super) async fn received(
    conn: &mut PgConnection,
    payment: &Payment,
    now: Timestamp,
) -> Result<(), BooksError> {
    let zero = Money::zero(payment.amount.currency());
    let invoice = Invoice::draft(payment.amount.currency());
    let outcome = Outcome { invoice, settled: payment.amount, credit: zero, taken_up: zero };
    let (invoice, customer) = (payment.invoice, payment.customer);
    let fact = Fact::Paid { invoice, customer, by: Account::Till(Till::Stripe), outcome };
    books::post(conn, payment.site.workspace, fact, payment.id.uuid(), now).await?;
    Ok(())
}
