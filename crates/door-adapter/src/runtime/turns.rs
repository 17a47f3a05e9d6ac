//! Jobs that take turns with accounts, each of which is with one process at a time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use events::outbox::OutboxError;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::error::{ApplyError, LedgerError, ProviderError};

/// Such a job.
pub(super) trait Job: Send + Sync + 'static {
    /// An account whose turn it is.
    type Claimed: Send + 'static;
    /// Accounts that one process is at.
    const ACCOUNTS_MAX: usize;

    /// Takes up to so many that are due.
    fn claim(&self, max: usize) -> impl Future<Output = Result<Vec<Self::Claimed>, sqlx::Error>> + Send;

    /// One account's turn.
    fn take_turn(
        &self,
        claimed: &Self::Claimed,
        shutdown: &CancellationToken,
    ) -> impl Future<Output = ()> + Send;
}

/// Takes turns until shutdown: whenever it is woken, and as often as `poll` says.
pub(super) async fn run<J: Job>(job: J, wake: &Notify, poll: Duration, shutdown: CancellationToken) {
    let (job, mut turns) = (Arc::new(job), JoinSet::new());
    while !shutdown.is_cancelled() {
        while turns.try_join_next().is_some() {}
        let room = J::ACCOUNTS_MAX.saturating_sub(turns.len());
        let claimed = if room == 0 { Ok(Vec::new()) } else { job.claim(room).await };
        let claimed = claimed.unwrap_or_else(|error| {
            tracing::warn!(job = std::any::type_name::<J>(), %error, "no account can be claimed; trying again");
            Vec::new()
        });
        for claimed in claimed {
            let (job, shutdown) = (job.clone(), shutdown.clone());
            turns.spawn(async move { job.take_turn(&claimed, &shutdown).await });
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = wake.notified() => {}
            () = sleep(poll) => {}
        }
    }
    while turns.join_next().await.is_some() {}
}

/// Why a turn ended before its time.
pub(super) enum Stopped {
    /// Something could not be read.
    Failed(ProviderError),
    /// Our part: the database is away.
    Ledger(LedgerError),
    /// Someone else has the account now, or the service stops.
    Left,
}

impl From<ApplyError> for Stopped {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Provider(error) => Self::Failed(error),
            ApplyError::Ledger(error) => Self::Ledger(error),
        }
    }
}

impl From<sqlx::Error> for Stopped {
    fn from(error: sqlx::Error) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<OutboxError> for Stopped {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Store(error) => error.into(),
            error @ OutboxError::TooLarge { .. } => sqlx::Error::Encode(error.into()).into(),
        }
    }
}
