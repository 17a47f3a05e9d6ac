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
}

/// Bills a pass, or gives back what became of one that was taken back.
pub(crate) async fn bill(conn: &mut PgConnection, pass: &Pass, now: Timestamp) -> Result<(), InvoiceError> {
    let workspace = pass.workspace;
    let Some(settings) = settings::find(conn, workspace).await? else { return Ok(()) };
    let subject = LineSubject::Pass(pass.id);
    if pass.is_cancelled {
        return bookings::call_off(conn, workspace, subject, settings.cancellation, now).await;
    }
    let price = prices::find(conn, workspace, Subject::PassProduct(pass.product)).await?;
    let Some(price) = price.filter(|price| !price.amount.is_zero()) else { return Ok(()) };
    if !store::of_subject(conn, workspace, subject).await?.is_empty() {
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
