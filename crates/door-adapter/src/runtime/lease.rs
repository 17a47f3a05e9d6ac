//! The lanes that this process works, and until when it may.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::{LaneKey, lane};

/// The leases of a process.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    held: Mutex<HashMap<(LaneKey, Uuid), Instant>>,
}

/// Leave to work a lane, until it runs out or is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    pub lane: LaneKey,
    pub token: Uuid,
    leases: Arc<Leases>,
}

impl Leases {
    /// Notes a lease that was claimed after `before`.
    pub(crate) fn hold(self: &Arc<Self>, lane: LaneKey, token: Uuid, until: Instant) -> Lease {
        self.lock().insert((lane, token), until);
        Lease { lane, token, leases: self.clone() }
    }

    /// Prolongs all leases, three times within the time of one, until shutdown and until none is held.
    pub(crate) async fn run(&self, pool: &PgPool, length: Duration, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(length / 3);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let held: Vec<(LaneKey, Uuid)> = self.lock().keys().copied().collect();
            if held.is_empty() {
                if shutdown.is_cancelled() {
                    return;
                }
                continue;
            }
            // The time before asking: the database's lease begins later, so it does not end earlier.
            let until = Instant::now() + length;
            match renew(pool, &held, length).await {
                Ok(renewed) => {
                    let mut known = self.lock();
                    for (key, lease) in known.iter_mut() {
                        if renewed.contains(&key.0) {
                            *lease = until;
                        }
                    }
                }
                Err(error) => tracing::warn!(error = %error, "leases cannot be renewed; trying again"),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(LaneKey, Uuid), Instant>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn renew(
    pool: &PgPool,
    held: &[(LaneKey, Uuid)],
    length: Duration,
) -> Result<std::collections::HashSet<LaneKey>, sqlx::Error> {
    let mut conn = pool.acquire().await?;
    Ok(lane::renew(&mut conn, held, length).await?.into_iter().collect())
}

impl Lease {
    /// Whether the lane is still ours.
    pub(crate) fn holds(&self) -> bool {
        let until = self.leases.lock().get(&(self.lane, self.token)).copied();
        until.is_some_and(|until| Instant::now() < until)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.lock().remove(&(self.lane, self.token));
    }
}
