//! Finds lanes with work and gives each a worker.

use std::sync::Arc;

use events::pace::Pace;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Worker;
use super::lease::{Lease, Leases};
use crate::config::CommandsConfig;
use crate::provider::DoorProvider;
use crate::store::command::Batch;
use crate::store::{command, lane};

/// Lanes that are claimed at once at most.
const CLAIM_MAX: usize = 64;

/// Claims lanes as long as there is room.
pub(crate) struct Scheduler<P: DoorProvider> {
    worker: Arc<Worker<P>>,
    pool: PgPool,
    config: CommandsConfig,
    wake: Arc<Notify>,
    leases: Arc<Leases>,
}

impl<P: DoorProvider> Scheduler<P> {
    pub(crate) fn new(worker: Worker<P>) -> Self {
        let (pool, config, wake) = (worker.pool.clone(), worker.config.clone(), worker.wake.clone());
        Self { worker: Arc::new(worker), pool, config, wake, leases: Arc::default() }
    }

    /// Claims and works lanes until shutdown; then what is under way is finished, and the rest given back.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let renewing = self.leases.run(&self.pool, self.config.lease(), shutdown.clone());
        let claiming = self.claim_and_work(shutdown.clone());
        tokio::pin!(renewing, claiming);
        tokio::select! {
            () = &mut renewing => claiming.await,
            () = &mut claiming => {}
        }
    }

    async fn claim_and_work(&self, shutdown: CancellationToken) {
        let mut workers = JoinSet::new();
        let mut pace = Pace::default();
        while !shutdown.is_cancelled() {
            pace.ready().await;
            while workers.try_join_next().is_some() {}
            let room = self.config.accounts_max.saturating_sub(workers.len()).min(CLAIM_MAX);
            let began = Instant::now();
            let claimed = match self.claim(room).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::warn!(error = %error, "accounts cannot be claimed; trying again");
                    Vec::new()
                }
            };
            let is_full = room > 0 && claimed.len() == room;
            if !claimed.is_empty() && !is_full {
                pace.begin(began);
            }
            for (lease, batch) in claimed {
                let (worker, shutdown) = (self.worker.clone(), shutdown.clone());
                workers.spawn(async move { worker.run(lease, batch, shutdown).await });
            }
            if is_full {
                continue;
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.wake.notified(), if room > 0 => {}
                Some(_) = workers.join_next(), if room == 0 => {}
                () = sleep(self.config.poll()) => {}
            }
        }
        while workers.join_next().await.is_some() {}
    }

    async fn claim(&self, max: usize) -> Result<Vec<(Lease, Batch)>, sqlx::Error> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let mut conn = self.pool.acquire().await?;
        let (token, until) = (Uuid::now_v7(), Instant::now() + self.config.lease());
        let lanes = lane::claim(&mut conn, token, self.config.lease(), max).await?;
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        // Held from now on, so that they are renewed; given up again if the batches can't be read.
        let mut leases: Vec<Lease> = lanes.iter().map(|&lane| self.leases.hold(lane, token, until)).collect();
        let mut claimed = Vec::with_capacity(lanes.len());
        for batch in command::fetch(&mut conn, &lanes, self.config.batch).await? {
            if let Some(index) = leases.iter().position(|lease| lease.lane == batch.lane) {
                claimed.push((leases.swap_remove(index), batch));
            }
        }
        Ok(claimed)
    }
}
