//! Use cases: begin, read, decide, write, outbox, commit.

mod clock_step;
mod explain;
mod hear;
mod listing;
mod manage;
mod preflight;
mod reconcile;
mod replan;
mod retire;
mod watch;
mod way_in;

pub(crate) use explain::Doors;

use std::sync::Arc;
use std::time::Duration;

use chassis::postgres::WorkspacePool;
use domain::{Clock, Timestamp};
use opentelemetry::metrics::Counter;
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::config::Config;
use crate::engine::Rules;
use crate::live::Watches;
use crate::model::Settings;

/// The service's use cases.
pub(crate) struct App {
    pool: WorkspacePool,
    platform: PgPool,
    clock: Arc<dyn Clock>,
    rules: Rules,
    defaults: Settings,
    due: Notify,
    watches: Arc<Watches>,
    drifts: Counter<u64>,
}

impl App {
    pub(crate) fn new(pool: WorkspacePool, platform: PgPool, clock: Arc<dyn Clock>, config: &Config) -> Self {
        Self {
            pool,
            platform,
            clock,
            rules: Rules {
                horizon: chrono::Duration::hours(config.engine.horizon_hours),
                in_flight_timeout: chrono::Duration::seconds(config.engine.in_flight_timeout_seconds),
            },
            defaults: Settings {
                lead_minutes: config.engine.lead_minutes,
                lag_minutes: config.engine.lag_minutes,
            },
            due: Notify::new(),
            watches: Arc::default(),
            drifts: opentelemetry::global::meter("access-control")
                .u64_counter("access.drifts")
                .with_description("Differences found between providers and what they should have, by kind")
                .build(),
        }
    }

    /// What the clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Who watches grants.
    pub(crate) fn watches(&self) -> Arc<Watches> {
        self.watches.clone()
    }

    /// Wakes the scheduler of this process: something may be due.
    pub(crate) fn wake(&self) {
        self.due.notify_one();
    }

    /// Until [`App::wake`].
    pub(crate) async fn woken(&self) {
        self.due.notified().await;
    }

    /// How long until `time`; a day if there is none.
    pub(crate) fn until(&self, time: Option<Timestamp>) -> Duration {
        let wait = time.map_or(chrono::Duration::days(1), |time| time - self.clock.now());
        wait.to_std().unwrap_or(Duration::ZERO)
    }
}
