//! Whom invoices are addressed to, as the workspace tells it.

use domain::{CustomerId, Timestamp, WorkspaceId};
use sqlx::PgConnection;

use crate::customers::{self, Holder};
use crate::invoices::BillTo;

/// Someone who pays, as the workspace tells of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payer {
    pub holder: Holder,
    pub display_name: String,
    pub email: String,
}

/// The customer that someone is, and what they are called by now.
pub(crate) async fn known(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    payer: &Payer,
    now: Timestamp,
) -> Result<CustomerId, sqlx::Error> {
    let customer = customers::of(conn, workspace, payer.holder, now).await?;
    sqlx::query(
        "insert into payer (workspace_id, customer_id, display_name, email) values ($1, $2, $3, $4)
         on conflict (workspace_id, customer_id)
         do update set display_name = excluded.display_name, email = excluded.email",
    )
    .bind(workspace.uuid())
    .bind(customer.uuid())
    .bind(&payer.display_name)
    .bind(&payer.email)
    .execute(conn)
    .await?;
    Ok(customer)
}

/// Whom a customer's invoices are addressed to.
pub(crate) async fn bill_to(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    customer: CustomerId,
) -> Result<BillTo, sqlx::Error> {
    let found: Option<(String, String)> =
        sqlx::query_as("select display_name, email from payer where workspace_id = $1 and customer_id = $2")
            .bind(workspace.uuid())
            .bind(customer.uuid())
            .fetch_optional(conn)
            .await?;
    let (display_name, email) = found.unwrap_or_default();
    Ok(BillTo { display_name, email, ..BillTo::default() })
}
