//! Bookings of what has a price are billed: before or after they are confirmed, or monthly, by the workspace's
//! settings.
//!
//! Each event tells a booking as it is; an older one than is known changes nothing. A booking is billed once: whether
//! it is, its invoice's lines and the items to be invoiced say.

use billing_core::Quantity;
use billing_core::invoice::State;
use chrono_tz::Tz;
use domain::{BookingId, Currency, LocationId, Money, ResourceId, Timestamp, Window, WorkspaceId};
use sqlx::PgConnection;

use crate::invoices::{self, Credit, Draft, Invoice, InvoiceError, Line, LineSubject, Place, store};
use crate::items::{self, Item};
use crate::payers::{self, Payer};
use crate::prices::{self, Price, Subject};
use crate::settings::{self, BookingPayment, CancellationPolicy, Settings};
use crate::stored::corrupt;

/// Where a booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BookingState {
    Pending,
    Confirmed,
    Failed,
    Cancelled,
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
}

/// What is known of a booking.
struct Known {
    version: i64,
    price: Option<Money>,
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

    fn line(&self, amount: Money, price: &Price) -> Line {
        Line {
            description: self.description(),
            quantity: Quantity::ONE,
            unit_price: amount,
            coupon: None,
            tax: price.tax.clone(),
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
    let known = lock(conn, booking, settings.currency).await?;
    if known.version >= booking.version {
        return Ok(());
    }
    let price = prices::find(conn, workspace, Subject::Resource(booking.resource)).await?;
    let mut billed = known.price;
    if is_owed(booking.state, settings.booking_payment) {
        if let Some(price) = price {
            let amount = price.unit.of_booking(price.amount, booking.window)?;
            match known.price {
                None => charge(conn, booking, amount, &price, &settings, now).await?,
                Some(before) if before != amount => {
                    recharge(conn, booking, before, amount, &price, &settings, now).await?;
                }
                Some(_) => {}
            }
            billed = Some(amount);
        }
    } else if booking.state == BookingState::Cancelled
        || booking.state == BookingState::Failed && !known.is_declined
    {
        call_off(conn, workspace, booking.subject(), settings.cancellation, now).await?;
        billed = None;
    }
    store_known(conn, booking, billed.unwrap_or(Money::zero(settings.currency))).await?;
    Ok(())
}

/// Bills a booking for the first time.
async fn charge(
    conn: &mut PgConnection,
    booking: &Booking,
    amount: Money,
    price: &Price,
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
            tax: price.tax.clone(),
            subject: booking.subject(),
        };
        let due_at = items::next_sweep(settings.anchor_day, booking.time_zone, now);
        return Ok(items::insert(conn, &item, due_at).await?);
    }
    let lines = vec![booking.line(amount, price)];
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
    // What is booked is paid now.
    let today = billing_core::cycle::local_day(booking.time_zone, now);
    let draft = Draft { bill_to, lines, due_on: Some(today), memo: String::new() };
    invoices::raise(conn, booking.place(), draft, true, now).await
}

/// Bills what a booking costs more, or gives back what it costs less, after it was moved.
async fn recharge(
    conn: &mut PgConnection,
    booking: &Booking,
    before: Money,
    amount: Money,
    price: &Price,
    settings: &Settings,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    let (workspace, subject) = (booking.workspace, booking.subject());
    let invoices = store::of_subject(conn, workspace, subject).await?;
    if invoices.is_empty() {
        items::remove(conn, workspace, subject).await?;
        return charge(conn, booking, amount, price, settings, now).await;
    }
    let more = amount.minus(before)?;
    if more.is_positive() {
        raise(conn, booking, vec![booking.line(more, price)], now).await?;
        return Ok(());
    }
    let less = with_tax(booking.line(more.negated(), price))?;
    let reason = format!("{} was moved", booking.description());
    credit_subject(conn, workspace, &invoices, less, &reason, now).await
}

/// What a line comes to with its tax.
fn with_tax(line: Line) -> Result<Money, InvoiceError> {
    let currency = line.unit_price.currency();
    let bill = invoices::bill(currency, &[line]);
    Ok(bill.map_err(|(line, error)| InvoiceError::Bill { line, error })?.total())
}

/// Takes an amount off invoices, the newest first, as far as there is something to take.
async fn credit_subject(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    invoices: &[domain::InvoiceId],
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
        let credit = left.smaller(invoice.life.total().minus(invoice.life.credited())?)?;
        if credit.is_positive() {
            let credit = Credit { amount: credit, reason: reason.to_owned() };
            left = left.minus(credit.amount)?;
            invoices::credit(conn, workspace, *id, credit, now).await?;
        }
    }
    Ok(())
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
                let its = invoice.billed_lines().filter(|(line, _)| line.subject == Some(subject));
                let its = its.map(|(line, billed)| match &line.tax {
                    Some(tax) if !tax.is_inclusive => billed.amount.plus(billed.tax),
                    _ => Ok(billed.amount),
                });
                let its = its.collect::<Result<Vec<_>, _>>()?;
                let its = Money::sum(invoice.currency(), its)?;
                let unpaid = invoice.life.owed();
                // Without a policy to give back, only what is still owed of it is taken off.
                let amount = match policy {
                    CancellationPolicy::Credit => its,
                    CancellationPolicy::Keep => its.smaller(unpaid)?,
                };
                credit_subject(conn, workspace, &[id], amount, "it was called off", now).await?;
            }
            State::Draft | State::Void | State::Uncollectible => {}
        }
    }
    Ok(())
}

/// Takes note that a booking's charge failed for good: should it be paid later, it is confirmed all the same.
pub(crate) async fn declined(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: BookingId,
) -> Result<(), sqlx::Error> {
    sqlx::query("update billed_booking set is_declined = true where workspace_id = $1 and booking_id = $2")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .execute(conn)
        .await?;
    Ok(())
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
    let (version, price, currency, is_declined): (i64, i64, String, bool) = sqlx::query_as(
        "select version, price, currency, is_declined from billed_booking
          where workspace_id = $1 and booking_id = $2 for update",
    )
    .bind(booking.workspace.uuid())
    .bind(booking.id.uuid())
    .fetch_one(conn)
    .await?;
    let price = Money::new(price, currency.parse().map_err(corrupt)?).map_err(corrupt)?;
    Ok(Known { version, price: Some(price).filter(|price| !price.is_zero()), is_declined })
}

async fn store_known(conn: &mut PgConnection, booking: &Booking, price: Money) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update billed_booking set version = $3, price = $4, currency = $5
          where workspace_id = $1 and booking_id = $2",
    )
    .bind(booking.workspace.uuid())
    .bind(booking.id.uuid())
    .bind(booking.version)
    .bind(price.minor())
    .bind(price.currency().code())
    .execute(conn)
    .await?;
    Ok(())
}
