//! Which payment methods are to be read anew at Stripe.

use domain::Timestamp;
use sqlx::PgConnection;

use super::method::MethodRow;
use crate::credentials::Site;
use crate::model::Method;

/// Has the method of a setup read, if it is one of ours that is not over.
pub(crate) async fn at_setup(
    conn: &mut PgConnection,
    site: Site,
    setup_ref: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update payment_method set look_due_at = $4
          where workspace_id = $1 and site_id = $2 and setup_ref = $3 and state not in ('cancelled', 'removed')",
    )
    .bind(site.workspace.uuid())
    .bind(site.id())
    .bind(setup_ref)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has a method read, if it is one of ours that is not over.
pub(crate) async fn at_method(
    conn: &mut PgConnection,
    site: Site,
    method_ref: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update payment_method set look_due_at = $4
          where workspace_id = $1 and site_id = $2 and method_ref = $3 and state not in ('cancelled', 'removed')",
    )
    .bind(site.workspace.uuid())
    .bind(site.id())
    .bind(method_ref)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// The method of any workspace that is due longest. It is due again then, should it not be read.
pub(crate) async fn claim(
    conn: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Method>, sqlx::Error> {
    let row: Option<MethodRow> = sqlx::query_as(
        "update payment_method set look_due_at = $2
          where (workspace_id, id) = (
            select workspace_id, id from payment_method where look_due_at <= $1
             order by look_due_at limit 1 for update skip locked)
         returning *",
    )
    .bind(now)
    .bind(until)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Method::from))
}

/// It was read. What was heard meanwhile has it read once more.
pub(crate) async fn done(
    conn: &mut PgConnection,
    method: &Method,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update payment_method set look_due_at = null
          where workspace_id = $1 and id = $2 and look_due_at = $3",
    )
    .bind(method.site.workspace.uuid())
    .bind(method.id.uuid())
    .bind(until)
    .execute(conn)
    .await?;
    Ok(())
}
