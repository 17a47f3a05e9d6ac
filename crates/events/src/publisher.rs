//! Puts outbox rows on the bus, and again if the bus may have lost them.
//!
//! JetStream acknowledges before it has flushed (every two minutes by default), and a data folder can be
//! lost altogether. So a row counts as settled only if it was published after the stream was made and
//! longer ago than the flush takes. Rows from before the stream was made go out again as soon as that is
//! noticed, those that may not be flushed after every new connection; `Nats-Msg-Id` and the consumers'
//! inboxes make that harmless.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::context::{PublishAckFuture, PublishErrorKind};
use domain::Timestamp;
use futures::FutureExt as _;
use futures::future::join_all;
use sqlx::postgres::PgListener;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Bus;
use crate::pace::Pace;
use crate::subject::StreamKind;

/// How the publisher works.
#[derive(Debug, Clone)]
pub struct PublisherConfig {
    /// Rows per round; bounds memory and the length of the transaction.
    pub batch: i64,
    /// Looks for rows this often even if nobody called, in case a call was missed.
    pub poll: Duration,
    /// How long JetStream may take to flush what it acknowledged: its `sync_interval` and some more.
    pub unflushed: Duration,
    /// Looks this often whether the streams are still those that it published to.
    pub stream_check: Duration,
}

impl Default for PublisherConfig {
    fn default() -> Self {
        Self {
            batch: 500,
            poll: Duration::from_secs(1),
            unflushed: Duration::from_secs(300),
            stream_check: Duration::from_secs(10),
        }
    }
}

/// One per service process. Any number of processes may publish from one outbox.
#[derive(Debug)]
pub struct Publisher {
    pool: PgPool,
    bus: Bus,
    channel: String,
    config: PublisherConfig,
}

#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error("cannot read or mark outbox rows")]
    Store(#[from] sqlx::Error),
    #[error("the bus is not ready")]
    Bus(#[from] crate::bus::BusError),
    #[error("the bus did not take {failed} of {batch} rows")]
    Refused {
        failed: usize,
        batch: usize,
        #[source]
        source: async_nats::jetstream::context::PublishError,
    },
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    subject: String,
    headers: Json<BTreeMap<String, String>>,
    payload: Vec<u8>,
}

/// What the publisher knows of the streams.
#[derive(Debug, Default)]
struct Known {
    /// When each was made.
    created: HashMap<StreamKind, Timestamp>,
    /// Whether all rows that may not be flushed went out again since the connection was made.
    is_flushed: bool,
}

impl Publisher {
    /// A publisher of the outbox in `schema`, which is the pool's search path.
    pub fn new(pool: PgPool, bus: Bus, schema: &str, config: PublisherConfig) -> Self {
        Self { pool, bus, channel: format!("outbox_{schema}"), config }
    }

    /// Publishes until shutdown. Losses of Postgres or NATS are waited out.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut epoch = self.bus.epoch();
        // The first connection is no news.
        epoch.mark_unchanged();
        let mut listener = None;
        let mut known = Known::default();
        let mut check_at = Instant::now();
        let mut pace = Pace::default();
        loop {
            let round = async {
                pace.ready().await;
                if check_at <= Instant::now() {
                    self.unsettle(&mut known).await?;
                    check_at = Instant::now() + self.config.stream_check;
                }
                // Before the look, or a row could come between it and the LISTEN. Calls that have come
                // already tell of rows that this round will find.
                if !listener.as_mut().is_some_and(drain) {
                    listener = Some(self.listen().await?);
                }
                loop {
                    let began = Instant::now();
                    let rows = self.publish_batch().await?;
                    if rows > 0 {
                        pace.begin(began);
                    }
                    if rows < self.config.batch as usize {
                        break;
                    }
                }
                Ok::<(), PublishError>(())
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                outcome = round => match outcome {
                    Ok(()) => {}
                    Err(error) => {
                        // It may be the stream that is gone.
                        check_at = Instant::now();
                        listener = None;
                        tracing::warn!(error = &error as &dyn std::error::Error, "publishing waits");
                        tokio::select! {
                            () = shutdown.cancelled() => return,
                            () = tokio::time::sleep(Duration::from_millis(250)) => continue,
                        }
                    }
                },
            }
            let Some(calls) = listener.as_mut() else { continue };
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = epoch.changed() => {
                    known.is_flushed = false;
                    check_at = Instant::now();
                }
                () = tokio::time::sleep_until(check_at) => {}
                () = tokio::time::sleep(self.config.poll) => {}
                call = calls.try_recv() => if !matches!(call, Ok(Some(_))) {
                    listener = None;
                },
            }
        }
    }

    async fn listen(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.eager_reconnect(false);
        listener.listen(&self.channel).await?;
        Ok(listener)
    }

    /// Marks rows for another round that the streams may not have: see the module's text.
    async fn unsettle(&self, known: &mut Known) -> Result<(), PublishError> {
        for kind in [StreamKind::Event, StreamKind::Command] {
            let created = self.bus.stream(kind).await?.cached_info().created;
            if known.is_flushed && known.created.get(&kind) == Some(&created) {
                continue;
            }
            let unflushed = if known.is_flushed { Duration::ZERO } else { self.config.unflushed };
            let rows = sqlx::query(
                // A minute's grace, for the two clocks may differ.
                "update outbox set published_at = null
                 where starts_with(subject, $1)
                   and (published_at < $2 + interval '1 minute' or published_at > now() - $3::interval)",
            )
            .bind(format!("{}.", kind.token()))
            .bind(created)
            .bind(unflushed)
            .execute(&self.pool)
            .await?
            .rows_affected();
            known.created.insert(kind, created);
            if rows > 0 {
                tracing::info!(rows, stream = kind.token(), "publishing again what the stream may not have");
            }
        }
        known.is_flushed = true;
        Ok(())
    }

    /// Publishes up to a batch of rows, oldest first, and returns how many. The rows stay locked while
    /// the bus answers, so that replicas share the work instead of doubling it.
    async fn publish_batch(&self) -> Result<usize, PublishError> {
        let mut tx = self.pool.begin().await?;
        let rows: Vec<Row> = sqlx::query_as(
            "select id, subject, headers, payload from outbox where published_at is null
             order by id limit $1 for update skip locked",
        )
        .bind(self.config.batch)
        .fetch_all(&mut *tx)
        .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let batch = rows.len();
        let mut pending = Vec::with_capacity(batch);
        let mut failure = None;
        for row in rows {
            let id = row.id;
            match self.send(row).await {
                Ok(ack) => pending.push((id, ack)),
                Err(error) => {
                    // While NATS is away each row would wait as long again. One that NATS does not take
                    // hinders no other.
                    let is_away = error.kind() == PublishErrorKind::TimedOut;
                    failure = Some(error);
                    if is_away {
                        break;
                    }
                }
            }
        }
        // Together, so that a batch whose answers got lost costs one time out.
        let answers = join_all(pending.into_iter().map(async |(id, ack)| (id, ack.await))).await;
        let mut published = Vec::with_capacity(answers.len());
        for (id, answer) in answers {
            match answer {
                Ok(_) => published.push(id),
                Err(error) => failure = Some(error),
            }
        }
        mark_published(&mut tx, &published).await?;
        tx.commit().await?;
        match failure {
            None => Ok(batch),
            Some(source) => Err(PublishError::Refused { failed: batch - published.len(), batch, source }),
        }
    }

    async fn send(&self, row: Row) -> Result<PublishAckFuture, async_nats::jetstream::context::PublishError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &row.headers.0 {
            headers.insert(name.as_str(), value.as_str());
        }
        self.bus
            .jetstream()
            .publish_with_headers(self.bus.root().subject(&row.subject), headers, row.payload.into())
            .await
    }
}

/// Takes the calls that are there; `false` if the connection is lost.
fn drain(calls: &mut PgListener) -> bool {
    loop {
        match calls.try_recv().now_or_never() {
            None => return true,
            Some(Ok(Some(_))) => {}
            Some(Ok(None) | Err(_)) => return false,
        }
    }
}

async fn mark_published(conn: &mut PgConnection, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query("update outbox set published_at = now() where id = any($1)").bind(ids).execute(conn).await?;
    Ok(())
}
