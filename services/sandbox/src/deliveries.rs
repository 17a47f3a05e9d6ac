//! What the twins send out by themselves: webhooks and callbacks, with retries.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::DeliveriesConfig;

/// Takes what is to be sent. Cheap to clone.
#[derive(Clone)]
pub struct Deliveries {
    queue: mpsc::Sender<Delivery>,
    counters: Arc<Counters>,
}

/// One POST.
pub struct Delivery {
    /// Where to.
    pub url: String,
    /// All headers, the content type included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Wait before the first try, in real time.
    pub delay: Duration,
    /// Whether one try is all.
    pub is_tried_once: bool,
    /// Called once it is known how it went.
    pub done: Option<Box<dyn FnOnce(Outcome) + Send>>,
}

/// How a delivery went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered with a 2xx status.
    Delivered,
    /// All tries were answered otherwise, or not at all.
    Failed,
}

/// What became of all deliveries so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DeliveryCounts {
    /// Waiting or under way.
    pub pending: u64,
    /// Answered with a 2xx status.
    pub delivered: u64,
    /// Given up after the last try.
    pub failed: u64,
    /// Never tried, because too many were waiting.
    pub dropped: u64,
}

#[derive(Default)]
struct Counters {
    queued: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// The other end of the queue, until [`Queue::run`] takes it.
pub(crate) struct Queue {
    config: DeliveriesConfig,
    receiver: Mutex<Option<mpsc::Receiver<Delivery>>>,
    counters: Arc<Counters>,
}

impl Deliveries {
    pub(crate) fn new(config: DeliveriesConfig) -> (Self, Queue) {
        let (sender, receiver) = mpsc::channel(config.queue_max.max(1));
        let counters = Arc::new(Counters::default());
        let queue = Queue { config, receiver: Mutex::new(Some(receiver)), counters: counters.clone() };
        (Self { queue: sender, counters }, queue)
    }

    /// Sends a POST soon, with retries, and does not say how it went.
    pub fn post(&self, url: impl Into<String>, headers: HeaderMap, body: impl Into<Bytes>) {
        self.send(Delivery {
            url: url.into(),
            headers,
            body: body.into(),
            delay: Duration::ZERO,
            is_tried_once: false,
            done: None,
        });
    }

    /// Sends it, with retries. If too many are waiting it is dropped, which is counted.
    pub fn send(&self, delivery: Delivery) {
        self.counters.queued.fetch_add(1, Ordering::AcqRel);
        if self.queue.try_send(delivery).is_err() {
            self.counters.dropped.fetch_add(1, Ordering::AcqRel);
            tracing::warn!("too many webhooks are waiting: one was dropped");
        }
    }

    /// What became of all so far.
    pub fn counts(&self) -> DeliveryCounts {
        let delivered = self.counters.delivered.load(Ordering::Acquire);
        let failed = self.counters.failed.load(Ordering::Acquire);
        let dropped = self.counters.dropped.load(Ordering::Acquire);
        // Read last: never less than its parts.
        let queued = self.counters.queued.load(Ordering::Acquire);
        DeliveryCounts { pending: queued - delivered - failed - dropped, delivered, failed, dropped }
    }
}

impl Queue {
    /// Sends what comes until shutdown. What is under way then is given up.
    pub(crate) async fn run(&self, client: reqwest::Client, shutdown: CancellationToken) {
        let Some(mut receiver) = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let tracker = TaskTracker::new();
        let slots = Arc::new(Semaphore::new(self.config.in_flight_max.max(1)));
        let under_way = async {
            while let Some(delivery) = receiver.recv().await {
                // The semaphore is never closed.
                let Ok(slot) = slots.clone().acquire_owned().await else { return };
                let (client, config, counters, shutdown) =
                    (client.clone(), self.config.clone(), self.counters.clone(), shutdown.clone());
                tracker.spawn(async move {
                    let _slot = slot;
                    shutdown.run_until_cancelled(deliver(delivery, client, config, counters)).await;
                });
            }
        };
        shutdown.run_until_cancelled(under_way).await;
        tracker.close();
        tracker.wait().await;
        // So that a second `serve` in the same process goes on.
        *self.receiver.lock().unwrap_or_else(PoisonError::into_inner) = Some(receiver);
    }

    pub(crate) fn client(&self) -> Result<reqwest::Client, reqwest::Error> {
        reqwest::Client::builder()
            .timeout(Duration::from_millis(self.config.timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            .build()
    }
}

async fn deliver(
    delivery: Delivery,
    client: reqwest::Client,
    config: DeliveriesConfig,
    counters: Arc<Counters>,
) {
    let Delivery { url, headers, body, delay, is_tried_once, done } = delivery;
    tokio::time::sleep(delay).await;
    let mut wait = Duration::from_millis(config.retry_delay_ms);
    let longest = Duration::from_millis(config.retry_delay_max_ms);
    let mut outcome = Outcome::Failed;
    let tries = if is_tried_once { 1 } else { config.tries.max(1) };
    for nth in 0..tries {
        if nth > 0 {
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(longest);
        }
        match client.post(&url).headers(headers.clone()).body(body.clone()).send().await {
            Ok(response) if response.status().is_success() => {
                outcome = Outcome::Delivered;
                break;
            }
            Ok(response) => tracing::debug!(status = response.status().as_u16(), "webhook refused"),
            Err(error) => tracing::debug!(error = %error.without_url(), "webhook not delivered"),
        }
    }
    // Before the count, so that who sees the count sees the effect.
    if let Some(done) = done {
        done(outcome);
    }
    match outcome {
        Outcome::Delivered => counters.delivered.fetch_add(1, Ordering::AcqRel),
        Outcome::Failed => counters.failed.fetch_add(1, Ordering::AcqRel),
    };
}
