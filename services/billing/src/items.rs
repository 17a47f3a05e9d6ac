//! What is to stand on someone's next invoice: bookings and passes of those who are billed monthly.

use billing_core::cycle::{Anchor, AnchorDay, Cycle, local_day};
use billing_core::{Quantity, Tax};
use chrono_tz::Tz;
use domain::{CustomerId, LocationId, Money, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::invoices::{Line, LineSubject, subject_columns, subject_of};
use crate::stored::{TaxColumns, corrupt};

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub workspace: WorkspaceId,
    pub customer: CustomerId,
    pub location: LocationId,
    /// Of the location: its day decides.
    pub time_zone: Tz,
    pub description: String,
    pub price: Money,
    pub tax: Option<Tax>,
    pub subject: LineSubject,
}

impl Item {
    /// As it stands on an invoice.
    pub(crate) fn line(self) -> Line {
        Line {
            description: self.description,
            quantity: Quantity::ONE,
            unit_price: self.price,
            coupon: None,
            tax: self.tax,
            subject: Some(self.subject),
            period: None,
        }
    }
}

/// When the month that it is now ends for billing: the next midnight of the anchor day.
pub(crate) fn next_sweep(anchor: AnchorDay, time_zone: Tz, now: Timestamp) -> Timestamp {
    let today = local_day(time_zone, now);
    let month = Cycle::Monthly(Anchor::Calendar(anchor)).whole(today, today);
    let day = month.map_or(today, |month| month.end());
    domain::zone::midnight(time_zone, day)
}

/// Adds an item, due then. What is there for the same thing stays as it is.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    item: &Item,
    due_at: Timestamp,
) -> Result<(), sqlx::Error> {
    let tax = TaxColumns::from(item.tax.as_ref());
    let (kind, subject) = subject_columns(Some(item.subject));
    sqlx::query(
        "insert into invoice_item (workspace_id, id, customer_id, location_id, time_zone, description, quantity,
           unit_price, currency, tax_name, tax_percent, tax_is_inclusive, subject_kind, subject_id, due_at)
         values ($1, $2, $3, $4, $5, $6, 1000, $7, $8, $9, $10, $11, $12, $13, $14) on conflict do nothing",
    )
    .bind(item.workspace.uuid())
    .bind(Uuid::now_v7())
    .bind(item.customer.uuid())
    .bind(item.location.uuid())
    .bind(item.time_zone.name())
    .bind(&item.description)
    .bind(item.price.minor())
    .bind(item.price.currency().code())
    .bind(tax.tax_name)
    .bind(tax.tax_percent)
    .bind(tax.tax_is_inclusive)
    .bind(kind)
    .bind(subject)
    .bind(due_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets what is not invoiced yet of something that was called off.
pub(crate) async fn remove(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    subject: LineSubject,
) -> Result<(), sqlx::Error> {
    let (kind, id) = subject_columns(Some(subject));
    sqlx::query("delete from invoice_item where workspace_id = $1 and subject_kind = $2 and subject_id = $3")
        .bind(workspace.uuid())
        .bind(kind)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    customer_id: Uuid,
    location_id: Uuid,
    time_zone: String,
    description: String,
    unit_price: i64,
    currency: String,
    #[sqlx(flatten)]
    tax: TaxColumns,
    subject_kind: String,
    subject_id: Uuid,
}

impl TryFrom<Row> for Item {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let currency = row.currency.parse().map_err(corrupt)?;
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            customer: CustomerId::from_uuid(row.customer_id),
            location: LocationId::from_uuid(row.location_id),
            time_zone: domain::zone::parse(&row.time_zone).map_err(corrupt)?,
            description: row.description,
            price: Money::new(row.unit_price, currency).map_err(corrupt)?,
            tax: row.tax.tax()?,
            subject: subject_of(Some(&row.subject_kind), Some(row.subject_id))?
                .ok_or_else(|| corrupt("an item is for nothing"))?,
        })
    }
}

/// Takes the items of a customer at a location that are due by now, oldest first, `most` of them: they are to be
/// invoiced in the same transaction.
pub(crate) async fn take_due(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    customer: CustomerId,
    location: LocationId,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Item>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "with due as (
           select id from invoice_item where workspace_id = $1 and customer_id = $2 and location_id = $3
             and due_at <= $4 order by id limit $5 for update
         ), taken as (
           delete from invoice_item where workspace_id = $1 and id in (select id from due) returning *
         )
         select * from taken order by id",
    )
    .bind(workspace.uuid())
    .bind(customer.uuid())
    .bind(location.uuid())
    .bind(now)
    .bind(most)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Item::try_from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_end_at_the_anchor_day_of_the_location() {
        let sweep = |zone: &str, now: &str| {
            let zone = domain::zone::parse(zone).unwrap();
            next_sweep(AnchorDay::new(15).unwrap(), zone, now.parse().unwrap()).to_string()
        };
        assert_eq!(sweep("Europe/Vienna", "2026-03-14T22:59:00Z"), "2026-03-14 23:00:00 UTC");
        // By then it is the 15th there.
        assert_eq!(sweep("Europe/Vienna", "2026-03-14T23:00:00Z"), "2026-04-14 22:00:00 UTC");
        assert_eq!(sweep("America/New_York", "2026-03-14T23:00:00Z"), "2026-03-15 04:00:00 UTC");
    }
}
