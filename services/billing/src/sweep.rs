//! The money sweep: what happened at Stripe is listed from where it was looked at last, and what it is about is read
//! anew. So nothing depends on notices that may not come.
//!
//! An event is a reason to look, no news by itself. Applied twice it does nothing; so the cursor moves on in the
//! transaction that takes it down, and whoever dies before that looks once more.

use domain::{Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::app::App;
use crate::credentials::Site;
use crate::error::Error;
use crate::store::method;
use crate::vendor::{ListedEvent, Since, is_missing};
use crate::{news, payments};

/// How often an account is looked through.
const PERIOD: chrono::Duration = chrono::Duration::hours(1);
/// When it is looked again after Stripe could not be asked.
const PAUSE: chrono::Duration = chrono::Duration::minutes(5);

/// An account that is due.
struct Due {
    site: Site,
    /// What happened from then on counts.
    since: Since,
    /// The last event that was looked at.
    last: Option<Since>,
}

/// Has a site looked through, from now on. One that is known stays as it is.
pub(crate) async fn begin(conn: &mut PgConnection, site: Site, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into stripe_sweep (workspace_id, site_id, since, due_at) values ($1, $2, $3, $4)
         on conflict do nothing",
    )
    .bind(site.workspace.uuid())
    .bind(site.id())
    .bind(now)
    .bind(now + PERIOD)
    .execute(conn)
    .await?;
    Ok(())
}

impl App {
    /// Looks through the account that is due longest, one page. Whether there was one.
    pub(crate) async fn sweep_next(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let Some(due) = claim(&mut tx, now).await? else { return Ok(false) };
        tx.commit().await?;
        match self.look_through(&due, now).await {
            Ok(()) => {}
            Err(error) => tracing::warn!(
                workspace.id = %due.site.workspace, error = &error as &dyn std::error::Error,
                "a Stripe account is not looked through yet",
            ),
        }
        Ok(true)
    }

    async fn look_through(&self, due: &Due, now: Timestamp) -> Result<(), Error> {
        let (_, account) = self.account(due.site).await?;
        let (events, has_more) = match account.list_events(due.last.as_ref().unwrap_or(&due.since)).await {
            // The key is another account's by now, or the event is older than Stripe keeps them.
            Err(error) if is_missing(&error) => account.list_events(&due.since).await?,
            listed => listed?,
        };
        let mut tx = self.platform.begin().await?;
        for event in &events {
            take(&mut tx, due.site, event, now).await?;
        }
        let last = events.last().map(|event| event.event_ref.as_str());
        move_on(&mut tx, due.site, last, if has_more { now } else { now + PERIOD }).await?;
        Ok(tx.commit().await?)
    }
}

/// Has what an event is about read anew, be it listed or reported. What moved money and has no counterpart here is taken down for a person; what
/// others made at the account is none of our business.
pub(crate) async fn take(
    conn: &mut PgConnection,
    site: Site,
    event: &ListedEvent,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    if event.kind == "payment_method.detached" {
        return method::remove_by_ref(conn, site, &event.object_ref, now).await;
    }
    news::take(conn, site, event, now).await?;
    if event.intent_ref.is_empty() {
        return Ok(());
    }
    let is_known = payments::look_at_intent(conn, site, &event.intent_ref, now).await?;
    if ["refund.", "charge.refund", "charge.dispute."].iter().any(|kind| event.kind.starts_with(kind)) {
        payments::survey_intent(conn, site, &event.intent_ref, now).await?;
    }
    let is_unexplained = event.kind == "payment_intent.succeeded" && !is_known && event.is_ours;
    if is_unexplained { note(conn, site, event, now).await } else { Ok(()) }
}

/// The account that is due longest. It is due again soon, should we die.
async fn claim(conn: &mut PgConnection, now: Timestamp) -> Result<Option<Due>, sqlx::Error> {
    let found: Option<(Uuid, Uuid, Timestamp, Option<String>)> = sqlx::query_as(
        "update stripe_sweep set due_at = $2
          where (workspace_id, site_id) = (
            select workspace_id, site_id from stripe_sweep where due_at <= $1
             order by due_at limit 1 for update skip locked)
         returning workspace_id, site_id, since, event_ref",
    )
    .bind(now)
    .bind(now + PAUSE)
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|(workspace, site, since, event)| Due {
        site: Site::of_id(WorkspaceId::from_uuid(workspace), site),
        since: Since::Moment(since.timestamp()),
        last: event.map(Since::Event),
    }))
}

async fn move_on(
    conn: &mut PgConnection,
    site: Site,
    last: Option<&str>,
    due_at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update stripe_sweep set event_ref = coalesce($3, event_ref), due_at = $4
          where workspace_id = $1 and site_id = $2",
    )
    .bind(site.workspace.uuid())
    .bind(site.id())
    .bind(last)
    .bind(due_at)
    .execute(conn)
    .await?;
    Ok(())
}

async fn note(
    conn: &mut PgConnection,
    site: Site,
    event: &ListedEvent,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let noted = sqlx::query(
        "insert into unexplained_event (workspace_id, site_id, event_ref, kind, object_ref, found_at)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
    )
    .bind(site.workspace.uuid())
    .bind(site.id())
    .bind(&event.event_ref)
    .bind(&event.kind)
    .bind(&event.object_ref)
    .bind(now)
    .execute(conn)
    .await?;
    if noted.rows_affected() == 1 {
        tracing::error!(
            workspace.id = %site.workspace, event.kind = event.kind, event.r#ref = event.event_ref,
            "money moved at Stripe that is in no books: look at billing.unexplained_event",
        );
    }
    Ok(())
}
