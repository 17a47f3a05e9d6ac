//! What things cost in a workspace. What was sold keeps the price that it was sold at.

use std::num::NonZeroU64;

use billing_core::Tax;
use chassis::paging::Page;
use domain::{Money, MoneyError, PassProductId, PlanId, PriceId, ResourceId, Timestamp, Window, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::stored::{Interval, TaxColumns, corrupt};

/// What something is the price of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// Bookings of a resource.
    Resource(ResourceId),
    /// Memberships of a plan.
    Plan(PlanId),
    /// Passes of a product.
    PassProduct(PassProductId),
}

impl Subject {
    fn columns(self) -> (&'static str, Uuid) {
        match self {
            Self::Resource(id) => ("resource", id.uuid()),
            Self::Plan(id) => ("plan", id.uuid()),
            Self::PassProduct(id) => ("pass_product", id.uuid()),
        }
    }

    fn of_columns(kind: &str, id: Uuid) -> Result<Self, sqlx::Error> {
        match kind {
            "resource" => Ok(Self::Resource(ResourceId::from_uuid(id))),
            "plan" => Ok(Self::Plan(PlanId::from_uuid(id))),
            "pass_product" => Ok(Self::PassProduct(PassProductId::from_uuid(id))),
            other => Err(corrupt(format!("{other:?} is no subject of a price"))),
        }
    }
}

/// What a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// An hour of a booking.
    Hour,
    /// A booking.
    Booking,
    /// A period of a membership.
    Period {
        /// How long it is.
        interval: Interval,
        /// Whether it is counted from the workspace's anchor day, and not from the start.
        is_calendar: bool,
    },
    /// A pass.
    Pass,
}

impl Unit {
    /// What a booking over that window costs, if a unit costs `amount`: of hours, to the minute begun.
    pub(crate) fn of_booking(self, amount: Money, window: Window) -> Result<Money, MoneyError> {
        const HOUR: NonZeroU64 = NonZeroU64::new(60).expect("minutes of an hour");
        match self {
            Self::Hour => {
                let minutes = (window.duration() + chrono::Duration::seconds(59)).num_minutes();
                amount.times(minutes.unsigned_abs(), HOUR)
            }
            Self::Booking | Self::Period { .. } | Self::Pass => Ok(amount),
        }
    }
}

/// What something costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Price {
    /// Its id.
    pub id: PriceId,
    /// Of what.
    pub subject: Subject,
    /// For one unit.
    pub amount: Money,
    /// What that is.
    pub unit: Unit,
    /// How it is taxed.
    pub tax: Option<Tax>,
    /// Grows with each change.
    pub version: i64,
    /// Since when its subject has had a price.
    pub created_at: Timestamp,
    /// When it was set.
    pub updated_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    subject_kind: String,
    subject_id: Uuid,
    amount: i64,
    currency: String,
    unit: String,
    cycle_interval: Option<Interval>,
    cycle_anchor: Option<String>,
    #[sqlx(flatten)]
    tax: TaxColumns,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<Row> for Price {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let unit = match (row.unit.as_str(), row.cycle_interval) {
            ("hour", _) => Unit::Hour,
            ("booking", _) => Unit::Booking,
            ("pass", _) => Unit::Pass,
            ("period", Some(interval)) => {
                Unit::Period { interval, is_calendar: row.cycle_anchor.as_deref() == Some("calendar") }
            }
            (other, _) => return Err(corrupt(format!("{other:?} is no unit of a price"))),
        };
        let currency = row.currency.parse().map_err(corrupt)?;
        Ok(Self {
            id: PriceId::from_uuid(row.id),
            subject: Subject::of_columns(&row.subject_kind, row.subject_id)?,
            amount: Money::new(row.amount, currency).map_err(corrupt)?,
            unit,
            tax: row.tax.tax()?,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// What something costs; `None`: nothing.
pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    subject: Subject,
) -> Result<Option<Price>, sqlx::Error> {
    let (kind, id) = subject.columns();
    let row: Option<Row> = sqlx::query_as(
        "select * from price where workspace_id = $1 and subject_kind = $2 and subject_id = $3",
    )
    .bind(workspace.uuid())
    .bind(kind)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    row.map(Price::try_from).transpose()
}

/// What something cost when it was sold; `None`: nothing. What was sold before it had a price was sold without one.
pub(crate) async fn find_as_of(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    subject: Subject,
    sold_at: Timestamp,
) -> Result<Option<Price>, sqlx::Error> {
    let price = find(conn, workspace, subject).await?;
    Ok(price.filter(|price| price.created_at <= sold_at && !price.amount.is_zero()))
}

/// Whether anything has a price.
pub(crate) async fn is_any(conn: &mut PgConnection, workspace: WorkspaceId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from price where workspace_id = $1)")
        .bind(workspace.uuid())
        .fetch_one(conn)
        .await
}

/// Writes a price over that of the same subject. Its id stays.
pub(crate) async fn put(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    price: &Price,
) -> Result<(), sqlx::Error> {
    let (kind, subject) = price.subject.columns();
    let (unit, interval, anchor) = match price.unit {
        Unit::Hour => ("hour", None, None),
        Unit::Booking => ("booking", None, None),
        Unit::Pass => ("pass", None, None),
        Unit::Period { interval, is_calendar } => {
            let anchor = if is_calendar { "calendar" } else { "rolling" };
            ("period", Some(interval), interval.has_anchor().then_some(anchor))
        }
    };
    let tax = TaxColumns::from(price.tax.as_ref());
    sqlx::query(
        "insert into price (workspace_id, id, subject_kind, subject_id, amount, currency, unit, cycle_interval,
           cycle_anchor, tax_name, tax_percent, tax_is_inclusive, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         on conflict (workspace_id, id) do update set amount = excluded.amount, currency = excluded.currency,
           unit = excluded.unit, cycle_interval = excluded.cycle_interval,
           cycle_anchor = excluded.cycle_anchor, tax_name = excluded.tax_name,
           tax_percent = excluded.tax_percent, tax_is_inclusive = excluded.tax_is_inclusive,
           version = excluded.version, updated_at = excluded.updated_at",
    )
    .bind(workspace.uuid())
    .bind(price.id.uuid())
    .bind(kind)
    .bind(subject)
    .bind(price.amount.minor())
    .bind(price.amount.currency().code())
    .bind(unit)
    .bind(interval)
    .bind(anchor)
    .bind(tax.tax_name)
    .bind(tax.tax_percent)
    .bind(tax.tax_is_inclusive)
    .bind(price.version)
    .bind(price.created_at)
    .bind(price.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// A page of prices.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<Price>, sqlx::Error> {
    let rows: Vec<Row> =
        sqlx::query_as("select * from price where workspace_id = $1 and id > $2 order by id limit $3")
            .bind(workspace.uuid())
            .bind(page.after)
            .bind(page.limit)
            .fetch_all(conn)
            .await?;
    rows.into_iter().map(Price::try_from).collect()
}

/// Removes a price, and says which it was; `None`: it was not there.
pub(crate) async fn remove(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PriceId,
) -> Result<Option<Price>, sqlx::Error> {
    let row: Option<Row> =
        sqlx::query_as("delete from price where workspace_id = $1 and id = $2 returning *")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(Price::try_from).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_charged_by_the_minute_begun() {
        let eur = |minor| Money::new(minor, "EUR".parse().unwrap()).unwrap();
        let window = |seconds: i64| {
            let start: Timestamp = "2026-03-28T22:00:00Z".parse().unwrap();
            Window::new(start, start + chrono::Duration::seconds(seconds)).unwrap()
        };
        let of = |unit: Unit, seconds: i64| unit.of_booking(eur(3_000), window(seconds)).unwrap().minor();
        for (seconds, wanted) in
            [(3_600, 3_000), (5_400, 4_500), (1_200, 1_000), (1, 50), (3_601, 3_050), (86_400, 72_000)]
        {
            assert_eq!(of(Unit::Hour, seconds), wanted, "{seconds}");
        }
        assert_eq!(of(Unit::Booking, 86_400), 3_000);
    }
}
