//! Payers who are far behind: their memberships are paused until they have paid.
//!
//! Pausing is the workspace's to do. It is told which memberships, and tells back by its own events.

use billing_core::cycle::local_day;
use domain::{MembershipId, Timestamp};
use events::outbox;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::facts::{self, InvoiceFact};
use crate::invoices::{Invoice, InvoiceError, store};

/// An invoice is overdue for so long that its payer's memberships are paused. Those that are paused already stay as
/// they are, and are not resumed later.
pub(crate) async fn fell_behind(
    conn: &mut PgConnection,
    invoice: &Invoice,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    let memberships: Vec<Uuid> = sqlx::query_scalar(
        "update subscription set is_behind = true, due_at = null
          where workspace_id = $1 and customer_id = $2 and not is_behind and not is_paused
            and (ends_on is null or ends_on > $3)
          returning membership_id",
    )
    .bind(invoice.workspace.uuid())
    .bind(invoice.customer.uuid())
    .bind(local_day(invoice.time_zone, now))
    .fetch_all(&mut *conn)
    .await?;
    tell(conn, invoice, memberships, InvoiceFact::FellBehind).await
}

/// An invoice is paid: if its payer has no other one that is overdue, what was paused for it goes on.
pub(crate) async fn caught_up(
    conn: &mut PgConnection,
    invoice: &Invoice,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    if store::is_behind(conn, invoice.workspace, invoice.customer).await? {
        return Ok(());
    }
    // Days of a pause are not billed: what is due begins when the workspace says that it goes on.
    let memberships: Vec<Uuid> = sqlx::query_scalar(
        "update subscription set is_behind = false, billed_until = greatest(billed_until, $3),
           due_at = case when is_paused then null else greatest(due_at, $4) end
          where workspace_id = $1 and customer_id = $2 and is_behind
          returning membership_id",
    )
    .bind(invoice.workspace.uuid())
    .bind(invoice.customer.uuid())
    .bind(local_day(invoice.time_zone, now))
    .bind(now)
    .fetch_all(&mut *conn)
    .await?;
    tell(conn, invoice, memberships, InvoiceFact::CaughtUp).await
}

async fn tell(
    conn: &mut PgConnection,
    invoice: &Invoice,
    memberships: Vec<Uuid>,
    fact: fn(Vec<MembershipId>) -> InvoiceFact,
) -> Result<(), InvoiceError> {
    if memberships.is_empty() {
        return Ok(());
    }
    let memberships = memberships.into_iter().map(MembershipId::from_uuid).collect();
    Ok(outbox::append(conn, &[facts::invoice(fact(memberships), invoice)]).await?)
}
