//! Sends the messages of one channel.
//!
//! A round notes what has finished and takes up what is due, in one transaction; what was taken up is
//! sent by tasks beside it. So the vendor's slowness costs no transaction, and many messages share one.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use events::pace::Pace;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::app::{App, Finished, Round, Work};
use crate::delivery::Delivery;
use crate::engine::{Outcome, Policy};
use crate::error::Error;
use crate::model::Channel;
use crate::secrets::Secrets;

/// Looks at least this often: another replica may have written a message, and clocks step.
const POLL: Duration = Duration::from_secs(1);
/// Wait after Postgres did not answer.
const DATABASE_PAUSE: Duration = Duration::from_millis(250);
/// How long messages that are on their way may take at shutdown. Those that take longer are found by
/// their lease.
const DRAIN: Duration = Duration::from_secs(8);

/// The job. Any number of replicas share the messages.
pub(crate) struct Sender<D> {
    pub app: Arc<App>,
    pub channel: Channel,
    pub delivery: Arc<D>,
    pub secrets: Arc<Secrets>,
    pub policy: Policy,
    /// Messages on their way at once.
    pub in_flight_max: usize,
    /// Called when messages were written.
    pub wake: Arc<Notify>,
}

impl<D: Delivery> Sender<D> {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut flights = JoinSet::new();
        let mut finished = Vec::new();
        let mut look_at = Instant::now();
        let mut pace = Pace::default();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = pace.ready() => {}
            }
            while let Some(ended) = flights.try_join_next() {
                finished.extend(ended.ok());
            }
            let free = self.in_flight_max.saturating_sub(flights.len());
            // A few at a time would be many small transactions.
            let has_room = free * 4 >= self.in_flight_max;
            let room = if has_room && look_at <= Instant::now() { free } else { 0 };
            if room > 0 || !finished.is_empty() {
                let began = Instant::now();
                match self.app.round(self.channel, &self.policy, &finished, room).await {
                    Ok(round) => {
                        if round.seen > 0 || !finished.is_empty() {
                            pace.begin(began);
                        }
                        finished.clear();
                        if room > 0 {
                            look_at = Instant::now() + self.wait(&round, room);
                        }
                        for work in round.work {
                            let (delivery, secrets) = (self.delivery.clone(), self.secrets.clone());
                            flights.spawn(deliver(delivery, secrets, self.channel, work));
                        }
                    }
                    Err(error) => {
                        self.warn("sending waits for the database", &error);
                        tokio::select! {
                            () = shutdown.cancelled() => break,
                            () = tokio::time::sleep(DATABASE_PAUSE) => continue,
                        }
                    }
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(ended) = flights.join_next() => {
                    finished.extend(ended.ok());
                }
                () = self.wake.notified() => look_at = Instant::now(),
                () = tokio::time::sleep_until(look_at), if has_room => {}
            }
        }
        self.drain(flights, finished).await;
    }

    /// How long until the next look.
    fn wait(&self, round: &Round, room: usize) -> Duration {
        if round.seen == room {
            return Duration::ZERO;
        }
        let until = |next: Timestamp| (next - self.app.now()).to_std().unwrap_or(Duration::ZERO);
        round.next.map_or(POLL, until).min(POLL)
    }

    /// Waits for what is on its way, and notes it.
    async fn drain(&self, mut flights: JoinSet<Finished>, mut finished: Vec<Finished>) {
        let landed = async {
            while let Some(ended) = flights.join_next().await {
                finished.extend(ended.ok());
            }
        };
        let _ = tokio::time::timeout(DRAIN, landed).await;
        if let Err(error) = self.app.round(self.channel, &self.policy, &finished, 0).await {
            self.warn("outcomes are not noted; the vendors will be asked for them", &error);
        }
    }

    fn warn(&self, what: &str, error: &Error) {
        tracing::warn!(channel = %self.channel, error = error as &dyn std::error::Error, "{what}");
    }
}

/// Sends one message, in the trace of the event that it tells of.
async fn deliver<D: Delivery>(
    delivery: Arc<D>,
    secrets: Arc<Secrets>,
    channel: Channel,
    work: Work,
) -> Finished {
    let span = tracing::info_span!(
        "send",
        otel.name = format!("send {channel}"),
        workspace.id = %work.key.workspace,
        message.id = %work.key.id,
        message.attempt = work.attempt.during.attempts,
    );
    events::trace::continue_from(&span, work.traceparent.as_deref());
    let outcome = async {
        let secret = match &work.content.way_in {
            None => Ok(None),
            Some(way_in) => secrets.reveal(way_in).await.map(Some),
        };
        let outcome = match secret {
            Ok(secret) => delivery.deliver(&work, secret.as_ref()).await,
            Err(outcome) => outcome,
        };
        match &outcome {
            Outcome::Accepted { .. } => {}
            Outcome::Refused { reason } => {
                tracing::warn!(channel = %channel, reason, "a message was refused")
            }
            Outcome::NotSent { reason, .. } => {
                tracing::info!(channel = %channel, reason, "not sent; trying later")
            }
            Outcome::Unknown { reason } => {
                tracing::warn!(channel = %channel, reason, "nobody knows whether a message was sent");
            }
        }
        outcome
    }
    .instrument(span)
    .await;
    Finished { key: work.key, attempt: work.attempt, outcome }
}
