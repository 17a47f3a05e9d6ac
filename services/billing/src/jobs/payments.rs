//! Has payments charged.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How many payments a process is at, at the same time. Each waits for Stripe most of the time.
pub(crate) const AT_ONCE: usize = 8;
/// How often it looks whether any are due: somebody may be waiting.
const POLL: Duration = Duration::from_millis(500);

/// The job. Any number of replicas share the work.
pub(crate) struct Payments {
    app: Arc<App>,
}

impl Payments {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            let wait = match self.app.work_on_payment().await {
                Ok(false) => POLL,
                Ok(true) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "payments wait");
                    POLL
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
