//! Takes messages from a stream in batches and applies each exactly once.
//!
//! A batch is one transaction: inbox rows, the handler's effect, its own outbox rows. Messages are
//! acknowledged after the commit; one delivered again finds its inbox row and is acknowledged
//! unread. When a batch can't be applied its messages are tried one by one, so that a bad one hinders
//! no other. While Postgres is away, nothing is given back: the batch waits and is kept alive.

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::{AckKind, Message};
use domain::Clock;
use futures::StreamExt;
use sqlx::{PgConnection, PgPool};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Span;
use uuid::Uuid;

use crate::pace::Pace;
use crate::subject::StreamKind;
use crate::{Bus, Envelope, dead_letter, trace};

/// A request for messages stands this long.
const FETCH_WAIT: Duration = Duration::from_secs(5);

/// Which messages a consumer takes, and how.
#[derive(Debug, Clone)]
pub struct ConsumerConfig {
    /// Durable name: `<service>-<purpose>`.
    pub name: String,
    /// Which stream.
    pub stream: StreamKind,
    /// Which subjects, without the root; one filter, for NATS 2.9 knows no more.
    pub filter: String,
    /// Messages per transaction at most.
    pub batch: usize,
    /// Without a sign of life for this long, a message is given to another replica.
    pub ack_wait: Duration,
    /// Deliveries before a message goes to the dead letters.
    pub deliveries_max: i64,
    /// Waits before a message that failed is delivered again: the first, the second, … the last repeats.
    pub redelivery_delays: Vec<Duration>,
}

impl ConsumerConfig {
    /// The usual settings.
    pub fn new(name: &str, stream: StreamKind, filter: &str) -> Self {
        Self {
            name: name.to_owned(),
            stream,
            filter: filter.to_owned(),
            batch: 200,
            ack_wait: Duration::from_secs(30),
            deliveries_max: 12,
            redelivery_delays: [1, 5, 15, 60, 300].map(Duration::from_secs).to_vec(),
        }
    }
}

/// A message and what it says.
#[derive(Debug)]
pub struct Received<T> {
    /// Its attributes.
    pub envelope: Envelope,
    /// Its decoded body.
    pub body: T,
    /// A span in the trace of the message. Messages that the handler makes inside of it belong to that
    /// trace.
    pub span: Span,
}

/// Why a batch could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Postgres is away or asks to try again: the same batch is tried again at once, uncounted.
    #[error("the database is not ready")]
    Unavailable(#[source] sqlx::Error),
    /// May go better later; counted, then a dead letter.
    #[error("{0}")]
    Later(String),
    /// Will never go: a dead letter.
    #[error("{0}")]
    Never(String),
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        if is_unavailable(&error) { Self::Unavailable(error) } else { Self::Later(error.to_string()) }
    }
}

impl From<crate::outbox::OutboxError> for ApplyError {
    fn from(error: crate::outbox::OutboxError) -> Self {
        match error {
            crate::outbox::OutboxError::Store(error) => error.into(),
            error @ crate::outbox::OutboxError::TooLarge { .. } => Self::Never(error.to_string()),
        }
    }
}

/// Whether the database could not be asked, as opposed to having said no.
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // 08 connection, 40 rolled back, 53 resources, 55P03 lock timeout, 57P shutting down or starting.
        // Not 57014: a statement that takes too long may do so each time.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "40", "53", "57P"].iter().any(|class| code.starts_with(class)) || code == "55P03"
        }),
        _ => false,
    }
}

/// What a consumer does with messages.
pub trait Handler: Send + Sync + 'static {
    /// A decoded body.
    type Body: Send + Sync;

    /// Decodes a body. `Ok(None)`: not for this consumer. `Err`: a dead letter with that reason.
    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Self::Body>, String>;

    /// Applies messages in the given transaction, all or none. None of them was applied before; their
    /// order says nothing, aggregates' versions do.
    fn apply(
        &self,
        conn: &mut PgConnection,
        batch: &[&Received<Self::Body>],
    ) -> impl Future<Output = Result<(), ApplyError>> + Send;

    /// Called after the commit of a batch, to wake whoever waits for its effect.
    fn applied(&self) {}
}

/// Decodes the JSON of a generated message.
pub fn decode_json<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, String> {
    serde_json::from_slice(payload).map_err(|error| format!("body is not valid JSON of its type: {error}"))
}

/// A durable consumer. Any number of replicas share its messages.
pub struct Consumer<H> {
    pool: PgPool,
    bus: Bus,
    clock: Arc<dyn Clock>,
    config: ConsumerConfig,
    handler: H,
}

struct Delivery<T> {
    message: Message,
    received: Received<T>,
}

impl<H: Handler> Consumer<H> {
    /// A consumer that applies messages with `handler` through `pool`.
    pub fn new(pool: PgPool, bus: Bus, clock: Arc<dyn Clock>, config: ConsumerConfig, handler: H) -> Self {
        Self { pool, bus, clock, config, handler }
    }

    /// Consumes until shutdown. Losses of NATS, even of its stream, are waited out.
    pub async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let session = tokio::select! {
                () = shutdown.cancelled() => return,
                session = self.session(&shutdown) => session,
            };
            if let Err(error) = session {
                tracing::warn!(consumer = self.config.name, error, "consuming waits");
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_millis(250)) => {}
                }
            }
        }
    }

    /// Consumes until the subscription breaks.
    async fn session(&self, shutdown: &CancellationToken) -> Result<(), async_nats::Error> {
        let mut epoch = self.bus.epoch();
        epoch.mark_unchanged();
        let consumer = self.subscribe().await?;
        let mut pace = Pace::default();
        loop {
            let fetch = async {
                pace.ready().await;
                self.fetch(&consumer).await
            };
            let messages = tokio::select! {
                // A request does not outlive its connection.
                _ = epoch.changed() => return Ok(()),
                messages = fetch => messages?,
            };
            if messages.is_empty() {
                // NATS does not answer requests to a consumer that someone deleted.
                consumer.get_info().await?;
                continue;
            }
            if messages.len() < self.config.batch {
                pace.begin(Instant::now());
            } else {
                pace.hurry();
            }
            self.process(messages, shutdown).await?;
        }
    }

    /// Waits for messages and takes those that are there, a batch at most; none if none came for a
    /// while. Nothing is asked for ahead: what waits in a buffer here would give no sign of life.
    async fn fetch(&self, consumer: &PullConsumer) -> Result<Vec<Message>, async_nats::Error> {
        let mut messages =
            consumer.fetch().max_messages(self.config.batch).expires(FETCH_WAIT).messages().await?;
        let mut batch = Vec::new();
        while let Some(message) = messages.next().await {
            match message {
                Ok(message) => batch.push(message),
                Err(error) if batch.is_empty() => return Err(error),
                // Those that came are not to blame; the next request fails, too.
                Err(_) => break,
            }
        }
        Ok(batch)
    }

    async fn subscribe(&self) -> Result<PullConsumer, async_nats::Error> {
        // All of them: without a place for dead letters a bad message would come again and again.
        self.bus.ensure_streams().await?;
        let stream = self.bus.stream(self.config.stream).await?;
        let config = pull::Config {
            durable_name: Some(self.config.name.clone()),
            filter_subject: self.bus.root().subject(&self.config.filter),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.config.ack_wait,
            // The bound is ours (deliveries_max): NATS would leave the message lying and tell nobody.
            max_deliver: -1,
            max_ack_pending: (self.config.batch * 5) as i64,
            ..Default::default()
        };
        Ok(stream.get_or_create_consumer(&self.config.name, config).await?)
    }

    async fn process(
        &self,
        messages: Vec<Message>,
        shutdown: &CancellationToken,
    ) -> Result<(), async_nats::Error> {
        let mut batch = Vec::with_capacity(messages.len());
        for message in messages {
            if let Some(delivery) = self.admit(message).await? {
                batch.push(delivery);
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        let done = AtomicUsize::new(0);
        tokio::select! {
            outcome = self.dispose(&batch, &done, shutdown) => outcome,
            never = self.keep_alive(&batch, &done) => match never {},
        }
    }

    /// Tells NATS, as long as it is polled, that the messages after the first `done` are in work.
    async fn keep_alive(&self, batch: &[Delivery<H::Body>], done: &AtomicUsize) -> Infallible {
        loop {
            tokio::time::sleep(self.config.ack_wait / 3).await;
            for delivery in batch.iter().skip(done.load(Ordering::Relaxed)) {
                // If this fails, NATS is away too and will deliver again.
                let _ = delivery.message.ack_with(AckKind::Progress).await;
            }
        }
    }

    /// Applies a batch, as a whole or one by one, and tells NATS what came of each message. `done` counts
    /// those that are decided.
    async fn dispose(
        &self,
        batch: &[Delivery<H::Body>],
        done: &AtomicUsize,
        shutdown: &CancellationToken,
    ) -> Result<(), async_nats::Error> {
        let outcome = self.apply_patiently(batch, shutdown).await;
        if outcome.is_ok() || batch.len() == 1 {
            done.store(batch.len(), Ordering::Relaxed);
            return match outcome {
                Ok(()) => acknowledge(batch).await,
                Err(error) => self.refuse(&batch[0], &error).await,
            };
        }
        for (number, delivery) in batch.iter().enumerate() {
            let single = std::slice::from_ref(delivery);
            let outcome = self.apply_patiently(single, shutdown).await;
            done.store(number + 1, Ordering::Relaxed);
            match outcome {
                Ok(()) => acknowledge(single).await?,
                Err(error) => self.refuse(delivery, &error).await?,
            }
        }
        Ok(())
    }

    /// Decodes a message, or disposes of it: not ours, unreadable, delivered too often.
    async fn admit(&self, message: Message) -> Result<Option<Delivery<H::Body>>, async_nats::Error> {
        let envelope =
            Envelope::read(&message.subject, message.headers.as_ref(), &message.payload, self.clock.now());
        let Some(envelope) = envelope else {
            self.bury(&message, "the subject does not end with a workspace id", None).await?;
            return Ok(None);
        };
        let deliveries = message.info()?.delivered;
        if deliveries > self.config.deliveries_max {
            let reason = format!("delivered {deliveries} times without an outcome");
            self.bury(&message, &reason, Some(&envelope)).await?;
            return Ok(None);
        }
        match self.handler.decode(&envelope, &message.payload) {
            Ok(Some(body)) => {
                let span = tracing::info_span!(
                    "process",
                    otel.name = format!("process {}", short_name(&envelope.type_name)),
                    otel.kind = "consumer",
                    messaging.system = "nats",
                    messaging.consumer.group.name = self.config.name,
                    messaging.message.id = %envelope.id,
                    workspace.id = %envelope.workspace,
                );
                trace::continue_from(&span, envelope.traceparent.as_deref());
                Ok(Some(Delivery { message, received: Received { envelope, body, span } }))
            }
            Ok(None) => {
                message.ack().await?;
                Ok(None)
            }
            Err(reason) => {
                self.bury(&message, &reason, Some(&envelope)).await?;
                Ok(None)
            }
        }
    }

    /// Applies a batch, waiting as long as the database is away.
    async fn apply_patiently(
        &self,
        batch: &[Delivery<H::Body>],
        shutdown: &CancellationToken,
    ) -> Result<(), ApplyError> {
        let mut wait = Duration::from_millis(50);
        loop {
            let error = match self.apply(batch).await {
                Err(ApplyError::Unavailable(error)) => error,
                outcome => return outcome,
            };
            tracing::warn!(consumer = self.config.name, error = %error, "the database is away; waiting");
            tokio::select! {
                () = shutdown.cancelled() => return Err(ApplyError::Unavailable(error)),
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(Duration::from_secs(2)),
            }
        }
    }

    async fn apply(&self, batch: &[Delivery<H::Body>]) -> Result<(), ApplyError> {
        let batch: Vec<_> = batch.iter().map(|delivery| &delivery.received).collect();
        apply(&self.pool, &self.config.name, &self.handler, &batch).await
    }

    /// Gives a message back for later, or buries it.
    async fn refuse(
        &self,
        delivery: &Delivery<H::Body>,
        error: &ApplyError,
    ) -> Result<(), async_nats::Error> {
        let deliveries = delivery.message.info()?.delivered;
        let is_last = deliveries >= self.config.deliveries_max;
        match error {
            ApplyError::Never(_) => {}
            ApplyError::Later(_) if is_last => {}
            ApplyError::Later(_) | ApplyError::Unavailable(_) => {
                let delay = redelivery_delay(&self.config.redelivery_delays, deliveries);
                tracing::warn!(
                    consumer = self.config.name,
                    message.id = %delivery.received.envelope.id,
                    deliveries,
                    error = %error,
                    "not applied; delivered again later"
                );
                return delivery.message.ack_with(AckKind::Nak(Some(delay))).await;
            }
        }
        self.bury(&delivery.message, &error.to_string(), Some(&delivery.received.envelope)).await
    }

    async fn bury(
        &self,
        message: &Message,
        reason: &str,
        envelope: Option<&Envelope>,
    ) -> Result<(), async_nats::Error> {
        tracing::error!(
            consumer = self.config.name,
            message.id = envelope.map(|e| e.id.to_string()),
            subject = %message.subject,
            reason,
            "put among the dead letters"
        );
        dead_letter::bury(&self.bus, &self.config.name, reason, message).await?;
        message.ack().await
    }
}

/// What a consumer does between a delivery and its acknowledgement: applies the messages that it did not apply
/// before, each once, in one transaction with their inbox rows.
pub async fn apply<H: Handler>(
    pool: &PgPool,
    consumer: &str,
    handler: &H,
    batch: &[&Received<H::Body>],
) -> Result<(), ApplyError> {
    let mut tx = pool.begin().await?;
    let ids: Vec<Uuid> = batch.iter().map(|received| received.envelope.id.uuid()).collect();
    let fresh: Vec<Uuid> = sqlx::query_scalar(
        "insert into inbox (consumer, event_id) select $1, id from unnest($2::uuid[]) as id
         on conflict do nothing returning event_id",
    )
    .bind(consumer)
    .bind(ids)
    .fetch_all(&mut *tx)
    .await?;
    if fresh.is_empty() {
        return Ok(());
    }
    let mut fresh: HashSet<Uuid> = fresh.into_iter().collect();
    // `remove`, so that a message that is in the batch twice is applied once.
    let received: Vec<&Received<H::Body>> =
        batch.iter().copied().filter(|received| fresh.remove(&received.envelope.id.uuid())).collect();
    handler.apply(&mut tx, &received).await?;
    tx.commit().await?;
    handler.applied();
    Ok(())
}

async fn acknowledge<T>(batch: &[Delivery<T>]) -> Result<(), async_nats::Error> {
    for delivery in batch {
        delivery.message.ack().await?;
    }
    Ok(())
}

fn short_name(type_name: &str) -> &str {
    type_name.rsplit('.').next().unwrap_or(type_name)
}

/// The wait after the `deliveries`-th delivery failed; the last one of the list repeats.
fn redelivery_delay(delays: &[Duration], deliveries: i64) -> Duration {
    let index = usize::try_from(deliveries - 1).unwrap_or_default().min(delays.len().saturating_sub(1));
    delays.get(index).copied().unwrap_or(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_the_last_one_repeats() {
        let delays = [1, 5, 60].map(Duration::from_secs);
        let seconds: Vec<u64> = (1..=5).map(|n| redelivery_delay(&delays, n).as_secs()).collect();
        assert_eq!(seconds, [1, 5, 60, 60, 60]);
        assert_eq!(redelivery_delay(&[], 3), Duration::from_secs(1));
    }

    #[test]
    fn only_an_absent_database_is_waited_for() {
        assert!(is_unavailable(&sqlx::Error::PoolTimedOut));
        assert!(is_unavailable(&sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into())));
        assert!(!is_unavailable(&sqlx::Error::RowNotFound));
    }
}
