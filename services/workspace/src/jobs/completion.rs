//! Completes confirmed bookings at their end.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Looks at least this often: a booking may have been confirmed meanwhile, and clocks step.
const POLL: Duration = Duration::from_secs(5);

/// The job. Idempotent; any number of replicas share the work.
pub(crate) struct Completion {
    app: Arc<App>,
}

impl Completion {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            let wait = match self.app.complete_due().await {
                Ok((completed, _)) if completed > 0 => Duration::ZERO,
                Ok((_, next)) => self.app.until(next).min(POLL),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "completing bookings waits");
                    POLL
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
