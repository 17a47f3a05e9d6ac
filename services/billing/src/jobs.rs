//! What happens without being asked. Any number of replicas share the work.

mod expiry;
mod payments;
mod proof;
mod refunds;
mod run;
mod sweep;
mod webhooks;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub(crate) use expiry::Expiry;
pub(crate) use payments::{AT_ONCE, Payments};
pub(crate) use proof::Proof;
pub(crate) use refunds::{AT_ONCE as REFUNDS_AT_ONCE, Refunds};
pub(crate) use run::Run;
pub(crate) use sweep::Sweep;
pub(crate) use webhooks::{Forgetting, News, Reports};

/// Something that is done again and again.
pub(crate) trait Job: Send + Sync {
    /// Why it can't go on.
    type Error: std::error::Error + Send + 'static;

    /// How often it looks whether anything is due.
    const POLL: Duration;

    /// What the log says when it can't go on.
    const WAITS: &'static str;

    /// Does what is due longest. Whether anything was.
    fn next(&self) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

/// Does a job until the process ends.
pub(crate) async fn keep_at<J: Job>(job: J, shutdown: CancellationToken) {
    loop {
        let wait = match job.next().await {
            Ok(true) => Duration::ZERO,
            Ok(false) => J::POLL,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "{}", J::WAITS);
                J::POLL
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}
