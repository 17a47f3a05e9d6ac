//! What customers are at Stripe, and whose turn it is to call about them.

use domain::{CustomerId, Timestamp, WorkspaceId};
use sqlx::PgConnection;

use crate::credentials::Site;

/// Stripe's id of a customer at the account of a site, if they are known there.
pub(crate) async fn find_ref(
    conn: &mut PgConnection,
    site: Site,
    customer: CustomerId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select customer_ref from stripe_customer where workspace_id = $1 and customer_id = $2 and site_id = $3",
    )
    .bind(site.workspace.uuid())
    .bind(customer.uuid())
    .bind(site.id())
    .fetch_optional(conn)
    .await
}

/// Notes what a customer is at the account of a site. Another id than before is another account's.
pub(crate) async fn put_ref(
    conn: &mut PgConnection,
    site: Site,
    customer: CustomerId,
    customer_ref: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into stripe_customer (workspace_id, customer_id, site_id, customer_ref, created_at)
         values ($1, $2, $3, $4, $5)
         on conflict (workspace_id, customer_id, site_id) do update set customer_ref = excluded.customer_ref",
    )
    .bind(site.workspace.uuid())
    .bind(customer.uuid())
    .bind(site.id())
    .bind(customer_ref)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes the turn at a customer until then, unless somebody has it.
pub(crate) async fn take_turn(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    customer: CustomerId,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query(
        "update customer set busy_until = $4
          where workspace_id = $1 and id = $2 and (busy_until is null or busy_until <= $3)",
    )
    .bind(workspace.uuid())
    .bind(customer.uuid())
    .bind(now)
    .bind(until)
    .execute(conn)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Gives back the turn that was taken until then. One that ran out may be another's by now.
pub(crate) async fn end_turn(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    customer: CustomerId,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update customer set busy_until = null where workspace_id = $1 and id = $2 and busy_until = $3",
    )
    .bind(workspace.uuid())
    .bind(customer.uuid())
    .bind(until)
    .execute(conn)
    .await?;
    Ok(())
}
