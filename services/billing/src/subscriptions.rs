//! Memberships that cost something: what was agreed on when they were sold, and how far they are billed.

use billing_core::cycle::local_day;
use billing_core::subscription::Subscription as Periods;
use billing_core::{Part, Tariff, Tax};
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::{CustomerId, LocationId, MembershipId, Money, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::invoices::{Line, LineSubject, Period};
use crate::stored::{Interval, TaxColumns, corrupt, cycle, cycle_columns};

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub workspace: WorkspaceId,
    pub membership: MembershipId,
    pub customer: CustomerId,
    pub location: LocationId,
    /// Of the location: its day decides.
    pub time_zone: Tz,
    /// What the plan is called.
    pub description: String,
    pub tax: Option<Tax>,
    /// What it costs, and how far it is billed.
    pub periods: Periods,
    pub is_paused: bool,
    /// Whether it is paused for what its payer owes.
    pub is_behind: bool,
    /// The version of the membership that is known.
    pub version: i64,
}

impl Subscription {
    /// When it is to be billed next; `None`: it is not.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        let day = self.periods.due_on().filter(|_| !self.is_paused && !self.is_behind)?;
        Some(domain::zone::midnight(self.time_zone, day))
    }

    /// The lines of what is due by now, and the subscription once they are billed.
    pub(crate) fn bill(&self, now: Timestamp) -> (Vec<Line>, Self) {
        let (parts, periods) = self.periods.due(local_day(self.time_zone, now));
        let lines = parts.into_iter().map(|part| self.line(part)).collect();
        (lines, Self { periods, ..self.clone() })
    }

    fn line(&self, part: Part) -> Line {
        let days = part.days();
        let last = days.end().pred_opt().unwrap_or(days.start());
        let share = match part.is_whole() {
            true => String::new(),
            false => format!(", {} of {} days", days.count(), part.whole().count()),
        };
        Line {
            description: format!("{} ({} – {last}{share})", self.description, days.start()),
            quantity: billing_core::Quantity::ONE,
            unit_price: part.price(self.periods.tariff.rate),
            coupon: None,
            tax: self.tax.clone(),
            subject: Some(LineSubject::Membership(self.membership)),
            period: Some(Period { starts_on: days.start(), ends_on: days.end() }),
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    membership_id: Uuid,
    customer_id: Uuid,
    location_id: Uuid,
    time_zone: String,
    description: String,
    rate: i64,
    currency: String,
    cycle_interval: Interval,
    anchor_day: Option<i16>,
    #[sqlx(flatten)]
    tax: TaxColumns,
    starts_on: NaiveDate,
    billed_until: NaiveDate,
    ends_on: Option<NaiveDate>,
    is_paused: bool,
    is_behind: bool,
    version: i64,
}

impl TryFrom<Row> for Subscription {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let currency = row.currency.parse().map_err(corrupt)?;
        let tariff = Tariff {
            rate: Money::new(row.rate, currency).map_err(corrupt)?,
            cycle: cycle(row.cycle_interval, row.anchor_day)?,
            start: row.starts_on,
        };
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            membership: MembershipId::from_uuid(row.membership_id),
            customer: CustomerId::from_uuid(row.customer_id),
            location: LocationId::from_uuid(row.location_id),
            time_zone: domain::zone::parse(&row.time_zone).map_err(corrupt)?,
            description: row.description,
            tax: row.tax.tax()?,
            periods: Periods { tariff, billed_until: row.billed_until, ends_on: row.ends_on },
            is_paused: row.is_paused,
            is_behind: row.is_behind,
            version: row.version,
        })
    }
}

/// Adds a subscription; one that is there stays as it is.
pub(crate) async fn insert(conn: &mut PgConnection, new: &Subscription) -> Result<(), sqlx::Error> {
    let (interval, anchor_day) = cycle_columns(new.periods.tariff.cycle);
    let tax = TaxColumns::from(new.tax.as_ref());
    sqlx::query(
        "insert into subscription (workspace_id, membership_id, customer_id, location_id, time_zone, description,
           rate, currency, cycle_interval, anchor_day, tax_name, tax_percent, tax_is_inclusive, starts_on,
           billed_until, ends_on, is_paused, version, due_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
         on conflict do nothing",
    )
    .bind(new.workspace.uuid())
    .bind(new.membership.uuid())
    .bind(new.customer.uuid())
    .bind(new.location.uuid())
    .bind(new.time_zone.name())
    .bind(&new.description)
    .bind(new.periods.tariff.rate.minor())
    .bind(new.periods.tariff.rate.currency().code())
    .bind(interval)
    .bind(anchor_day)
    .bind(tax.tax_name)
    .bind(tax.tax_percent)
    .bind(tax.tax_is_inclusive)
    .bind(new.periods.tariff.start)
    .bind(new.periods.billed_until)
    .bind(new.periods.ends_on)
    .bind(new.is_paused)
    .bind(new.version)
    .bind(new.due_at())
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes how far a subscription is billed, and what it is like. The row must be locked.
pub(crate) async fn update(conn: &mut PgConnection, after: &Subscription) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update subscription set billed_until = $3, ends_on = $4, is_paused = $5, version = $6, due_at = $7
          where workspace_id = $1 and membership_id = $2",
    )
    .bind(after.workspace.uuid())
    .bind(after.membership.uuid())
    .bind(after.periods.billed_until)
    .bind(after.periods.ends_on)
    .bind(after.is_paused)
    .bind(after.version)
    .bind(after.due_at())
    .execute(conn)
    .await?;
    Ok(())
}

/// The subscription of a membership, locked until the end of the transaction.
pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    membership: MembershipId,
) -> Result<Option<Subscription>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "select * from subscription where workspace_id = $1 and membership_id = $2 for update",
    )
    .bind(workspace.uuid())
    .bind(membership.uuid())
    .fetch_optional(conn)
    .await?;
    row.map(Subscription::try_from).transpose()
}

/// Locks what a customer has at a location and is due by now.
pub(crate) async fn lock_due(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    customer: CustomerId,
    location: LocationId,
    now: Timestamp,
) -> Result<Vec<Subscription>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select * from subscription where workspace_id = $1 and customer_id = $2 and location_id = $3
           and due_at <= $4
          order by membership_id for update",
    )
    .bind(workspace.uuid())
    .bind(customer.uuid())
    .bind(location.uuid())
    .bind(now)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Subscription::try_from).collect()
}
