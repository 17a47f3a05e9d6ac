//! Use cases: begin, read, decide, write, outbox, commit. Answers are messages of the contract, for
//! they are remembered by `request_id` as such.

mod api_key;
mod audit;
mod booking;
mod contract;
mod entitlement;
pub(crate) mod ingest;
mod invoice;
mod membership;
mod pass;
mod pass_product;
mod person;
mod place;
mod plan;
mod retelling;
pub(crate) mod session;
mod team;
mod visit;

use std::sync::Arc;
use std::time::Duration;

use chassis::postgres::WorkspacePool;
use domain::{Clock, Timestamp};
use proto::Requirements;
use sqlx::PgPool;

/// The service's use cases.
#[derive(Clone)]
pub(crate) struct App {
    pool: WorkspacePool,
    platform: PgPool,
    clock: Arc<dyn Clock>,
    contracts: Requirements,
}

impl App {
    pub(crate) fn new(
        pool: WorkspacePool,
        platform: PgPool,
        clock: Arc<dyn Clock>,
        contracts: Requirements,
    ) -> Self {
        Self { pool, platform, clock, contracts }
    }

    /// The platform's methods, and whom they are for.
    pub(crate) fn contracts(&self) -> &Requirements {
        &self.contracts
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How long until `time`; a day if there is none.
    pub(crate) fn until(&self, time: Option<Timestamp>) -> Duration {
        let wait = time.map_or(chrono::Duration::days(1), |time| time - self.clock.now());
        wait.to_std().unwrap_or(Duration::ZERO)
    }
}
