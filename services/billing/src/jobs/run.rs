//! The run: bills what is due, then looks which invoices are overdue and who is behind.
//!
//! It comes round all the time, on each replica, and may be killed anywhere: who is due says a row, which the
//! transaction that bills them moves on. So a day is billed when it has begun at its location, once, and whoever was
//! away catches up.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, CustomerId, LocationId, Timestamp, WorkspaceId};
use events::consumer::is_unavailable;
use events::outbox::OutboxError;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Job;
use crate::books::BooksError;
use crate::invoices::{self, Draft, InvoiceError, Line, Place, store};
use crate::{customers, items, payers, subscriptions};

/// Lines that one invoice gets at most; what is more stands on the next one.
const LINES_MAX: i64 = 200;

/// So long something waits that can't be billed, before it is tried again.
const POSTPONED: chrono::Duration = chrono::Duration::hours(1);

/// The job.
pub(crate) struct Run {
    platform: PgPool,
    clock: Arc<dyn Clock>,
}

/// Someone who is due to be billed.
#[derive(Debug, Clone, Copy)]
struct Due {
    workspace: WorkspaceId,
    customer: CustomerId,
    location: LocationId,
}

impl Run {
    pub(crate) fn new(platform: PgPool, clock: Arc<dyn Clock>) -> Self {
        Self { platform, clock }
    }

    /// Bills someone who is due.
    async fn bill_next(&self) -> Result<bool, InvoiceError> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let Some(due) = claim(&mut tx, now).await? else { return Ok(false) };
        match bill(&mut tx, due, now).await {
            Ok(()) => tx.commit().await?,
            Err(error) if is_outage(&error) => return Err(error),
            Err(error) => {
                // Nobody else waits for them.
                tx.rollback().await?;
                tracing::error!(
                    workspace.id = %due.workspace, customer.id = %due.customer,
                    error = &error as &dyn std::error::Error, "can't be billed; is tried again in an hour"
                );
                postpone(&self.platform, due, now).await?;
            }
        }
        Ok(true)
    }

    /// Looks at an invoice whose day has come.
    async fn look_next(&self) -> Result<bool, InvoiceError> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let Some(invoice) = store::claim_due(&mut tx, now).await? else { return Ok(false) };
        let (workspace, id) = (invoice.workspace, invoice.id);
        match invoices::look(&mut tx, invoice, now).await {
            Ok(()) => tx.commit().await?,
            Err(error) if is_outage(&error) => return Err(error),
            Err(error) => {
                // No other one waits for it.
                tx.rollback().await?;
                tracing::error!(
                    workspace.id = %workspace, invoice.id = %id,
                    error = &error as &dyn std::error::Error, "can't be looked at; is tried again in an hour"
                );
                let mut conn = self.platform.acquire().await?;
                store::postpone(&mut conn, workspace, id, now + POSTPONED).await?;
            }
        }
        Ok(true)
    }
}

impl Job for Run {
    type Error = InvoiceError;
    const POLL: Duration = Duration::from_secs(1);
    const WAITS: &'static str = "the billing run waits";

    async fn next(&self) -> Result<bool, InvoiceError> {
        // One of each, so that neither waits for all of the other.
        let (was_billed, was_looked_at) = (self.bill_next().await?, self.look_next().await?);
        Ok(was_billed || was_looked_at)
    }
}

/// Whether it is Postgres that can't, and not what was to be done.
fn is_outage(error: &InvoiceError) -> bool {
    match error {
        InvoiceError::Store(error)
        | InvoiceError::Books(BooksError::Store(error))
        | InvoiceError::Outbox(OutboxError::Store(error)) => is_unavailable(error),
        _ => false,
    }
}

/// Locks someone who is due; each replica someone else.
async fn claim(conn: &mut PgConnection, now: Timestamp) -> Result<Option<Due>, sqlx::Error> {
    let found: Option<(Uuid, Uuid, Uuid)> = sqlx::query_as(
        "select due.workspace_id, due.customer_id, due.location_id from (
           (select workspace_id, customer_id, location_id, due_at from subscription
             where due_at <= $1 order by due_at limit 50)
           union all
           (select workspace_id, customer_id, location_id, due_at from invoice_item
             where due_at <= $1 order by due_at limit 50)
         ) due join customer on customer.workspace_id = due.workspace_id and customer.id = due.customer_id
          order by due.due_at limit 1 for update of customer skip locked",
    )
    .bind(now)
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|(workspace, customer, location)| Due {
        workspace: WorkspaceId::from_uuid(workspace),
        customer: CustomerId::from_uuid(customer),
        location: LocationId::from_uuid(location),
    }))
}

/// Puts all that someone has at a location and is due on one invoice; one for each currency.
async fn bill(conn: &mut PgConnection, due: Due, now: Timestamp) -> Result<(), InvoiceError> {
    let Due { workspace, customer, location } = due;
    let mut lines: Vec<Line> = Vec::new();
    let mut time_zone = None;
    for subscription in subscriptions::lock_due(conn, workspace, customer, location, now).await? {
        let (its_lines, after) = subscription.bill(now);
        subscriptions::update(conn, &after).await?;
        time_zone = Some(after.time_zone);
        lines.extend(its_lines);
    }
    for item in items::take_due(conn, workspace, customer, location, now, LINES_MAX).await? {
        time_zone = Some(item.time_zone);
        lines.push(item.line());
    }
    lines.retain(|line| !line.unit_price.is_zero());
    let Some(time_zone) = time_zone else { return Ok(()) };
    let holder = customers::holder(conn, workspace, customer).await?.ok_or(sqlx::Error::RowNotFound)?;
    let place = Place { workspace, holder, location: Some(location), time_zone };
    while let Some(first) = lines.first() {
        let currency = first.unit_price.currency();
        let (its, others) = lines.into_iter().partition(|line| line.unit_price.currency() == currency);
        lines = others;
        let bill_to = payers::bill_to(conn, workspace, customer).await?;
        let draft = Draft { bill_to, lines: its, due_on: None, memo: String::new() };
        invoices::raise(conn, place, draft, false, now).await?;
    }
    Ok(())
}

/// Someone who can't be billed waits, so that others don't.
async fn postpone(pool: &PgPool, due: Due, now: Timestamp) -> Result<(), sqlx::Error> {
    for query in [
        "update subscription set due_at = $5
          where workspace_id = $1 and customer_id = $2 and location_id = $3 and due_at <= $4",
        "update invoice_item set due_at = $5
          where workspace_id = $1 and customer_id = $2 and location_id = $3 and due_at <= $4",
    ] {
        sqlx::query(query)
            .bind(due.workspace.uuid())
            .bind(due.customer.uuid())
            .bind(due.location.uuid())
            .bind(now)
            .bind(now + POSTPONED)
            .execute(pool)
            .await?;
    }
    Ok(())
}
