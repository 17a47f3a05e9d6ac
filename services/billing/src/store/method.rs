//! Rows of payment methods.

use chassis::paging::Page;
use chrono::NaiveDate;
use domain::{CustomerId, PaymentMethodId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::credentials::Site;
use crate::model::{Method, MethodState};
use crate::vendor::MethodKind;

#[derive(sqlx::FromRow)]
pub(super) struct MethodRow {
    workspace_id: Uuid,
    id: Uuid,
    customer_id: Uuid,
    site_id: Uuid,
    kind: MethodKind,
    state: MethodState,
    setup_ref: String,
    deposits_page: String,
    method_ref: Option<String>,
    brand: String,
    last4: String,
    expires_on: Option<NaiveDate>,
    blocked_reason: String,
    is_default: bool,
    expiry_due_at: Option<Timestamp>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<MethodRow> for Method {
    fn from(row: MethodRow) -> Self {
        Self {
            site: Site::of_id(WorkspaceId::from_uuid(row.workspace_id), row.site_id),
            id: PaymentMethodId::from_uuid(row.id),
            customer: CustomerId::from_uuid(row.customer_id),
            kind: row.kind,
            state: row.state,
            setup_ref: row.setup_ref,
            deposits_page: row.deposits_page,
            method_ref: row.method_ref,
            brand: row.brand,
            last4: row.last4,
            expires_on: row.expires_on,
            blocked_reason: row.blocked_reason,
            is_default: row.is_default,
            expiry_due_at: row.expiry_due_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

pub(crate) async fn insert(conn: &mut PgConnection, new: &Method) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into payment_method (workspace_id, id, customer_id, site_id, kind, state, setup_ref, version,
           created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(new.site.workspace.uuid())
    .bind(new.id.uuid())
    .bind(new.customer.uuid())
    .bind(new.site.id())
    .bind(new.kind)
    .bind(new.state)
    .bind(&new.setup_ref)
    .bind(new.version)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes what may change of a locked method.
pub(crate) async fn update(conn: &mut PgConnection, after: &Method) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update payment_method
            set state = $3, deposits_page = $4, method_ref = $5, brand = $6, last4 = $7, expires_on = $8,
                blocked_reason = $9, is_default = $10, expiry_due_at = $11, version = $12, updated_at = $13
          where workspace_id = $1 and id = $2",
    )
    .bind(after.site.workspace.uuid())
    .bind(after.id.uuid())
    .bind(after.state)
    .bind(&after.deposits_page)
    .bind(&after.method_ref)
    .bind(&after.brand)
    .bind(&after.last4)
    .bind(after.expires_on)
    .bind(&after.blocked_reason)
    .bind(after.is_default)
    .bind(after.expiry_due_at)
    .bind(after.version)
    .bind(after.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PaymentMethodId,
) -> Result<Option<Method>, sqlx::Error> {
    let row: Option<MethodRow> =
        sqlx::query_as("select * from payment_method where workspace_id = $1 and id = $2")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(Method::from))
}

/// A customer's methods at a site that can be charged, locked: all changes of which one is charged wait for each other.
pub(crate) async fn list_saved_for_update(
    conn: &mut PgConnection,
    site: Site,
    customer: CustomerId,
) -> Result<Vec<Method>, sqlx::Error> {
    let rows: Vec<MethodRow> = sqlx::query_as(
        "select * from payment_method
          where workspace_id = $1 and customer_id = $2 and site_id = $3 and state = 'saved' order by id for update",
    )
    .bind(site.workspace.uuid())
    .bind(customer.uuid())
    .bind(site.id())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Method::from).collect())
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PaymentMethodId,
) -> Result<Option<Method>, sqlx::Error> {
    let row: Option<MethodRow> =
        sqlx::query_as("select * from payment_method where workspace_id = $1 and id = $2 for update")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(Method::from))
}

/// A customer's methods, at all accounts, without those that are over.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    customer: CustomerId,
    page: &Page,
) -> Result<Vec<Method>, sqlx::Error> {
    let rows: Vec<MethodRow> = sqlx::query_as(
        "select * from payment_method
          where workspace_id = $1 and customer_id = $2 and id > $3 and state not in ('cancelled', 'removed')
          order by id limit $4",
    )
    .bind(workspace.uuid())
    .bind(customer.uuid())
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Method::from).collect())
}

/// Methods of all workspaces of which it is to be told that they expire, locked.
pub(crate) async fn claim_expiring(
    conn: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Method>, sqlx::Error> {
    let rows: Vec<MethodRow> = sqlx::query_as(
        "select * from payment_method where expiry_due_at <= $1
          order by expiry_due_at limit $2 for update skip locked",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Method::from).collect())
}

/// Takes down that a method was taken away from its holder at Stripe, if it is one of ours.
pub(crate) async fn remove_by_ref(
    conn: &mut PgConnection,
    site: Site,
    method_ref: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let row: Option<MethodRow> = sqlx::query_as(
        "select * from payment_method where workspace_id = $1 and site_id = $2 and method_ref = $3 for update",
    )
    .bind(site.workspace.uuid())
    .bind(site.id())
    .bind(method_ref)
    .fetch_optional(&mut *conn)
    .await?;
    match row {
        Some(row) => update(conn, &Method::from(row).removed(now)).await,
        None => Ok(()),
    }
}
