//! Looks through Stripe accounts for what nobody has told.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How often it looks whether any are due.
const POLL: Duration = Duration::from_secs(5);

/// The job. Any number of replicas share the work.
pub(crate) struct Sweep {
    app: Arc<App>,
}

impl Sweep {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            let wait = match self.app.sweep_next().await {
                Ok(false) => POLL,
                Ok(true) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the money sweep waits");
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
