//! What Stripe reports by webhooks: verified, noted once, answered; applied afterwards.
//!
//! What a report says is not believed, for it may come twice, late, and in any order. It is a reason to read anew what it
//! is about, by the entry of the money sweep ([`sweep::take`]), which finds later what was never reported.

use domain::{Timestamp, WorkspaceId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::app::App;
use crate::credentials::Site;
use crate::error::{Error, refusal};
use crate::sweep;
use crate::vendor::{ListedEvent, Mode, Signed, read_event};

/// When it is tried again to apply what could not be.
const PAUSE: chrono::Duration = chrono::Duration::minutes(1);
/// So long events are known as heard. Stripe sends one again for three days, by itself, and for 30 if it is asked to.
const KEPT: chrono::Duration = chrono::Duration::days(31);
/// Events that one statement forgets at most.
const FORGOTTEN_MAX: i64 = 1_000;

/// A report that is to be applied.
struct Report {
    site: Site,
    event: ListedEvent,
}

impl App {
    /// Takes in a report that was sent to a site's endpoint: the body as it came, and its signature.
    pub(crate) async fn receive(&self, site: Site, signature: &str, body: &[u8]) -> Result<(), Error> {
        let now = self.clock.now();
        let signed = Signed::read(signature, now)?;
        let keys = self.credentials.keys(site).await?;
        // A location without keys of its own has no endpoint: its account reports to the workspace's.
        let keys = keys.filter(|keys| keys.site == site && !keys.webhook_secrets.is_empty());
        let keys = keys.ok_or(Error::NoWebhook)?;
        signed.verify(&keys.webhook_secrets, body)?;
        let (event, is_live) =
            read_event(body).map_err(|_| refusal("body", "must be an event as Stripe sends it"))?;
        // Of what happens in the other mode this key can read nothing.
        let is_of_key = Mode::of_key(&keys.secret).is_some_and(|mode| is_live == (mode == Mode::Live));
        let mut tx = self.pool.begin(site.workspace).await?;
        note(&mut tx, site, &event, is_of_key, now).await?;
        Ok(tx.commit().await?)
    }

    /// Applies the report that waits longest. Whether there was one.
    pub(crate) async fn apply_report(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let Some(report) = claim(&mut tx, now).await? else { return Ok(false) };
        match sweep::take(&mut tx, report.site, &report.event, now).await {
            Ok(()) => settle(&mut tx, &report, None).await?,
            Err(error) => {
                tracing::warn!(
                    workspace.id = %report.site.workspace, event.r#ref = report.event.event_ref,
                    error = &error as &dyn std::error::Error, "what Stripe reported is not applied yet",
                );
                drop(tx);
                tx = self.platform.begin().await?;
                settle(&mut tx, &report, Some(now + PAUSE)).await?;
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Forgets old reports, a batch. Whether there were any.
    pub(crate) async fn forget_reports(&self) -> Result<bool, Error> {
        let mut tx = self.platform.begin().await?;
        let is_some = forget(&mut tx, self.clock.now() - KEPT).await?;
        tx.commit().await?;
        Ok(is_some)
    }
}

/// Notes a report; one that is known stays as it is.
async fn note(
    conn: &mut PgConnection,
    site: Site,
    event: &ListedEvent,
    is_due: bool,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into stripe_event (workspace_id, site_id, event_ref, kind, told, received_at, due_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
    )
    .bind(site.workspace.uuid())
    .bind(site.id())
    .bind(&event.event_ref)
    .bind(&event.kind)
    .bind(Json(event))
    .bind(now)
    .bind(is_due.then_some(now))
    .execute(conn)
    .await?;
    Ok(())
}

/// The report of any workspace that waits longest, locked.
async fn claim(conn: &mut PgConnection, now: Timestamp) -> Result<Option<Report>, sqlx::Error> {
    let found: Option<(Uuid, Uuid, Json<ListedEvent>)> = sqlx::query_as(
        "select workspace_id, site_id, told from stripe_event where due_at <= $1
          order by due_at limit 1 for update skip locked",
    )
    .bind(now)
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|(workspace, site, Json(event))| Report {
        site: Site::of_id(WorkspaceId::from_uuid(workspace), site),
        event,
    }))
}

async fn settle(
    conn: &mut PgConnection,
    report: &Report,
    due_at: Option<Timestamp>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update stripe_event set due_at = $4 where workspace_id = $1 and site_id = $2 and event_ref = $3",
    )
    .bind(report.site.workspace.uuid())
    .bind(report.site.id())
    .bind(&report.event.event_ref)
    .bind(due_at)
    .execute(conn)
    .await?;
    Ok(())
}

async fn forget(conn: &mut PgConnection, before: Timestamp) -> Result<bool, sqlx::Error> {
    let forgotten = sqlx::query(
        "delete from stripe_event where (workspace_id, site_id, event_ref) in (
           select workspace_id, site_id, event_ref from stripe_event
            where due_at is null and received_at < $1 order by received_at limit $2)",
    )
    .bind(before)
    .bind(FORGOTTEN_MAX)
    .execute(conn)
    .await?;
    Ok(forgotten.rows_affected() > 0)
}
