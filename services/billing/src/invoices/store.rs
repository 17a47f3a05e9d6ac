//! Rows of invoices.

use std::collections::HashMap;

use billing_core::Discount;
use billing_core::invoice::Stage;
use billing_core::ledger::Till;
use chassis::paging::Page;
use domain::{Currency, CustomerId, InvoiceId, LocationId, Money, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::record::{CreditNote, Invoice, LineSubject};
use super::row::{InvoiceRow, LineRow, subject_columns};
use crate::settings::Seller;
use crate::stored::{TaxColumns, corrupt, percent_column};

/// Reads invoices, and whose they are.
macro_rules! select {
    () => {
        "select invoice.*, customer.person_id, customer.team_id from invoice join customer
           on customer.workspace_id = invoice.workspace_id and customer.id = invoice.customer_id"
    };
}

/// Adds an invoice with its lines.
pub(super) async fn insert(conn: &mut PgConnection, new: &Invoice) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into invoice (workspace_id, id, customer_id, location_id, time_zone, currency, stage, due_on,
           subtotal, tax, total, bill_to_name, bill_to_email, bill_to_address, bill_to_tax_id, memo, version,
           created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, 'draft', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(new.customer.uuid())
    .bind(new.location.map(LocationId::uuid))
    .bind(new.time_zone.name())
    .bind(new.currency().code())
    .bind(new.due_on)
    .bind(new.bill.subtotal().minor())
    .bind(new.bill.tax().minor())
    .bind(new.bill.total().minor())
    .bind(&new.bill_to.display_name)
    .bind(&new.bill_to.email)
    .bind(&new.bill_to.address_lines)
    .bind(&new.bill_to.tax_id)
    .bind(&new.memo)
    .bind(new.version)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(&mut *conn)
    .await?;
    insert_lines(conn, new).await
}

async fn insert_lines(conn: &mut PgConnection, new: &Invoice) -> Result<(), sqlx::Error> {
    let mut rows = sqlx::QueryBuilder::new(
        "insert into invoice_line (workspace_id, invoice_id, line, description, quantity, unit_price, coupon_code,
           discount_percent, discount_fixed, discount, amount, tax_name, tax_percent, tax_is_inclusive, tax,
           subject_kind, subject_id, starts_on, ends_on) ",
    );
    rows.push_values(new.billed_lines().zip(0_i16..), |mut row, ((line, billed), place)| {
        let tax = TaxColumns::from(line.tax.as_ref());
        let (code, discount) =
            line.coupon.as_ref().map_or(("", None), |(code, it)| (code.as_str(), Some(*it)));
        let (kind, subject) = subject_columns(line.subject);
        row.push_bind(new.workspace.uuid())
            .push_bind(new.id.uuid())
            .push_bind(place)
            .push_bind(&line.description)
            .push_bind(line.quantity.as_thousandths().cast_signed())
            .push_bind(line.unit_price.minor())
            .push_bind(code.to_owned())
            .push_bind(discount.and_then(Discount::as_percent).map(percent_column))
            .push_bind(discount.and_then(Discount::as_fixed).map(Money::minor))
            .push_bind(billed.discount.minor())
            .push_bind(billed.amount.minor())
            .push_bind(tax.tax_name)
            .push_bind(tax.tax_percent)
            .push_bind(tax.tax_is_inclusive)
            .push_bind(billed.tax.minor())
            .push_bind(kind)
            .push_bind(subject)
            .push_bind(line.period.map(|period| period.starts_on))
            .push_bind(line.period.map(|period| period.ends_on));
    });
    rows.build().execute(conn).await?;
    Ok(())
}

/// Replaces what a draft says. The row must be locked.
pub(super) async fn rewrite(conn: &mut PgConnection, draft: &Invoice) -> Result<(), sqlx::Error> {
    sqlx::query("delete from invoice_line where workspace_id = $1 and invoice_id = $2")
        .bind(draft.workspace.uuid())
        .bind(draft.id.uuid())
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "update invoice set due_on = $3, subtotal = $4, tax = $5, total = $6, bill_to_name = $7,
           bill_to_email = $8, bill_to_address = $9, bill_to_tax_id = $10, memo = $11, version = $12,
           updated_at = $13
          where workspace_id = $1 and id = $2",
    )
    .bind(draft.workspace.uuid())
    .bind(draft.id.uuid())
    .bind(draft.due_on)
    .bind(draft.bill.subtotal().minor())
    .bind(draft.bill.tax().minor())
    .bind(draft.bill.total().minor())
    .bind(&draft.bill_to.display_name)
    .bind(&draft.bill_to.email)
    .bind(&draft.bill_to.address_lines)
    .bind(&draft.bill_to.tax_id)
    .bind(&draft.memo)
    .bind(draft.version)
    .bind(draft.updated_at)
    .execute(&mut *conn)
    .await?;
    insert_lines(conn, draft).await
}

/// Writes an invoice's life over the version before it, and what it got when it went out. The row must be locked.
pub(super) async fn update(
    conn: &mut PgConnection,
    invoice: &Invoice,
    look_at: Option<Timestamp>,
) -> Result<(), sqlx::Error> {
    let (stage, due_on, is_overdue) = match invoice.life.stage() {
        Stage::Draft => ("draft", invoice.due_on, false),
        // What is paid is late no more.
        Stage::Out { due_on, is_overdue } => {
            ("out", Some(due_on), is_overdue && invoice.life.owed().is_positive())
        }
        Stage::Void => ("void", invoice.due_on, false),
        Stage::GivenUp { due_on } => ("given_up", Some(due_on), false),
    };
    let (issue, none) = (invoice.issue.as_ref(), Seller::default());
    let seller = issue.map_or(&none, |issue| &issue.seller);
    sqlx::query(
        "update invoice set stage = $3, due_on = $4, is_overdue = $5, credited = $6, paid = $7, number = $8,
           number_text = $9, issued_on = $10, seller_name = $11, seller_address = $12, seller_tax_id = $13,
           seller_footer = $14, look_at = $15, version = $16, updated_at = $17
          where workspace_id = $1 and id = $2",
    )
    .bind(invoice.workspace.uuid())
    .bind(invoice.id.uuid())
    .bind(stage)
    .bind(due_on)
    .bind(is_overdue)
    .bind(invoice.life.credited().minor())
    .bind(invoice.life.paid().minor())
    .bind(issue.map(|issue| issue.number))
    .bind(issue.map(|issue| &issue.number_text))
    .bind(issue.map(|issue| issue.issued_on))
    .bind(&seller.legal_name)
    .bind(&seller.address_lines)
    .bind(&seller.tax_id)
    .bind(&seller.footer)
    .bind(look_at)
    .bind(invoice.version)
    .bind(invoice.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes what of its payments was given back or is disputed.
pub(super) async fn mark(conn: &mut PgConnection, invoice: Invoice) -> Result<Invoice, sqlx::Error> {
    sqlx::query(
        "update invoice set refunded = $3, dispute = $4, version = $5, updated_at = $6
          where workspace_id = $1 and id = $2",
    )
    .bind(invoice.workspace.uuid())
    .bind(invoice.id.uuid())
    .bind(invoice.refunded.minor())
    .bind(invoice.dispute)
    .bind(invoice.version)
    .bind(invoice.updated_at)
    .execute(conn)
    .await?;
    Ok(invoice)
}

/// An invoice.
pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
) -> Result<Option<Invoice>, sqlx::Error> {
    let query = concat!(select!(), " where invoice.workspace_id = $1 and invoice.id = $2");
    read_one(conn, query, workspace, id).await
}

/// An invoice, locked until the end of the transaction.
pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
) -> Result<Option<Invoice>, sqlx::Error> {
    let query =
        concat!(select!(), " where invoice.workspace_id = $1 and invoice.id = $2 for update of invoice");
    read_one(conn, query, workspace, id).await
}

async fn read_one(
    conn: &mut PgConnection,
    query: &'static str,
    workspace: WorkspaceId,
    id: InvoiceId,
) -> Result<Option<Invoice>, sqlx::Error> {
    let rows: Vec<InvoiceRow> =
        sqlx::query_as(query).bind(workspace.uuid()).bind(id.uuid()).fetch_all(&mut *conn).await?;
    Ok(with_lines(conn, workspace, rows).await?.pop())
}

/// Locks an invoice until the end of the transaction.
pub(crate) async fn lock(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
) -> Result<(), sqlx::Error> {
    sqlx::query("select from invoice where workspace_id = $1 and id = $2 for update")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .execute(conn)
        .await?;
    Ok(())
}

/// A page of invoices, of one customer or of all.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    customer: Option<CustomerId>,
    page: &Page,
) -> Result<Vec<Invoice>, sqlx::Error> {
    let query = match customer {
        Some(_) => concat!(
            select!(),
            " where invoice.workspace_id = $1 and invoice.customer_id = $4 and invoice.id > $2
              order by invoice.id limit $3"
        ),
        None => concat!(
            select!(),
            " where invoice.workspace_id = $1 and $4::uuid is null and invoice.id > $2
              order by invoice.id limit $3"
        ),
    };
    let rows: Vec<InvoiceRow> = sqlx::query_as(query)
        .bind(workspace.uuid())
        .bind(page.after)
        .bind(page.limit)
        .bind(customer.map(CustomerId::uuid))
        .fetch_all(&mut *conn)
        .await?;
    with_lines(conn, workspace, rows).await
}

/// Invoices that something was billed on, oldest first.
pub(crate) async fn of_subject(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    subject: LineSubject,
) -> Result<Vec<InvoiceId>, sqlx::Error> {
    let (kind, id) = subject_columns(Some(subject));
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select distinct invoice_id from invoice_line
          where workspace_id = $1 and subject_kind = $2 and subject_id = $3 order by invoice_id",
    )
    .bind(workspace.uuid())
    .bind(kind)
    .bind(id)
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(InvoiceId::from_uuid).collect())
}

/// Whether money is left that was paid for something, on any invoice.
pub(crate) async fn has_paid(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    subject: LineSubject,
) -> Result<bool, sqlx::Error> {
    let (kind, id) = subject_columns(Some(subject));
    sqlx::query_scalar(
        "select exists (
           select from invoice_line line join invoice
             on invoice.workspace_id = line.workspace_id and invoice.id = line.invoice_id
            where line.workspace_id = $1 and line.subject_kind = $2 and line.subject_id = $3 and invoice.paid > 0)",
    )
    .bind(workspace.uuid())
    .bind(kind)
    .bind(id)
    .fetch_one(conn)
    .await
}

/// Whether something stands on an invoice that is not void.
pub(crate) async fn is_billed(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    subject: LineSubject,
) -> Result<bool, sqlx::Error> {
    let (kind, id) = subject_columns(Some(subject));
    sqlx::query_scalar(
        "select exists (
           select from invoice_line line join invoice on invoice.workspace_id = line.workspace_id
             and invoice.id = line.invoice_id
            where line.workspace_id = $1 and line.subject_kind = $2 and line.subject_id = $3
              and invoice.stage <> 'void')",
    )
    .bind(workspace.uuid())
    .bind(kind)
    .bind(id)
    .fetch_one(conn)
    .await
}

/// An invoice that can't be looked at waits, so that others don't.
pub(crate) async fn postpone(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    look_at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query("update invoice set look_at = $3 where workspace_id = $1 and id = $2")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .bind(look_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Locks an invoice of any workspace that is to be looked at by now; each replica another one.
pub(crate) async fn claim_due(
    conn: &mut PgConnection,
    now: Timestamp,
) -> Result<Option<Invoice>, sqlx::Error> {
    let rows: Vec<InvoiceRow> = sqlx::query_as(concat!(
        select!(),
        " where look_at <= $1 order by look_at limit 1 for update of invoice skip locked"
    ))
    .bind(now)
    .fetch_all(&mut *conn)
    .await?;
    let Some(workspace) = rows.first().map(|row| WorkspaceId::from_uuid(row.workspace_id)) else {
        return Ok(None);
    };
    Ok(with_lines(conn, workspace, rows).await?.pop())
}

/// Whether a customer has an invoice that is overdue.
pub(crate) async fn is_behind(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    customer: CustomerId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from invoice where workspace_id = $1 and customer_id = $2 and is_overdue)",
    )
    .bind(workspace.uuid())
    .bind(customer.uuid())
    .fetch_one(conn)
    .await
}

/// Whether a workspace has any invoice.
pub(crate) async fn is_any(conn: &mut PgConnection, workspace: WorkspaceId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from invoice where workspace_id = $1)")
        .bind(workspace.uuid())
        .fetch_one(conn)
        .await
}

/// Adds money that came beside Stripe.
pub(crate) async fn insert_manual_payment(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    invoice: InvoiceId,
    id: Uuid,
    amount: Money,
    till: Till,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let method = match till {
        Till::Cash => "cash",
        Till::Bank => "bank",
        Till::Stripe => return Err(corrupt("what comes by Stripe is no payment by hand")),
    };
    sqlx::query(
        "insert into manual_payment (workspace_id, id, invoice_id, amount, method, created_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(workspace.uuid())
    .bind(id)
    .bind(invoice.uuid())
    .bind(amount.minor())
    .bind(method)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes a draft; whether there was one.
pub(crate) async fn delete_draft(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query("delete from invoice where workspace_id = $1 and id = $2 and stage = 'draft'")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .execute(conn)
        .await?;
    Ok(deleted.rows_affected() > 0)
}

/// Adds a credit note.
pub(super) async fn insert_credit_note(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    note: &CreditNote,
    subject: Option<LineSubject>,
) -> Result<(), sqlx::Error> {
    let (kind, subject) = subject_columns(subject);
    sqlx::query(
        "insert into credit_note (workspace_id, id, invoice_id, amount, tax, reason, number, number_text,
           issued_on, created_at, subject_kind, subject_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(workspace.uuid())
    .bind(note.id.uuid())
    .bind(note.invoice.uuid())
    .bind(note.amount.minor())
    .bind(note.tax.minor())
    .bind(&note.reason)
    .bind(note.number)
    .bind(&note.number_text)
    .bind(note.issued_on)
    .bind(note.created_at)
    .bind(kind)
    .bind(subject)
    .execute(conn)
    .await?;
    Ok(())
}

/// How much credit notes took off an invoice for one of the things that it is for.
pub(crate) async fn credited_for(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    invoice: InvoiceId,
    subject: LineSubject,
    currency: Currency,
) -> Result<Money, sqlx::Error> {
    let (kind, id) = subject_columns(Some(subject));
    let amount: i64 = sqlx::query_scalar(
        "select coalesce(sum(amount), 0)::bigint from credit_note
          where workspace_id = $1 and invoice_id = $2 and subject_kind = $3 and subject_id = $4",
    )
    .bind(workspace.uuid())
    .bind(invoice.uuid())
    .bind(kind)
    .bind(id)
    .fetch_one(conn)
    .await?;
    Money::new(amount, currency).map_err(corrupt)
}

/// How much tax credit notes took off an invoice so far.
pub(super) async fn credited_tax(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    invoice: InvoiceId,
    currency: Currency,
) -> Result<Money, sqlx::Error> {
    let tax: i64 = sqlx::query_scalar(
        "select coalesce(sum(tax), 0)::bigint from credit_note where workspace_id = $1 and invoice_id = $2",
    )
    .bind(workspace.uuid())
    .bind(invoice.uuid())
    .fetch_one(conn)
    .await?;
    Money::new(tax, currency).map_err(corrupt)
}

async fn with_lines(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    rows: Vec<InvoiceRow>,
) -> Result<Vec<Invoice>, sqlx::Error> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let lines: Vec<LineRow> = sqlx::query_as(
        "select * from invoice_line where workspace_id = $1 and invoice_id = any($2)
          order by invoice_id, line",
    )
    .bind(workspace.uuid())
    .bind(&ids)
    .fetch_all(conn)
    .await?;
    let mut by_invoice: HashMap<Uuid, Vec<LineRow>> = HashMap::new();
    for line in lines {
        by_invoice.entry(line.invoice_id).or_default().push(line);
    }
    let with_its_lines = |row: InvoiceRow| {
        let currency = row.currency.parse().map_err(corrupt)?;
        let lines = by_invoice.remove(&row.id).unwrap_or_default();
        let lines = lines.into_iter().map(|line| line.line(currency)).collect::<Result<_, _>>()?;
        row.invoice(lines)
    };
    rows.into_iter().map(with_its_lines).collect()
}
