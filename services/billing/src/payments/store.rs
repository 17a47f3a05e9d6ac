//! Rows of payments and of their attempts.

use billing_core::payment::Payment as Life;
use chassis::paging::Page;
use domain::{CustomerId, InvoiceId, Money, PaymentId, PaymentMethodId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Payment, state_name};
use crate::credentials::Site;
use crate::model::Method;
use crate::vendor::MethodKind;

#[derive(sqlx::FromRow)]
struct PaymentRow {
    workspace_id: Uuid,
    id: Uuid,
    customer_id: Uuid,
    invoice_id: Uuid,
    site_id: Uuid,
    amount: i64,
    currency: String,
    life: Json<Life>,
    failure_code: String,
    must_read: bool,
    due_at: Option<Timestamp>,
    misses: i32,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<PaymentRow> for Payment {
    type Error = sqlx::Error;
    fn try_from(row: PaymentRow) -> Result<Self, sqlx::Error> {
        let corrupt = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
        let currency = row.currency.parse().map_err(|error| corrupt(Box::new(error)))?;
        Ok(Self {
            site: Site::of_id(WorkspaceId::from_uuid(row.workspace_id), row.site_id),
            id: PaymentId::from_uuid(row.id),
            customer: CustomerId::from_uuid(row.customer_id),
            invoice: InvoiceId::from_uuid(row.invoice_id),
            amount: Money::new(row.amount, currency).map_err(|error| corrupt(Box::new(error)))?,
            life: row.life.0,
            failure_code: row.failure_code,
            must_read: row.must_read,
            due_at: row.due_at,
            misses: row.misses,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Stores a new payment. Whether there was no live one for the same.
pub(super) async fn insert(conn: &mut PgConnection, new: &Payment) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query(
        "insert into payment (workspace_id, id, customer_id, invoice_id, site_id, amount, currency, life, state, due_at,
           version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict do nothing",
    )
    .bind(new.site.workspace.uuid())
    .bind(new.id.uuid())
    .bind(new.customer.uuid())
    .bind(new.invoice.uuid())
    .bind(new.site.id())
    .bind(new.amount.minor())
    .bind(new.amount.currency().code())
    .bind(Json(&new.life))
    .bind(state_name(new.life.state()))
    .bind(new.due_at)
    .bind(new.version)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Writes what may change of a locked payment.
pub(crate) async fn update(conn: &mut PgConnection, after: &Payment) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update payment
            set site_id = $3, life = $4, state = $5, intent_ref = $6, failure_code = $7, must_read = $8, due_at = $9,
                misses = $10, version = $11, updated_at = $12
          where workspace_id = $1 and id = $2",
    )
    .bind(after.site.workspace.uuid())
    .bind(after.id.uuid())
    .bind(after.site.id())
    .bind(Json(&after.life))
    .bind(state_name(after.life.state()))
    .bind(after.life.intent())
    .bind(&after.failure_code)
    .bind(after.must_read)
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
    id: PaymentId,
) -> Result<Option<Payment>, sqlx::Error> {
    let row: Option<PaymentRow> = sqlx::query_as("select * from payment where workspace_id = $1 and id = $2")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .fetch_optional(conn)
        .await?;
    row.map(Payment::try_from).transpose()
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PaymentId,
) -> Result<Option<Payment>, sqlx::Error> {
    let row: Option<PaymentRow> =
        sqlx::query_as("select * from payment where workspace_id = $1 and id = $2 for update")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(Payment::try_from).transpose()
}

/// The payment that may still bring money for an invoice, locked.
pub(super) async fn find_live_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    invoice: InvoiceId,
) -> Result<Option<Payment>, sqlx::Error> {
    let row: Option<PaymentRow> = sqlx::query_as(
        "select * from payment
          where workspace_id = $1 and invoice_id = $2 and state not in ('succeeded', 'closed') for update",
    )
    .bind(workspace.uuid())
    .bind(invoice.uuid())
    .fetch_optional(conn)
    .await?;
    row.map(Payment::try_from).transpose()
}

/// Whether the payment that may still bring money for an invoice is on its way.
pub(super) async fn is_pending(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    invoice: InvoiceId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from payment where workspace_id = $1 and invoice_id = $2 and state = 'pending')",
    )
    .bind(workspace.uuid())
    .bind(invoice.uuid())
    .fetch_one(conn)
    .await
}

/// The payment of an intent at a site's account, locked.
pub(super) async fn find_by_intent_for_update(
    conn: &mut PgConnection,
    site: Site,
    intent_ref: &str,
) -> Result<Option<Payment>, sqlx::Error> {
    let row: Option<PaymentRow> = sqlx::query_as(
        "select * from payment where workspace_id = $1 and site_id = $2 and intent_ref = $3 for update",
    )
    .bind(site.workspace.uuid())
    .bind(site.id())
    .bind(intent_ref)
    .fetch_optional(conn)
    .await?;
    row.map(Payment::try_from).transpose()
}

/// Has what was given back and is disputed of a payment read at Stripe by then.
pub(crate) async fn survey_by(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PaymentId,
    by: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update payment set survey_due_at = least(survey_due_at, $3) where workspace_id = $1 and id = $2",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .bind(by)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has what was given back and is disputed of the payment of an intent read at Stripe, if it is one of ours.
pub(crate) async fn survey_intent(
    conn: &mut PgConnection,
    site: Site,
    intent_ref: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update payment set survey_due_at = $4 where workspace_id = $1 and site_id = $2 and intent_ref = $3",
    )
    .bind(site.workspace.uuid())
    .bind(site.id())
    .bind(intent_ref)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    customer: CustomerId,
    page: &Page,
) -> Result<Vec<Payment>, sqlx::Error> {
    let rows: Vec<PaymentRow> = sqlx::query_as(
        "select * from payment where workspace_id = $1 and customer_id = $2 and id > $3 order by id limit $4",
    )
    .bind(workspace.uuid())
    .bind(customer.uuid())
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Payment::try_from).collect()
}

/// The payment of any workspace that is due longest, locked with its customer, about whom nobody calls.
pub(super) async fn claim_due(
    conn: &mut PgConnection,
    now: Timestamp,
) -> Result<Option<Payment>, sqlx::Error> {
    let row: Option<PaymentRow> = sqlx::query_as(
        "select payment.* from payment
           join customer on customer.workspace_id = payment.workspace_id and customer.id = payment.customer_id
          where payment.due_at <= $1 and (customer.busy_until is null or customer.busy_until <= $1)
          order by payment.due_at limit 1 for update skip locked",
    )
    .bind(now)
    .fetch_optional(conn)
    .await?;
    row.map(Payment::try_from).transpose()
}

/// Takes down by what an attempt charges, the first time; gives Stripe's id of that every time, so that what is repeated
/// is the same call. None: there is no method to charge.
pub(super) async fn begin_attempt(
    conn: &mut PgConnection,
    payment: &Payment,
    method: Option<&Method>,
    now: Timestamp,
) -> Result<Option<String>, sqlx::Error> {
    let key = (payment.site.workspace.uuid(), payment.id.uuid(), attempt(payment));
    sqlx::query(
        "insert into charge_attempt (workspace_id, payment_id, attempt, method_id, method_ref, is_debit, begun_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
    )
    .bind(key.0)
    .bind(key.1)
    .bind(key.2)
    .bind(method.map(|method| PaymentMethodId::uuid(method.id)))
    .bind(method.and_then(|method| method.method_ref.as_deref()))
    .bind(method.is_some_and(|method| method.kind == MethodKind::UsBankAccount))
    .bind(now)
    .execute(&mut *conn)
    .await?;
    sqlx::query_scalar(
        "select method_ref from charge_attempt
          where workspace_id = $1 and payment_id = $2 and attempt = $3",
    )
    .bind(key.0)
    .bind(key.1)
    .bind(key.2)
    .fetch_one(conn)
    .await
}

/// Whether the last attempt is a debit. Those are tried again less often.
pub(super) async fn is_debit(conn: &mut PgConnection, payment: &Payment) -> Result<bool, sqlx::Error> {
    let found: Option<bool> = sqlx::query_scalar(
        "select is_debit from charge_attempt where workspace_id = $1 and payment_id = $2 and attempt = $3",
    )
    .bind(payment.site.workspace.uuid())
    .bind(payment.id.uuid())
    .bind(attempt(payment))
    .fetch_optional(conn)
    .await?;
    Ok(found.unwrap_or_default())
}

/// Takes down what became of the last attempt.
pub(super) async fn end_attempt(
    conn: &mut PgConnection,
    payment: &Payment,
    outcome: &str,
    failure_code: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update charge_attempt set outcome = $4, failure_code = $5, ended_at = $6
          where workspace_id = $1 and payment_id = $2 and attempt = $3",
    )
    .bind(payment.site.workspace.uuid())
    .bind(payment.id.uuid())
    .bind(attempt(payment))
    .bind(outcome)
    .bind(failure_code)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

fn attempt(payment: &Payment) -> i32 {
    i32::try_from(payment.life.attempts()).unwrap_or(i32::MAX)
}
