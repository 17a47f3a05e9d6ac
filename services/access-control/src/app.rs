//! Use cases: begin, read, decide, write, outbox, commit.

mod card;
mod clock_step;
mod door_event;
mod door_schedule;
mod door_setting;
mod doors;
mod doorway;
mod explain;
mod follow;
mod hear;
mod listing;
mod lockdown;
mod log;
mod login;
mod manage;
mod operate;
mod preflight;
mod reconcile;
mod replan;
mod retire;
mod roster;
mod secrets;
mod watch;
mod way_in;

pub(crate) use card::{GivenCard, SoughtCard};
pub(crate) use door_schedule::NewSchedule;
pub(crate) use doors::DoorView;
pub(crate) use doorway::AskedAhead;
pub(crate) use explain::Doors;
pub(crate) use operate::{Asked, Caller};
pub(crate) use secrets::ShownSecret;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chassis::postgres::WorkspacePool;
use domain::{Clock, IntegrationId, Timestamp};
use opentelemetry::metrics::Counter;
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::config::Config;
use crate::control::Adapters;
use crate::engine::Rules;
use crate::live::Watches;
use crate::model::Settings;
use crate::store::{access_log, grant};

/// The service's use cases.
pub(crate) struct App {
    pool: WorkspacePool,
    platform: PgPool,
    clock: Arc<dyn Clock>,
    rules: Rules,
    defaults: Settings,
    due: Notify,
    watches: Arc<Watches>,
    additions: Arc<Watches>,
    drifts: Counter<u64>,
    adapters: Adapters,
    /// Accounts that are being asked for their doors.
    turns: Mutex<HashMap<IntegrationId, Arc<tokio::sync::Mutex<()>>>>,
}

impl App {
    pub(crate) fn new(
        pool: WorkspacePool,
        platform: PgPool,
        clock: Arc<dyn Clock>,
        adapters: Adapters,
        config: &Config,
    ) -> Self {
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
            additions: Arc::default(),
            drifts: opentelemetry::global::meter("access-control")
                .u64_counter("access.drifts")
                .with_description("Differences found between providers and what they should have, by kind")
                .build(),
            adapters,
            turns: Mutex::default(),
        }
    }

    /// Who watches grants, and who the access log, by the channel on which Postgres tells of changes.
    pub(crate) fn watches(&self) -> [(&'static str, Arc<Watches>); 2] {
        [(grant::CHANGES, self.watches.clone()), (access_log::ADDITIONS, self.additions.clone())]
    }

    /// Whoever asks an account for its doors does so after whoever does at the moment.
    fn turn_of(&self, account: IntegrationId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        turns.entry(account).or_default().clone()
    }

    /// What the clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
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
