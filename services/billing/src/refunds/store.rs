//! Rows of refunds.

use billing_core::refund::Refund as Life;
use chassis::paging::Page;
use domain::{
    CreditNoteId, Currency, CustomerId, InvoiceId, Money, PaymentId, RefundId, Timestamp, WorkspaceId,
};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Refund, state_name};
use crate::books::BooksError;
use crate::stored::corrupt;

#[derive(sqlx::FromRow)]
struct RefundRow {
    workspace_id: Uuid,
    id: Uuid,
    payment_id: Uuid,
    customer_id: Uuid,
    invoice_id: Uuid,
    amount: i64,
    currency: String,
    reason: String,
    is_ours: bool,
    life: Json<Life>,
    refund_ref: Option<String>,
    failure_code: String,
    credit_note_id: Option<Uuid>,
    due_at: Option<Timestamp>,
    misses: i32,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<RefundRow> for Refund {
    type Error = sqlx::Error;
    fn try_from(row: RefundRow) -> Result<Self, sqlx::Error> {
        let currency = row.currency.parse().map_err(corrupt)?;
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: RefundId::from_uuid(row.id),
            payment: PaymentId::from_uuid(row.payment_id),
            customer: CustomerId::from_uuid(row.customer_id),
            invoice: InvoiceId::from_uuid(row.invoice_id),
            amount: Money::new(row.amount, currency).map_err(corrupt)?,
            reason: row.reason,
            is_ours: row.is_ours,
            life: row.life.0,
            refund_ref: row.refund_ref,
            failure_code: row.failure_code,
            credit_note: row.credit_note_id.map(CreditNoteId::from_uuid),
            due_at: row.due_at,
            misses: row.misses,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

pub(super) async fn insert(conn: &mut PgConnection, new: &Refund) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into refund (workspace_id, id, payment_id, customer_id, invoice_id, amount, currency, reason, is_ours,
           life, state, refund_ref, failure_code, due_at, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(new.payment.uuid())
    .bind(new.customer.uuid())
    .bind(new.invoice.uuid())
    .bind(new.amount.minor())
    .bind(new.amount.currency().code())
    .bind(&new.reason)
    .bind(new.is_ours)
    .bind(Json(&new.life))
    .bind(state_name(new.life.state()))
    .bind(&new.refund_ref)
    .bind(&new.failure_code)
    .bind(new.due_at)
    .bind(new.version)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes what may change of a locked refund.
pub(super) async fn update(conn: &mut PgConnection, after: &Refund) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update refund set life = $3, state = $4, refund_ref = $5, failure_code = $6, credit_note_id = $7, due_at = $8,
           misses = $9, version = $10, updated_at = $11
          where workspace_id = $1 and id = $2",
    )
    .bind(after.workspace.uuid())
    .bind(after.id.uuid())
    .bind(Json(&after.life))
    .bind(state_name(after.life.state()))
    .bind(&after.refund_ref)
    .bind(&after.failure_code)
    .bind(after.credit_note.map(CreditNoteId::uuid))
    .bind(after.due_at)
    .bind(after.misses)
    .bind(after.version)
    .bind(after.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: RefundId,
) -> Result<Option<Refund>, sqlx::Error> {
    let row: Option<RefundRow> = sqlx::query_as("select * from refund where workspace_id = $1 and id = $2")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .fetch_optional(conn)
        .await?;
    row.map(Refund::try_from).transpose()
}

pub(super) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: RefundId,
) -> Result<Option<Refund>, sqlx::Error> {
    let row: Option<RefundRow> =
        sqlx::query_as("select * from refund where workspace_id = $1 and id = $2 for update")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(Refund::try_from).transpose()
}

/// A page of refunds of a workspace.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<Refund>, sqlx::Error> {
    let rows: Vec<RefundRow> =
        sqlx::query_as("select * from refund where workspace_id = $1 and id > $2 order by id limit $3")
            .bind(workspace.uuid())
            .bind(page.after)
            .bind(page.limit)
            .fetch_all(conn)
            .await?;
    rows.into_iter().map(Refund::try_from).collect()
}

/// All refunds of a payment, oldest first.
pub(crate) async fn list_of_payment(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    payment: PaymentId,
) -> Result<Vec<Refund>, sqlx::Error> {
    let rows: Vec<RefundRow> =
        sqlx::query_as("select * from refund where workspace_id = $1 and payment_id = $2 order by id")
            .bind(workspace.uuid())
            .bind(payment.uuid())
            .fetch_all(conn)
            .await?;
    rows.into_iter().map(Refund::try_from).collect()
}

/// What is asked for of a customer's payments, and Stripe has not taken yet.
pub(crate) async fn asked_of_customer(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    customer: CustomerId,
    currency: Currency,
) -> Result<Money, BooksError> {
    let sum: i64 = sqlx::query_scalar(
        "select coalesce(sum(amount), 0)::bigint from refund
          where workspace_id = $1 and customer_id = $2 and currency = $3
            and state in ('asking', 'refused', 'looking')",
    )
    .bind(workspace.uuid())
    .bind(customer.uuid())
    .bind(currency.code())
    .fetch_one(conn)
    .await?;
    Ok(Money::new(sum, currency)?)
}

/// The refund of any workspace that is due longest, locked with its customer, about whom nobody calls.
pub(super) async fn claim_due(
    conn: &mut PgConnection,
    now: Timestamp,
) -> Result<Option<Refund>, sqlx::Error> {
    let row: Option<RefundRow> = sqlx::query_as(
        "select refund.* from refund
           join customer on customer.workspace_id = refund.workspace_id and customer.id = refund.customer_id
          where refund.due_at <= $1 and (customer.busy_until is null or customer.busy_until <= $1)
          order by refund.due_at limit 1 for update skip locked",
    )
    .bind(now)
    .fetch_optional(conn)
    .await?;
    row.map(Refund::try_from).transpose()
}
