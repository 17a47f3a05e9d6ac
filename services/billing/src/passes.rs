//! Passes of products that have a price are billed when they are issued.

use billing_core::Quantity;
use billing_core::cycle::local_day;
use chrono_tz::Tz;
use domain::{LocationId, PassId, PassProductId, Timestamp, WorkspaceId};
use sqlx::PgConnection;

use crate::invoices::{self, Draft, InvoiceError, Line, LineSubject, Place, store};
use crate::payers::{self, Payer};
use crate::prices::{self, Subject};
use crate::{bookings, settings};

/// A pass as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    pub workspace: WorkspaceId,
    pub id: PassId,
    pub product: PassProductId,
    pub product_name: String,
    pub payer: Payer,
    pub location: LocationId,
    pub time_zone: Tz,
    pub is_cancelled: bool,
    pub created_at: Timestamp,
}

/// Bills a pass, or gives back what became of one that was taken back.
pub(crate) async fn bill(conn: &mut PgConnection, pass: &Pass, now: Timestamp) -> Result<(), InvoiceError> {
    let workspace = pass.workspace;
    let Some(settings) = settings::find(conn, workspace).await? else { return Ok(()) };
    let subject = LineSubject::Pass(pass.id);
    if pass.is_cancelled {
        note_cancelled(conn, pass).await?;
        return bookings::call_off(conn, workspace, subject, settings.cancellation, now).await;
    }
    let subject_of_price = Subject::PassProduct(pass.product);
    let price = prices::find_as_of(conn, workspace, subject_of_price, pass.created_at).await?;
    let Some(price) = price else { return Ok(()) };
    let is_billed = !store::of_subject(conn, workspace, subject).await?.is_empty();
    if is_billed || is_cancelled(conn, pass).await? {
        return Ok(());
    }
    let customer = payers::known(conn, workspace, &pass.payer, now).await?;
    let line = Line {
        description: pass.product_name.clone(),
        quantity: Quantity::ONE,
        unit_price: price.amount,
        coupon: None,
        tax: price.tax,
        subject: Some(subject),
        period: None,
    };
    let place = Place {
        workspace,
        holder: pass.payer.holder,
        location: Some(pass.location),
        time_zone: pass.time_zone,
    };
    let draft = Draft {
        bill_to: payers::bill_to(conn, workspace, customer).await?,
        lines: vec![line],
        due_on: Some(local_day(pass.time_zone, now)),
        memo: String::new(),
    };
    invoices::raise(conn, place, draft, true, now).await?;
    Ok(())
}

/// That it was issued may be heard later.
async fn note_cancelled(conn: &mut PgConnection, pass: &Pass) -> Result<(), sqlx::Error> {
    sqlx::query("insert into cancelled_pass (workspace_id, pass_id) values ($1, $2) on conflict do nothing")
        .bind(pass.workspace.uuid())
        .bind(pass.id.uuid())
        .execute(conn)
        .await?;
    Ok(())
}

async fn is_cancelled(conn: &mut PgConnection, pass: &Pass) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from cancelled_pass where workspace_id = $1 and pass_id = $2)")
        .bind(pass.workspace.uuid())
        .bind(pass.id.uuid())
        .fetch_one(conn)
        .await
}
