//! What happens to an invoice: each change with its entry in the books and its event, in the caller's transaction.

use billing_core::invoice::{Input, Outcome, Refusal, State};
use billing_core::ledger::{Account, Fact};
use billing_core::{BillError, cycle};
use domain::{CreditNoteId, InvoiceId, Money, MoneyError, Timestamp, WorkspaceId};
use events::outbox::{self, OutboxError};
use sqlx::PgConnection;
use uuid::Uuid;

use super::document_number;
use super::record::{CreditNote, Invoice, Issue, LineSubject};
use super::store;
use crate::books::{self, BooksError};
use crate::facts::{self, InvoiceFact};
use crate::payments::{self, Ask, AskError};
use crate::settings::Settings;
use crate::{arrears, bookings, customers, refunds, settings};

/// Why something can't be done with an invoice.
#[derive(Debug, thiserror::Error)]
pub enum InvoiceError {
    /// Not there, or another's.
    #[error("invoice {0} not found")]
    NotFound(InvoiceId),
    /// Its life forbids it.
    #[error("invoice {id}: {refusal}")]
    Refused {
        /// Which.
        id: InvoiceId,
        /// Why.
        refusal: Refusal,
    },
    /// Its lines can't be billed.
    #[error("{error}")]
    Bill {
        /// Which line, from 0; `None`: all together.
        line: Option<usize>,
        /// Why.
        error: BillError,
    },
    /// Nobody has said how the workspace bills.
    #[error("nobody has said how this workspace bills; use SetBillingSettings")]
    NoSettings,
    /// It can't be booked.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// An amount that nobody means.
    #[error(transparent)]
    Amount(#[from] MoneyError),
    /// An event can't be written.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Postgres refused.
    #[error("cannot read or write")]
    Store(#[from] sqlx::Error),
}

/// What is taken off an invoice.
#[derive(Debug, Clone)]
pub struct Credit {
    /// How much, with its tax.
    pub amount: Money,
    /// Why.
    pub reason: String,
    /// For which of the things that it is for; `None`: for no one.
    pub subject: Option<LineSubject>,
}

/// An invoice that is there, locked.
pub(super) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
) -> Result<Invoice, InvoiceError> {
    store::find_for_update(conn, workspace, id).await?.ok_or(InvoiceError::NotFound(id))
}

async fn settings_of(conn: &mut PgConnection, workspace: WorkspaceId) -> Result<Settings, InvoiceError> {
    settings::find(conn, workspace).await?.ok_or(InvoiceError::NoSettings)
}

/// Sends a draft out. What its payer has as credit pays for it, as far as it goes. One that is out stays as it is.
pub async fn finalise(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let before = find_for_update(conn, workspace, id).await?;
    if before.issue.is_some() {
        return Ok(before);
    }
    let settings = settings_of(conn, workspace).await?;
    let issued_on = cycle::local_day(before.time_zone, now);
    let due_on = before.due_on.unwrap_or_else(|| settings.due_on(issued_on));
    let total = before.bill.total();
    let outcome = apply(&before, Input::Finalise { total, due_on })?;
    let number = document_number::next(conn, workspace, "invoice").await?;
    let issue = Issue {
        number,
        number_text: document_number::text(&settings.number_prefix, number),
        issued_on,
        seller: settings.seller.clone(),
    };
    let draft = Invoice { issue: Some(issue), due_on: Some(due_on), ..before };
    let fact = Fact::Finalised { invoice: id, total, tax: draft.bill.tax() };
    let after = change(conn, &draft, outcome, fact, id.uuid(), now).await?;
    outbox::append(conn, &[facts::invoice(InvoiceFact::Finalised, &after)]).await?;
    if after.state() == State::Paid {
        outbox::append(conn, &[facts::invoice(InvoiceFact::Paid, &after)]).await?;
        return Ok(after);
    }
    use_credit(conn, workspace, id, now).await
}

/// Pays an invoice by its payer's credit, as far as both go.
pub async fn use_credit(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let invoice = find_for_update(conn, workspace, id).await?;
    let (customer, currency) = (invoice.customer, invoice.currency());
    let account = Account::Credit(customer);
    // Two invoices of one payer may want the same credit: the customer's row says who comes first.
    customers::lock(conn, workspace, customer).await?;
    let credit = customers::credit(conn, workspace, customer, currency).await?;
    // What is about to be given back is not used for something else.
    let credit = credit.minus(refunds::asked_of_customer(conn, workspace, customer, currency).await?)?;
    let used = credit.smaller(invoice.life.owed())?;
    if !used.is_positive() {
        return Ok(invoice);
    }
    paid(conn, workspace, id, account, used, Uuid::now_v7(), now).await
}

/// Takes money that came for an invoice, by the row `cause`, into `by`; told twice, once. What the invoice has no use
/// for becomes its payer's credit.
pub async fn paid(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    by: Account,
    amount: Money,
    cause: Uuid,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let before = find_for_update(conn, workspace, id).await?;
    let outcome = apply(&before, Input::Pay(amount))?;
    let fact = Fact::Paid { invoice: id, customer: before.customer, by, outcome };
    if !books::post(conn, workspace, fact, cause, now).await? {
        return Ok(before);
    }
    let was_paid = before.state() == State::Paid;
    let after = write_life(conn, &before, outcome, now).await?;
    // Nobody is to be charged for what was paid otherwise.
    payments::withdraw(conn, workspace, id, now).await?;
    if !was_paid && after.state() == State::Paid {
        outbox::append(conn, &[facts::invoice(InvoiceFact::Paid, &after)]).await?;
        arrears::caught_up(conn, &after, now).await?;
    }
    Ok(after)
}

/// Gives money back that had come for an invoice, by the row `cause`, out of `by`: a debit that was returned, a
/// dispute that was lost.
pub async fn taken_back(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    by: Account,
    amount: Money,
    cause: Uuid,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let before = find_for_update(conn, workspace, id).await?;
    let outcome = apply(&before, Input::TakeBack(amount))?;
    let fact = Fact::Paid { invoice: id, customer: before.customer, by, outcome };
    if !books::post(conn, workspace, fact, cause, now).await? {
        return Ok(before);
    }
    let was_paid = before.state() == State::Paid;
    let after = write_life(conn, &before, outcome, now).await?;
    if was_paid && after.state() != State::Paid {
        outbox::append(conn, &[facts::invoice(InvoiceFact::Reopened, &after)]).await?;
    }
    Ok(after)
}

/// Takes something off an invoice that is out. What was paid above the rest becomes its payer's credit. One of which
/// nothing is owed by that is settled, and not told as paid: no money came.
pub async fn credit(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    credit: Credit,
    now: Timestamp,
) -> Result<(CreditNote, Invoice), InvoiceError> {
    let before = find_for_update(conn, workspace, id).await?;
    let outcome = apply(&before, Input::Credit(credit.amount))?;
    let settled_before = store::credited_tax(conn, workspace, id, before.currency()).await?;
    // In all, notes take the same share of the tax as of the total; the last one what is left of it.
    let share = share_of_tax(&before, outcome.invoice.credited())?;
    let number = document_number::next(conn, workspace, "credit_note").await?;
    let note = CreditNote {
        id: CreditNoteId::new(),
        invoice: id,
        amount: credit.amount,
        tax: share.minus(settled_before)?,
        reason: credit.reason,
        number,
        number_text: document_number::text("CN-", number),
        issued_on: cycle::local_day(before.time_zone, now),
        created_at: now,
    };
    store::insert_credit_note(conn, workspace, &note, credit.subject).await?;
    let (customer, amount, tax) = (before.customer, note.amount, note.tax);
    let fact = Fact::Credited { invoice: id, customer, amount, tax, outcome };
    let was_paid = before.state() == State::Paid;
    let after = change(conn, &before, outcome, fact, note.id.uuid(), now).await?;
    outbox::append(conn, &[facts::credited(&after, &note)]).await?;
    // Nobody is to be charged for what is not owed any more.
    payments::withdraw(conn, workspace, id, now).await?;
    if !was_paid && after.state() == State::Paid {
        // It is settled, but no money came: nothing is to follow from that.
        arrears::caught_up(conn, &after, now).await?;
    }
    Ok((note, after))
}

fn share_of_tax(invoice: &Invoice, credited: Money) -> Result<Money, InvoiceError> {
    let total = u64::try_from(invoice.bill.total().minor()).ok().and_then(std::num::NonZeroU64::new);
    let Some(total) = total else { return Ok(Money::zero(invoice.currency())) };
    Ok(invoice.bill.tax().times(credited.minor().unsigned_abs(), total)?)
}

/// Calls off an invoice of which nothing is paid. One that is void stays so.
pub async fn void(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let before = find_for_update(conn, workspace, id).await?;
    if before.state() == State::Void {
        return Ok(before);
    }
    let outcome = apply(&before, Input::Void)?;
    let fact = Fact::Voided { invoice: id, total: before.bill.total(), tax: before.bill.tax() };
    let after = change(conn, &before, outcome, fact, id.uuid(), now).await?;
    payments::withdraw(conn, workspace, id, now).await?;
    outbox::append(conn, &[facts::invoice(InvoiceFact::Voided, &after)]).await?;
    arrears::caught_up(conn, &after, now).await?;
    Ok(after)
}

/// Expects no money for an invoice any more. One that is given up stays so.
pub async fn give_up(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let before = find_for_update(conn, workspace, id).await?;
    if before.state() == State::Uncollectible {
        return Ok(before);
    }
    let outcome = apply(&before, Input::GiveUp)?;
    let fact = Fact::GivenUp { invoice: id, owed: before.life.owed() };
    // It may be taken up again by money that comes, and given up anew: each time is booked.
    let after = change(conn, &before, outcome, fact, Uuid::now_v7(), now).await?;
    payments::withdraw(conn, workspace, id, now).await?;
    outbox::append(conn, &[facts::invoice(InvoiceFact::GivenUp, &after)]).await?;
    arrears::caught_up(conn, &after, now).await?;
    Ok(after)
}

/// Tells that an invoice could not be charged.
pub async fn charge_failed(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: InvoiceId,
    reason: &str,
    is_final: bool,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    let before = find_for_update(conn, workspace, id).await?;
    // The version orders the events of one invoice.
    let after = Invoice { version: before.version + 1, updated_at: now, ..before };
    let pause_after_days = settings_of(conn, workspace).await?.pause_after_days;
    store::update(conn, &after, after.look_at(pause_after_days)).await?;
    if is_final {
        bookings::declined(conn, workspace, &after.subjects()).await?;
    }
    let told = InvoiceFact::ChargeFailed { reason: reason.to_owned(), is_final };
    Ok(outbox::append(conn, &[facts::invoice(told, &after)]).await?)
}

/// Has what is owed of an invoice charged by its payer's saved method, if it is to be paid `at_once` or the workspace
/// charges without being asked.
pub(super) async fn charge(
    conn: &mut PgConnection,
    invoice: &Invoice,
    at_once: bool,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    let is_charged = at_once || settings_of(conn, invoice.workspace).await?.auto_charge;
    if !is_charged || !invoice.life.owed().is_positive() {
        return Ok(());
    }
    let ask = Ask {
        workspace: invoice.workspace,
        location: invoice.location,
        customer: invoice.customer,
        invoice: invoice.id,
        amount: invoice.life.owed(),
        is_off_session: true,
    };
    match payments::ask(conn, ask, now).await {
        // One at a time: what that leaves is still owed.
        Ok(_) | Err(AskError::UnderWay(_)) => Ok(()),
        Err(AskError::Store(error)) => Err(error.into()),
    }
}

/// Looks at an invoice whose day has come: whether it is overdue, and whether its payer is so far behind that they
/// are paused. One for bookings that did not come about is called off: nobody is late with it.
pub(crate) async fn look(
    conn: &mut PgConnection,
    before: Invoice,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    let pause_after_days = settings_of(conn, before.workspace).await?.pause_after_days;
    let today = cycle::local_day(before.time_zone, now);
    let is_pending = payments::is_pending(conn, before.workspace, before.id).await?;
    let is_untouched = before.life.owed() == before.life.total() && !is_pending;
    if is_untouched && bookings::are_declined(conn, before.workspace, &before.subjects()).await? {
        void(conn, before.workspace, before.id, now).await?;
        return Ok(());
    }
    let outcome = apply(&before, Input::Day { today, is_pending })?;
    let was_overdue = before.state() == State::Overdue;
    let after = Invoice { life: outcome.invoice, version: before.version + 1, updated_at: now, ..before };
    let is_overdue = after.state() == State::Overdue;
    let look_at = if is_pending && !is_overdue {
        // Debits take days: tomorrow is soon enough.
        today.succ_opt().map(|day| domain::zone::midnight(after.time_zone, day))
    } else {
        after.look_at(pause_after_days).filter(|time| *time > now)
    };
    store::update(conn, &after, look_at).await?;
    if is_overdue && !was_overdue {
        outbox::append(conn, &[facts::invoice(InvoiceFact::Overdue, &after)]).await?;
    }
    let is_behind = is_overdue && after.look_at(pause_after_days).is_some_and(|time| time <= now);
    if is_behind {
        arrears::fell_behind(conn, &after, now).await?;
    }
    Ok(())
}

fn apply(invoice: &Invoice, input: Input) -> Result<Outcome, InvoiceError> {
    invoice.life.apply(input).map_err(|refusal| InvoiceError::Refused { id: invoice.id, refusal })
}

/// Books what happened to an invoice, and writes what it became.
async fn change(
    conn: &mut PgConnection,
    before: &Invoice,
    outcome: Outcome,
    fact: Fact,
    cause: Uuid,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    books::post(conn, before.workspace, fact, cause, now).await?;
    write_life(conn, before, outcome, now).await
}

/// Writes what an invoice became.
async fn write_life(
    conn: &mut PgConnection,
    before: &Invoice,
    outcome: Outcome,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let life = outcome.invoice;
    let after = Invoice { life, version: before.version + 1, updated_at: now, ..before.clone() };
    let pause_after_days = settings_of(conn, before.workspace).await?.pause_after_days;
    store::update(conn, &after, after.look_at(pause_after_days)).await?;
    Ok(after)
}
