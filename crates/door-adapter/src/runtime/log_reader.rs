//! Looks after accounts, and reads their providers' own logs, each as often as the setting says, and tells what is new there.
//!
//! A reading begins some time before the end of the one before, for events stand in logs late; which of them were told
//! is known. Page by page, what is new is told and noted as told, in one transaction. How far the log was read is noted
//! once all of it is: what was interrupted, or could not be read, is read again.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use events::outbox;
use futures::TryStreamExt as _;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::turns::{self, Job, Stopped};
use crate::config::LogConfig;
use crate::credentials::Credentials;
use crate::facts::Source;
use crate::log::{DoorEvent, Progress, Reading, TOLD_KEPT};
use crate::provider::{Account, DoorProvider};
use crate::store::log::{self, Claimed, Next};

/// Events of one transaction.
const BATCH: usize = 200;

/// The job. Idempotent; any number of processes share the accounts.
pub(crate) struct LogReader<P> {
    pub provider: Arc<P>,
    pub pool: PgPool,
    pub clock: Arc<dyn Clock>,
    pub credentials: Arc<Credentials>,
    pub config: LogConfig,
    pub poll: Duration,
    /// How long an account stays with a process that has died.
    pub lease: Duration,
    pub source: Source,
    /// Wakes this job.
    pub wake: Arc<Notify>,
    pub readings: Counter<u64>,
}

impl<P: DoorProvider> Job for LogReader<P> {
    type Claimed = Claimed;
    const ACCOUNTS_MAX: usize = 16;

    async fn claim(&self, max: usize) -> Result<Vec<Claimed>, sqlx::Error> {
        let mut conn = self.pool.acquire().await?;
        log::claim(&mut conn, Uuid::now_v7(), self.lease, max).await
    }

    async fn take_turn(&self, claimed: &Claimed, shutdown: &CancellationToken) {
        let reading = claimed.progress.next(self.clock.now());
        let (outcome, progress, next) = match self.read(claimed, reading, shutdown).await {
            Ok(true) if reading.is_behind => ("whole", reading.then, Next::In(Duration::ZERO)),
            Ok(true) => ("whole", reading.then, Next::In(self.config.every())),
            Ok(false) => ("not_connected", claimed.progress, Next::WhenConnected),
            Err(Stopped::Failed(error)) => {
                tracing::warn!(
                    provider.name = P::NAME, workspace.id = %claimed.account.workspace,
                    integration.id = %claimed.account.id, kind = ?error.kind, reason = error.reason,
                    "the provider's log cannot be read; trying again"
                );
                let wait = error.retry_after.unwrap_or_default().max(self.config.every());
                ("failed", claimed.progress, Next::In(wait))
            }
            // Whoever has the account next reads anew: the lease runs out.
            Err(Stopped::Left) => return,
            Err(Stopped::Ledger(error)) => {
                tracing::warn!(integration.id = %claimed.account.id, error = %error.0,
                    "the provider's log is read later: the database is away");
                return;
            }
        };
        self.readings.add(1, &[KeyValue::new("provider.name", P::NAME), KeyValue::new("outcome", outcome)]);
        if let Err(error) = self.finish(claimed, progress, next).await {
            tracing::warn!(integration.id = %claimed.account.id, %error, "the lease stays until it runs out");
        }
        if reading.is_behind {
            self.wake.notify_one();
        }
    }
}

impl<P: DoorProvider> LogReader<P> {
    /// Reads until shutdown.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let (wake, poll) = (self.wake.clone(), self.poll);
        turns::run(self, &wake, poll, shutdown).await;
    }

    async fn finish(&self, claimed: &Claimed, progress: Progress, next: Next) -> Result<(), sqlx::Error> {
        let mut conn = self.pool.acquire().await?;
        if progress.swept_at != claimed.progress.swept_at {
            let before = self.clock.now() - TOLD_KEPT;
            log::forget_told(&mut conn, claimed.account, before).await?;
        }
        log::finish(&mut conn, claimed, progress, next).await
    }

    /// Reads, and tells what is new. `false` if nothing is connected.
    async fn read(
        &self,
        claimed: &Claimed,
        reading: Reading,
        shutdown: &CancellationToken,
    ) -> Result<bool, Stopped> {
        let found = self.credentials.fresh_account(claimed.site).await.map_err(Stopped::Failed)?;
        let Some(account) = found.filter(|account| account.integration == claimed.account) else {
            return Ok(false);
        };
        if let Some(error) = self.credentials.refusal(&account) {
            return Err(Stopped::Failed(error));
        }
        let tended = self.provider.tend(&account).await;
        let mut pages = pin!(self.provider.read_log(&account, reading.window));
        let mut ticks = tokio::time::interval(self.lease / 3);
        loop {
            let page = tokio::select! {
                () = shutdown.cancelled() => return Err(Stopped::Left),
                page = pages.try_next() => page?,
                _ = ticks.tick() => {
                    let mut conn = self.pool.acquire().await?;
                    self.renew(&mut conn, claimed).await?;
                    continue;
                }
            };
            let Some(page) = page else { return Ok(tended.map(|()| true)?) };
            for events in page.chunks(BATCH) {
                self.tell(claimed, &account, events).await?;
            }
        }
    }

    /// Prolongs the lease, unless someone else has the account by now.
    async fn renew(&self, conn: &mut PgConnection, claimed: &Claimed) -> Result<(), Stopped> {
        if log::renew(conn, claimed, self.lease).await? { Ok(()) } else { Err(Stopped::Left) }
    }

    /// Tells those of the events that were not told, unless someone else has the account by now.
    async fn tell(&self, claimed: &Claimed, account: &Account, events: &[DoorEvent]) -> Result<(), Stopped> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        self.renew(&mut tx, claimed).await?;
        let mut new = log::note_told(&mut tx, account.integration, events, now).await?;
        // A page may have one twice.
        let new = events.iter().filter(|event| new.remove(&event.event_ref));
        let messages: Vec<_> =
            new.map(|event| self.source.door_event_logged(account.integration, event, now)).collect();
        outbox::append(&mut tx, &messages).await?;
        Ok(tx.commit().await?)
    }
}
