//! Disputes: banks take money of payments back. What is read at Stripe is compared with how the books have it, and what
//! lies between is booked, so that it does not matter which notices come, or in which order.

use billing_core::dispute::Standing;
use chassis::paging::Page;
use domain::{DisputeId, InvoiceId, Money, PaymentId, Timestamp, WorkspaceId};
use events::outbox;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Error;
use crate::facts::{self, DisputeFact};
use crate::invoices::{self, Dispute as StandingColumn};
use crate::payments::Payment;
use crate::stored::corrupt;
use crate::vendor::SeenDispute;
use crate::{audit, facts::SOURCE};

/// A dispute as stored.
#[derive(Debug, Clone)]
pub(crate) struct Dispute {
    pub workspace: WorkspaceId,
    pub id: DisputeId,
    pub payment: PaymentId,
    pub invoice: InvoiceId,
    pub dispute_ref: String,
    pub amount: Money,
    pub reason: String,
    pub standing: Standing,
    pub version: i64,
    pub opened_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Takes down how a dispute of a payment, which is locked, was seen, with all that follows. `version` is its own when
/// that was asked, 0 if it was not known: if it is another one by now, something newer was seen since.
pub(crate) async fn apply(
    conn: &mut PgConnection,
    payment: &Payment,
    version: i64,
    seen: SeenDispute,
    now: Timestamp,
) -> Result<(), Error> {
    let workspace = payment.site.workspace;
    let known = find_for_update(conn, payment, &seen.dispute_ref).await?;
    if known.as_ref().map_or(0, |known| known.version) != version {
        return Ok(());
    }
    let was = known.as_ref().map(|known| known.standing);
    if was == Some(seen.standing) {
        return Ok(());
    }
    let after = match known {
        Some(known) => Dispute { standing: seen.standing, version: version + 1, updated_at: now, ..known },
        None => Dispute {
            workspace,
            id: DisputeId::new(),
            payment: payment.id,
            invoice: payment.invoice,
            dispute_ref: seen.dispute_ref,
            amount: seen.amount,
            reason: seen.reason,
            standing: seen.standing,
            version: 1,
            opened_at: seen.opened_at,
            updated_at: now,
        },
    };
    put(conn, &after).await?;
    let moved = (was.unwrap_or(Standing::Asked), after.standing);
    let invoice = invoices::disputed(conn, workspace, after.invoice, moved, after.amount, now).await?;
    audit::dispute(was, &after, now).record(SOURCE, conn).await?;
    let fact = match (was, after.standing) {
        (None, _) | (Some(Standing::Asked), Standing::Open) => DisputeFact::Opened,
        (Some(_), Standing::Won | Standing::Lost) => DisputeFact::Closed,
        // The bank thinks again, or has closed what it only asked about.
        (Some(_), Standing::Open | Standing::Asked) => return Ok(()),
    };
    Ok(outbox::append(conn, &[facts::dispute(fact, &after, &invoice, now)]).await?)
}

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    id: Uuid,
    payment_id: Uuid,
    invoice_id: Uuid,
    dispute_ref: String,
    amount: i64,
    currency: String,
    reason: String,
    standing: StandingColumn,
    version: i64,
    opened_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<Row> for Dispute {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let currency = row.currency.parse().map_err(corrupt)?;
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: DisputeId::from_uuid(row.id),
            payment: PaymentId::from_uuid(row.payment_id),
            invoice: InvoiceId::from_uuid(row.invoice_id),
            dispute_ref: row.dispute_ref,
            amount: Money::new(row.amount, currency).map_err(corrupt)?,
            reason: row.reason,
            standing: row.standing.into(),
            version: row.version,
            opened_at: row.opened_at,
            updated_at: row.updated_at,
        })
    }
}

async fn put(conn: &mut PgConnection, dispute: &Dispute) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into dispute (workspace_id, id, payment_id, invoice_id, dispute_ref, amount, currency, reason, standing,
           version, opened_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict (workspace_id, id) do update set standing = excluded.standing, version = excluded.version,
           updated_at = excluded.updated_at",
    )
    .bind(dispute.workspace.uuid())
    .bind(dispute.id.uuid())
    .bind(dispute.payment.uuid())
    .bind(dispute.invoice.uuid())
    .bind(&dispute.dispute_ref)
    .bind(dispute.amount.minor())
    .bind(dispute.amount.currency().code())
    .bind(&dispute.reason)
    .bind(StandingColumn::from(dispute.standing))
    .bind(dispute.version)
    .bind(dispute.opened_at)
    .bind(dispute.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

async fn find_for_update(
    conn: &mut PgConnection,
    payment: &Payment,
    dispute_ref: &str,
) -> Result<Option<Dispute>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "select * from dispute where workspace_id = $1 and payment_id = $2 and dispute_ref = $3 for update",
    )
    .bind(payment.site.workspace.uuid())
    .bind(payment.id.uuid())
    .bind(dispute_ref)
    .fetch_optional(conn)
    .await?;
    row.map(Dispute::try_from).transpose()
}

/// All disputes of a payment.
pub(crate) async fn list_of_payment(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    payment: PaymentId,
) -> Result<Vec<Dispute>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as("select * from dispute where workspace_id = $1 and payment_id = $2")
        .bind(workspace.uuid())
        .bind(payment.uuid())
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(Dispute::try_from).collect()
}

/// Whether a bank has money of a payment, or decides about it.
pub(crate) async fn has_money(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    payment: PaymentId,
) -> Result<bool, sqlx::Error> {
    let disputes = list_of_payment(conn, workspace, payment).await?;
    Ok(disputes.iter().any(|dispute| matches!(dispute.standing, Standing::Open | Standing::Lost)))
}

/// A page of disputes of a workspace.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<Dispute>, sqlx::Error> {
    let rows: Vec<Row> =
        sqlx::query_as("select * from dispute where workspace_id = $1 and id > $2 order by id limit $3")
            .bind(workspace.uuid())
            .bind(page.after)
            .bind(page.limit)
            .fetch_all(conn)
            .await?;
    rows.into_iter().map(Dispute::try_from).collect()
}
