//! Bookings of what has a price are billed: before or after they are confirmed, or monthly, by the workspace's
//! settings.
//!
//! Each event tells a booking as it is; an older one than is known changes nothing. A booking is billed once: whether
//! it is, its invoice's lines and the items to be invoiced say.

use billing_core::invoice::State;
use billing_core::{Quantity, Tax};
use chrono_tz::Tz;
use domain::{BookingId, Currency, InvoiceId, LocationId, Money, ResourceId, Timestamp, Window, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::invoices::{self, Credit, Draft, Invoice, InvoiceError, Line, LineSubject, Place, store};
use crate::items::{self, Item};
use crate::payers::{self, Payer};
use crate::prices::{self, Subject, Unit};
use crate::settings::{self, BookingPayment, CancellationPolicy, Settings};
use crate::stored::{TaxColumns, corrupt};

chassis::text_enum! {
    /// Where a booking stands.
    pub(crate) enum BookingState {
        Pending = "pending",
        Confirmed = "confirmed",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

/// A booking as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Booking {
    pub workspace: WorkspaceId,
    pub id: BookingId,
    pub resource: ResourceId,
    pub resource_name: String,
    pub payer: Payer,
    pub location: LocationId,
    pub time_zone: Tz,
    pub window: Window,
    pub state: BookingState,
    pub version: i64,
    pub created_at: Timestamp,
}

/// What a booking was agreed on at.
#[derive(Debug, Clone)]
struct Terms {
    /// For one unit.
    rate: Money,
    unit: Unit,
    tax: Option<Tax>,
}

/// What is known of a booking.
struct Known {
    /// 0: nothing.
    version: i64,
    /// `None`: it costs nothing.
    terms: Option<Terms>,
    /// How much of it is billed, without taxes on top; `None`: nothing.
    billed: Option<Money>,
    is_declined: bool,
}

impl Booking {
    fn subject(&self) -> LineSubject {
        LineSubject::Booking(self.id)
    }

    /// What stands on invoices, such as `Focus Room, 2026-12-24 09:00–11:00`.
    fn description(&self) -> String {
        let start = self.window.start().with_timezone(&self.time_zone);
        let end = self.window.end().with_timezone(&self.time_zone);
        let end = if start.date_naive() == end.date_naive() {
            end.format("%H:%M").to_string()
        } else {
            end.format("%Y-%m-%d %H:%M").to_string()
        };
        format!("{}, {}–{end}", self.resource_name, start.format("%Y-%m-%d %H:%M"))
    }

    fn line(&self, amount: Money, terms: &Terms) -> Line {
        Line {
            description: self.description(),
            quantity: Quantity::ONE,
            unit_price: amount,
            coupon: None,
            tax: terms.tax.clone(),
            subject: Some(self.subject()),
            period: None,
        }
    }

    fn place(&self) -> Place {
        Place {
            workspace: self.workspace,
            holder: self.payer.holder,
            location: Some(self.location),
            time_zone: self.time_zone,
        }
    }
}

/// Whether a booking that stands so is to be paid, by the settings.
fn is_owed(state: BookingState, payment: BookingPayment) -> bool {
    match state {
        BookingState::Pending => payment == BookingPayment::BeforeConfirmation,
        BookingState::Confirmed => true,
        BookingState::Failed | BookingState::Cancelled => false,
    }
}

/// Bills a booking, or what changed of it.
pub(crate) async fn bill(
    conn: &mut PgConnection,
    booking: &Booking,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    let workspace = booking.workspace;
    let Some(settings) = settings::find(conn, workspace).await? else { return Ok(()) };
    let mut known = lock(conn, booking, settings.currency).await?;
    if known.version >= booking.version {
        return Ok(());
    }
    if known.version == 0 {
        let subject = Subject::Resource(booking.resource);
        let price = prices::find_as_of(conn, workspace, subject, booking.created_at).await?;
        known.terms = price.map(|price| Terms { rate: price.amount, unit: price.unit, tax: price.tax });
    }
    if booking.state == BookingState::Confirmed && known.is_declined {
        // It stands after all. If it was too late to pay for it, it is billed anew.
        let is_billed = store::is_billed(conn, workspace, booking.subject()).await?;
        known.billed = known.billed.filter(|_| is_billed);
    }
    if let Some(terms) = &known.terms
        && is_owed(booking.state, settings.booking_payment)
    {
        let amount = terms.unit.of_booking(terms.rate, booking.window)?;
        match known.billed {
            None => charge(conn, booking, amount, terms, &settings, now).await?,
            Some(before) if before != amount => {
                recharge(conn, booking, before, amount, terms, &settings, now).await?;
            }
            Some(_) => {}
        }
        known.billed = Some(amount);
    }
    let is_over = match booking.state {
        BookingState::Cancelled => true,
        // Who was declined may still pay.
        BookingState::Failed => !known.is_declined,
        BookingState::Pending | BookingState::Confirmed => false,
    };
    if is_over {
        // What fails is nobody's doing who paid for it.
        let policy = match booking.state {
            BookingState::Failed => CancellationPolicy::Credit,
            _ => settings.cancellation,
        };
        call_off(conn, workspace, booking.subject(), policy, now).await?;
        known.billed = None;
    }
    known.is_declined &= booking.state != BookingState::Confirmed;
    Ok(store_known(conn, booking, &known).await?)
}

/// Bills a booking for the first time.
async fn charge(
    conn: &mut PgConnection,
    booking: &Booking,
    amount: Money,
    terms: &Terms,
    settings: &Settings,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    if amount.is_zero() {
        return Ok(());
    }
    let customer = payers::known(conn, booking.workspace, &booking.payer, now).await?;
    if settings.booking_payment == BookingPayment::Monthly {
        let item = Item {
            workspace: booking.workspace,
            customer,
            location: booking.location,
            time_zone: booking.time_zone,
            description: booking.description(),
            price: amount,
            tax: terms.tax.clone(),
            subject: booking.subject(),
        };
        let due_at = items::next_sweep(settings.anchor_day, booking.time_zone, now);
        return Ok(items::insert(conn, &item, due_at).await?);
    }
    let lines = vec![booking.line(amount, terms)];
    raise(conn, booking, lines, now).await?;
    Ok(())
}

async fn raise(
    conn: &mut PgConnection,
    booking: &Booking,
    lines: Vec<Line>,
    now: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let customer = payers::known(conn, booking.workspace, &booking.payer, now).await?;
    let bill_to = payers::bill_to(conn, booking.workspace, customer).await?;
    // What is booked is paid now; what does not stand before it is paid, until its day.
    let now_or_then = match booking.state {
        BookingState::Pending => now.max(booking.window.end()),
        BookingState::Confirmed | BookingState::Failed | BookingState::Cancelled => now,
    };
    let due_on = Some(billing_core::cycle::local_day(booking.time_zone, now_or_then));
    let draft = Draft { bill_to, lines, due_on, memo: String::new() };
    invoices::raise(conn, booking.place(), draft, true, now).await
}

/// Bills what a booking costs more, or gives back what it costs less, after it was moved.
async fn recharge(
    conn: &mut PgConnection,
    booking: &Booking,
    before: Money,
    amount: Money,
    terms: &Terms,
    settings: &Settings,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    let (workspace, subject) = (booking.workspace, booking.subject());
    let invoices = store::of_subject(conn, workspace, subject).await?;
    if invoices.is_empty() {
        items::remove(conn, workspace, subject).await?;
        return charge(conn, booking, amount, terms, settings, now).await;
    }
    let more = amount.minus(before)?;
    if more.is_positive() {
        raise(conn, booking, vec![booking.line(more, terms)], now).await?;
        return Ok(());
    }
    let less = with_tax(booking.line(more.negated(), terms))?;
    let reason = format!("{} was moved", booking.description());
    credit_subject(conn, workspace, &invoices, subject, less, &reason, now).await
}

/// What a line comes to with its tax.
fn with_tax(line: Line) -> Result<Money, InvoiceError> {
    let currency = line.unit_price.currency();
    let bill = invoices::bill(currency, &[line]);
    Ok(bill.map_err(|(line, error)| InvoiceError::Bill { line, error })?.total())
}

/// Takes an amount off invoices for what they are for, the newest first: no more than that costs on them and was not
/// credited yet.
async fn credit_subject(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    invoices: &[InvoiceId],
    subject: LineSubject,
    amount: Money,
    reason: &str,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    let mut left = amount;
    for id in invoices.iter().rev() {
        let Some(invoice) = store::find_for_update(conn, workspace, *id).await? else { continue };
        if matches!(invoice.state(), State::Draft | State::Void) {
            continue;
        }
        let rest = invoice.life.total().minus(invoice.life.credited())?;
        let credit = left.smaller(rest)?.smaller(uncredited(conn, &invoice, subject).await?)?;
        if credit.is_positive() {
            let credit = Credit { amount: credit, reason: reason.to_owned(), subject: Some(subject) };
            left = left.minus(credit.amount)?;
            invoices::credit(conn, workspace, *id, credit, now).await?;
        }
    }
    Ok(())
}

/// What something costs on an invoice, with its tax, and was not credited yet.
async fn uncredited(
    conn: &mut PgConnection,
    invoice: &Invoice,
    subject: LineSubject,
) -> Result<Money, InvoiceError> {
    let its = invoice.billed_lines().filter(|(line, _)| line.subject == Some(subject));
    let its = its.map(|(line, billed)| match &line.tax {
        Some(tax) if !tax.is_inclusive => billed.amount.plus(billed.tax),
        _ => Ok(billed.amount),
    });
    let its = Money::sum(invoice.currency(), its.collect::<Result<Vec<_>, _>>()?)?;
    let (workspace, currency) = (invoice.workspace, invoice.currency());
    Ok(its.minus(store::credited_for(conn, workspace, invoice.id, subject, currency).await?)?)
}

/// Something is called off: what is not paid of it is not owed any more, and what is paid is kept or given back.
pub(crate) async fn call_off(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    subject: LineSubject,
    policy: CancellationPolicy,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    items::remove(conn, workspace, subject).await?;
    for id in store::of_subject(conn, workspace, subject).await? {
        let Some(invoice) = store::find_for_update(conn, workspace, id).await? else { continue };
        let is_alone = invoice.subjects() == [subject];
        match invoice.state() {
            State::Open | State::Overdue if is_alone && invoice.life.owed() == invoice.life.total() => {
                invoices::void(conn, workspace, id, now).await?;
            }
            State::Open | State::Overdue | State::PartiallyPaid | State::Paid => {
                let its = uncredited(conn, &invoice, subject).await?;
                let unpaid = invoice.life.owed();
                // Without a policy to give back, only what is still owed of it is taken off.
                let amount = match policy {
                    CancellationPolicy::Credit => its,
                    CancellationPolicy::Keep => its.smaller(unpaid)?,
                };
                let reason = "it was called off";
                credit_subject(conn, workspace, &[id], subject, amount, reason, now).await?;
            }
            State::Draft | State::Void | State::Uncollectible => {}
        }
    }
    Ok(())
}

/// Whether one of these waits for its payment, and does not stand before.
pub(crate) async fn awaits_payment(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    subjects: &[LineSubject],
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from billed_booking
           where workspace_id = $1 and booking_id = any($2) and state = 'pending')",
    )
    .bind(workspace.uuid())
    .bind(bookings_of(subjects))
    .fetch_one(conn)
    .await
}

/// Whether all of these are bookings that did not come about, for their charge was declined: nobody owes anything for
/// them.
pub(crate) async fn are_declined(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    subjects: &[LineSubject],
) -> Result<bool, sqlx::Error> {
    let declined: i64 = sqlx::query_scalar(
        "select count(*) from billed_booking
          where workspace_id = $1 and booking_id = any($2) and is_declined",
    )
    .bind(workspace.uuid())
    .bind(bookings_of(subjects))
    .fetch_one(conn)
    .await?;
    Ok(declined > 0 && usize::try_from(declined) == Ok(subjects.len()))
}

fn bookings_of(subjects: &[LineSubject]) -> Vec<Uuid> {
    let booking = |subject: &LineSubject| match subject {
        LineSubject::Booking(id) => Some(id.uuid()),
        LineSubject::Membership(_) | LineSubject::Pass(_) => None,
    };
    subjects.iter().filter_map(booking).collect()
}

/// Takes note that the charge of what waits for its payment failed for good: should it be paid later, it is confirmed
/// all the same.
pub(crate) async fn declined(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    subjects: &[LineSubject],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update billed_booking set is_declined = true
          where workspace_id = $1 and booking_id = any($2) and state = 'pending'",
    )
    .bind(workspace.uuid())
    .bind(bookings_of(subjects))
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    version: i64,
    price: i64,
    currency: String,
    is_declined: bool,
    rate: Option<i64>,
    unit: Option<String>,
    #[sqlx(flatten)]
    tax: TaxColumns,
}

impl TryFrom<Row> for Known {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let currency: Currency = row.currency.parse().map_err(corrupt)?;
        let money = |minor| Money::new(minor, currency).map_err(corrupt);
        let unit = row.unit.map(|unit| if unit == "hour" { Unit::Hour } else { Unit::Booking });
        let terms = match row.rate.zip(unit) {
            Some((rate, unit)) => Some(Terms { rate: money(rate)?, unit, tax: row.tax.tax()? }),
            None => None,
        };
        let billed = Some(money(row.price)?).filter(|billed| !billed.is_zero());
        Ok(Self { version: row.version, terms, billed, is_declined: row.is_declined })
    }
}

/// What is known of a booking, locked until the end of the transaction.
async fn lock(conn: &mut PgConnection, booking: &Booking, currency: Currency) -> Result<Known, sqlx::Error> {
    sqlx::query(
        "insert into billed_booking (workspace_id, booking_id, version, price, currency)
         values ($1, $2, 0, 0, $3) on conflict do nothing",
    )
    .bind(booking.workspace.uuid())
    .bind(booking.id.uuid())
    .bind(currency.code())
    .execute(&mut *conn)
    .await?;
    let row: Row =
        sqlx::query_as("select * from billed_booking where workspace_id = $1 and booking_id = $2 for update")
            .bind(booking.workspace.uuid())
            .bind(booking.id.uuid())
            .fetch_one(conn)
            .await?;
    row.try_into()
}

async fn store_known(conn: &mut PgConnection, booking: &Booking, known: &Known) -> Result<(), sqlx::Error> {
    let terms = known.terms.as_ref();
    let tax = TaxColumns::from(terms.and_then(|terms| terms.tax.as_ref()));
    let unit = |terms: &Terms| if terms.unit == Unit::Hour { "hour" } else { "booking" };
    sqlx::query(
        "update billed_booking set version = $3, price = $4, state = $5, is_declined = $6, rate = $7, unit = $8,
           tax_name = $9, tax_percent = $10, tax_is_inclusive = $11
          where workspace_id = $1 and booking_id = $2",
    )
    .bind(booking.workspace.uuid())
    .bind(booking.id.uuid())
    .bind(booking.version)
    .bind(known.billed.map_or(0, Money::minor))
    .bind(booking.state)
    .bind(known.is_declined)
    .bind(terms.map(|terms| terms.rate.minor()))
    .bind(terms.map(unit))
    .bind(tax.tax_name)
    .bind(tax.tax_percent)
    .bind(tax.tax_is_inclusive)
    .execute(conn)
    .await?;
    Ok(())
}
