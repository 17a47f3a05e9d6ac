//! Drafts: begun, and rewritten as long as nobody owes them.

use billing_core::BillError;
use billing_core::invoice::{Invoice as Life, Refusal, State};
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::{Currency, InvoiceId, LocationId, Money, Timestamp, WorkspaceId};
use sqlx::PgConnection;

use super::life::{InvoiceError, charge, finalise, find_for_update};
use super::record::{BillTo, Invoice, Line, bill};
use super::store;
use crate::customers::{self, Holder};

/// What an invoice is to say.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Whom it is addressed to.
    pub bill_to: BillTo,
    /// What for.
    pub lines: Vec<Line>,
    /// The last day on which it can be paid in time; `None`: by the settings.
    pub due_on: Option<NaiveDate>,
    /// What else stands on it.
    pub memo: String,
}

/// Who owes it, and where.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Whose business that is.
    pub workspace: WorkspaceId,
    /// Who pays.
    pub holder: Holder,
    /// Whose account the money goes to; `None`: the workspace's.
    pub location: Option<LocationId>,
    /// Whose day counts.
    pub time_zone: Tz,
}

fn refused((line, error): (Option<usize>, BillError)) -> InvoiceError {
    InvoiceError::Bill { line, error }
}

/// Begins an invoice.
pub async fn create(
    conn: &mut PgConnection,
    place: Place,
    currency: Currency,
    draft: Draft,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let invoice = Invoice {
        workspace: place.workspace,
        id: InvoiceId::new(),
        customer: customers::of(conn, place.workspace, place.holder, now).await?,
        holder: place.holder,
        location: place.location,
        time_zone: place.time_zone,
        life: Life::draft(currency),
        due_on: draft.due_on,
        bill_to: draft.bill_to,
        memo: draft.memo,
        bill: bill(currency, &draft.lines).map_err(refused)?,
        lines: draft.lines,
        issue: None,
        refunded: Money::zero(currency),
        dispute: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    store::insert(conn, &invoice).await?;
    Ok(invoice)
}

/// Begins an invoice and sends it out. It is charged by its payer's saved method, if it is to be paid `at_once` or the
/// workspace charges without being asked.
pub async fn raise(
    conn: &mut PgConnection,
    place: Place,
    draft: Draft,
    at_once: bool,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let currency = draft.lines.first().map(|line| line.unit_price.currency());
    let currency = currency.ok_or(InvoiceError::Bill { line: None, error: BillError::NoLines })?;
    let invoice = create(conn, place, currency, draft, now).await?;
    send_out(conn, place.workspace, invoice.id, at_once, now).await
}

/// Sends a draft out, and has it charged like one that is [raised](raise).
pub async fn send_out(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    at_once: bool,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let was_out = find_for_update(conn, workspace, id).await?.issue.is_some();
    let invoice = finalise(conn, workspace, id, now).await?;
    if !was_out {
        charge(conn, &invoice, at_once, now).await?;
    }
    Ok(invoice)
}

/// Replaces what a draft says.
pub async fn rewrite(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    draft: Draft,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let before = find_for_update(conn, workspace, id).await?;
    if before.state() != State::Draft {
        return Err(InvoiceError::Refused { id, refusal: Refusal::Finalised });
    }
    let after = Invoice {
        due_on: draft.due_on,
        bill_to: draft.bill_to,
        memo: draft.memo,
        bill: bill(before.currency(), &draft.lines).map_err(refused)?,
        lines: draft.lines,
        version: before.version + 1,
        updated_at: now,
        ..before
    };
    store::rewrite(conn, &after).await?;
    Ok(after)
}
